"""Protobuf's bytes, written by hand: answers are small, and building their messages costs more than a verdict."""

import struct
from typing import Final

NUMBER: Final = 0x11
"""Tags of google.protobuf.Value: a number, text, a structure."""
TEXT: Final = 0x1A
STRUCTURE: Final = 0x2A
_double: Final = struct.Struct("<d").pack
_BYTES: Final = [bytes((value,)) for value in range(256)]


def varint(value: int) -> bytes:
    """Write a number, 0 or above."""
    if value < 0x80:
        return _BYTES[value]
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def number(tag: int, value: int) -> bytes:
    """Write a field with a number; nothing for 0, as proto3 does."""
    return _BYTES[tag] + varint(value) if value else b""


def field(tag: int, payload: bytes) -> bytes:
    """Write a field with bytes, text or a message."""
    return _BYTES[tag] + varint(len(payload)) + payload


def text(tag: int, value: bytes) -> bytes:
    """Write a field with text; nothing for the empty one, as proto3 does."""
    return field(tag, value) if value else b""


_names: Final[dict[bytes, bytes]] = {}  # keys of HeaderValues by header; all of them are ours, so they are few


def header(tag: int, name: bytes, value: bytes) -> bytes:
    """Write a field with a HeaderValue: field 1 the key, in lower case, 2 the value."""
    key = _names.get(name)
    if key is None:
        key = _names[name] = field(0x0A, name.lower())
    return field(tag, key + text(0x12, utf8(value)))


def utf8(value: bytes) -> bytes:
    """The bytes of a header as protobuf's text has them; ours are ASCII."""
    return value if value.isascii() else value.decode("latin-1").encode()


def member(name: bytes, kind: int, value: bytes) -> bytes:
    """Write one member of a google.protobuf.Struct: its map's entry, with a Value of this kind."""
    found = _BYTES[kind] + value if kind == NUMBER else field(kind, value)
    return field(0x0A, field(0x0A, name) + field(0x12, found))


def double(value: float) -> bytes:
    packed: bytes = _double(value)
    return packed
