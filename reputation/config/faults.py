"""Finds the first fault in a configuration: the message is msgspec's, the path of keys is found here."""

import difflib
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import inspect

from reputation.config.yaml_lines import Path


class Fault(NamedTuple):
    path: Path
    message: str


def first_fault(data: Any, kind: type) -> Fault | None:
    """Find the first value in plain data with the wrong type; None if all values fit."""
    return _fault(data, inspect.type_info(kind), kind, ())


def _fault(data: Any, info: inspect.Type, kind: Any, path: Path) -> Fault | None:
    """Descend to the innermost fault; without a fault inside, the value itself is converted to `kind`."""
    info = _bare(info) if data is None else _given(_bare(info))
    if isinstance(info, inspect.StructType) and isinstance(data, dict):
        found = _in_struct(data, info, path)
    elif isinstance(info, inspect.DictType) and isinstance(data, dict):
        found = _in_dict(data, info, path)
    elif isinstance(info, inspect.VarTupleType) and isinstance(data, list):
        items = ((_fault(item, info.item_type, None, (*path, i))) for i, item in enumerate(data))
        found = next((fault for fault in items if fault), None)
    else:
        found = None
    return found or _own_fault(data, info, kind, path)


def _in_struct(data: dict[Any, Any], info: inspect.StructType, path: Path) -> Fault | None:
    fields = {field.encode_name: field for field in info.fields}
    for key, value in data.items():
        if key not in fields:
            return Fault((*path, key), f"unknown key; {nearest(str(key), list(fields))}")
        fault = _fault(value, fields[key].type, None, (*path, key))
        if fault:
            return fault
    return None


def _in_dict(data: dict[Any, Any], info: inspect.DictType, path: Path) -> Fault | None:
    for key, value in data.items():
        message = _message(key, info.key_type)
        if message:
            return Fault((*path, key), f"this key is not valid here: {message}")
        fault = _fault(value, info.value_type, None, (*path, key))
        if fault:
            return fault
    return None


def _own_fault(data: Any, info: inspect.Type, kind: Any, path: Path) -> Fault | None:
    message = _message(data, info) if kind is None else _convert(data, kind)
    return Fault(path, message) if message else None


def _bare(info: inspect.Type) -> inspect.Type:
    """Remove the wrapping with descriptions."""
    return _bare(info.type) if isinstance(info, inspect.Metadata) else info


def _given(info: inspect.Type) -> inspect.Type:
    """Return the type of an optional value."""
    if not isinstance(info, inspect.UnionType):
        return info
    parts = [part for part in info.types if not isinstance(part, inspect.NoneType)]
    return _bare(parts[0]) if len(parts) == 1 else info


def _message(data: Any, info: inspect.Type) -> str | None:
    info = _bare(info)
    if isinstance(info, inspect.LiteralType):
        words = [str(value) for value in info.values]
        return None if data in info.values else f"{data!r} is not known; {nearest(str(data), words)}"
    if isinstance(info, inspect.UnionType):
        messages = [_message(data, part) for part in info.types]
        return None if None in messages else messages[0]
    return _convert(data, _as_type(info))


def _as_type(info: inspect.Type) -> Any:
    """Rebuild a type from its description, with its bounds; for the types in a configuration."""
    if isinstance(info, inspect.StructType):
        return info.cls
    names = ("gt", "ge", "lt", "le", "min_length", "max_length", "pattern")
    bounds = {name: value for name in names if (value := getattr(info, name, None)) is not None}
    plain = _PLAIN.get(type(info), Any)
    return Annotated[plain, msgspec.Meta(**bounds)] if bounds else plain


_PLAIN: dict[type[inspect.Type], Any] = {
    inspect.BoolType: bool,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.StrType: str,
    inspect.NoneType: type(None),
    inspect.DictType: dict,
    inspect.VarTupleType: tuple,
}


def _convert(data: Any, kind: Any) -> str | None:
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def nearest(word: str, known: list[str]) -> str:
    """Return a hint: the most similar known word, or a list of all known words."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
