"""The words that a member may have, found in the type of the body by the path to the member."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

_STEP = re.compile(r"\.([^.\[]+)|\[[^\]]*\]")


def words_at(kind: Any, path: str) -> list[str]:
    """Return the words of the member at a path such as `.account.verified[0]`; none if any word will do."""
    found = _bare(kind)
    for step in _STEP.finditer(path):
        found = _bare(_inside(found, step[1]))
    return [str(word) for word in get_args(found)] if get_origin(found) is Literal else []


def _bare(kind: Any) -> Any:
    """Remove descriptions, and the null of an optional value."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    parts = [part for part in get_args(kind) if part is not type(None)]
    return _bare(parts[0]) if type(None) in get_args(kind) and len(parts) == 1 else kind


def _inside(kind: Any, member: str | None) -> Any:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = msgspec.structs.fields(kind)
        return next((field.type for field in fields if field.encode_name == member), None)
    of = get_args(kind)
    place = 1 if isinstance(get_origin(kind), type) and issubclass(get_origin(kind), Mapping) else 0
    return of[place] if len(of) > place else None
