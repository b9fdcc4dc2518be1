"""Messages as JSON and back, by the fields of their dataclasses."""

import dataclasses
import json
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Message = TypeVar("Message")
_HINTS: dict[type, Mapping[str, Any]] = {}
PLAIN = (dict, str, int, float, bool)


class MalformedError(Exception):
    """An answer is not the message that it should be."""


def encode(value: Any) -> bytes:
    """Return a message, or a sequence of messages, as JSON. Members with their default value are left out."""
    return json.dumps(_as_json(value), separators=(",", ":"), allow_nan=False).encode()


def _as_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        fields = [(field, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return {field.name: _as_json(member) for field, member in fields if member != field.default}
    if isinstance(value, tuple | list):
        return [_as_json(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def decode(kind: type[Message], body: bytes) -> Message:
    """Read a message from JSON. Unknown members are ignored. Raises MalformedError."""
    return read(kind, loads(body))


def loads(body: bytes) -> Any:
    """Read JSON. Raises MalformedError."""
    try:
        return json.loads(body)
    except ValueError as error:
        raise MalformedError(f"not JSON: {error}") from None


def read(kind: type[Message], found: Any) -> Message:
    """Make a message from parsed JSON. Raises MalformedError."""
    if not isinstance(found, dict):
        raise MalformedError(f"expected an object for {kind.__name__}")
    hints = _hints_of(kind)
    members = {name: _member(hint, found[name]) for name, hint in hints.items() if name in found}
    try:
        return kind(**members)
    except TypeError as error:
        raise MalformedError(str(error)) from None


def _hints_of(kind: type) -> Mapping[str, Any]:
    if kind not in _HINTS:
        _HINTS[kind] = get_type_hints(kind)
    return _HINTS[kind]


def _member(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return read(hint, value)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise MalformedError("expected a list")
        return tuple(_member(get_args(hint)[0], item) for item in value)
    if not isinstance(value, PLAIN):
        raise MalformedError("expected a value, not a list")
    return value
