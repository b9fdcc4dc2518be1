"""SPOP's building blocks, read from and written to bytes: integers of varying length, strings, typed values.

After doc/SPOE.txt of HAProxy, section 3.1. Reading raises SpopError and nothing else, whatever the bytes are.
"""

import socket
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any

Value = None | bool | int | bytes
"""What a typed value is read as. An address is its text, such as b"192.0.2.1"; a string is its bytes."""
Written = Value | str | IPv4Address | IPv6Address
"""What can be written: int as a 64-bit integer, str as a string, bytes as binary."""

ONE_BYTE = 240  # smaller numbers are one byte
WORD = 1 << 64
LONGEST_VARINT = 10  # bytes that a 64-bit number takes
NULL, BOOL, INT32, UINT32, INT64, UINT64, IPV4, IPV6, STRING, BINARY = range(10)
TEXTS = (STRING, BINARY)
_SHORT = [bytes((size,)) for size in range(ONE_BYTE)]
TYPE = 0x0F
TRUE = 0x10

# section 3.5: status codes of a disconnect
NORMAL, IO_ERROR, TIMED_OUT, TOO_BIG, INVALID = range(5)
NO_VERSION, NO_FRAME_SIZE, NO_CAPABILITIES, BAD_VERSION, BAD_FRAME_SIZE, FRAGMENTED = range(5, 11)
RESOURCES = 13


class SpopError(ValueError):
    """The peer's bytes are not SPOP 2.0 as this agent speaks it; code is the status for AGENT-DISCONNECT."""

    def __init__(self, message: str, code: int = INVALID) -> None:
        super().__init__(message)
        self.code = code


def byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise SpopError("the frame ends inside a value")
    return data[at]


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read an integer of 0 to 2**64 - 1; return it and where the next value starts."""
    value = byte(data, at)
    at += 1
    if value < ONE_BYTE:
        return value, at
    for shift in range(4, 4 + 7 * (LONGEST_VARINT - 1), 7):
        more = byte(data, at)
        at += 1
        value += more << shift
        if more < 0x80:
            break
    else:
        raise SpopError("an integer is too long")
    if value >= WORD:
        raise SpopError("an integer has more than 64 bits")
    return value, at


def put_varint(value: int) -> bytes:
    """Write an integer of 0 to 2**64 - 1."""
    if value < ONE_BYTE:
        return bytes((value,))
    written = bytearray(((value | 0xF0) & 0xFF,))
    value = (value - ONE_BYTE) >> 4
    while value >= 0x80:
        written.append((value | 0x80) & 0xFF)
        value = (value - 0x80) >> 7
    written.append(value)
    return bytes(written)


def take(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    end = at + size
    if end > len(data):
        raise SpopError("the frame ends inside a value")
    return data[at:end], end


def string(data: bytes, at: int) -> tuple[bytes, int]:
    size = byte(data, at)
    at += 1
    if size >= ONE_BYTE:
        size, at = varint(data, at - 1)
    end = at + size
    if end > len(data):
        raise SpopError("the frame ends inside a value")
    return data[at:end], end


def put_string(value: bytes) -> bytes:
    size = len(value)
    return (_SHORT[size] if size < ONE_BYTE else put_varint(size)) + value


def _null(_data: bytes, at: int, _flags: int) -> tuple[Value, int]:
    return None, at


def _bool(_data: bytes, at: int, flags: int) -> tuple[Value, int]:
    return bool(flags & TRUE), at


def _int32(data: bytes, at: int, _flags: int) -> tuple[Value, int]:
    """Read a signed integer, written as 64 bits for every type."""
    value, at = _int64(data, at, 0)
    if not -(1 << 31) <= value < 1 << 31:
        raise SpopError("a 32-bit integer is out of range")
    return value, at


def _uint32(data: bytes, at: int, _flags: int) -> tuple[Value, int]:
    value, at = varint(data, at)
    if value >= 1 << 32:
        raise SpopError("a 32-bit integer is out of range")
    return value, at


def _int64(data: bytes, at: int, _flags: int) -> tuple[int, int]:
    value, at = varint(data, at)
    return value - WORD if value >= WORD >> 1 else value, at


def _uint64(data: bytes, at: int, _flags: int) -> tuple[Value, int]:
    return varint(data, at)


def _ipv4(data: bytes, at: int, _flags: int) -> tuple[Value, int]:
    packed, at = take(data, at, 4)
    return socket.inet_ntop(socket.AF_INET, packed).encode(), at


def _ipv6(data: bytes, at: int, _flags: int) -> tuple[Value, int]:
    packed, at = take(data, at, 16)
    return socket.inet_ntop(socket.AF_INET6, packed).encode(), at


_READERS: Mapping[int, Callable[[bytes, int, int], tuple[Value, int]]] = {
    NULL: _null,
    BOOL: _bool,
    INT32: _int32,
    UINT32: _uint32,
    INT64: _int64,
    UINT64: _uint64,
    IPV4: _ipv4,
    IPV6: _ipv6,
}


def typed(data: bytes, at: int) -> tuple[Value, int]:
    """Read one typed value; return it and where the next one starts."""
    kind = byte(data, at)
    if kind & TYPE in TEXTS:  # most arguments are, and this is the request path
        return string(data, at + 1)
    reader = _READERS.get(kind & TYPE)
    if reader is None:
        raise SpopError(f"unknown type of value: {kind & TYPE}")
    return reader(data, at + 1, kind)


def _put_string(value: str) -> bytes:
    return _SHORT[STRING] + put_string(value.encode())


def _put_int(value: int) -> bytes:
    return bytes((INT64,)) + put_varint(value % WORD)


_WRITERS: Mapping[type, Callable[[Any], bytes]] = {
    type(None): lambda _: bytes((NULL,)),
    bool: lambda value: bytes((BOOL | TRUE if value else BOOL,)),
    int: _put_int,
    str: _put_string,
    bytes: lambda value: bytes((BINARY,)) + put_string(value),
    IPv4Address: lambda value: bytes((IPV4,)) + value.packed,
    IPv6Address: lambda value: bytes((IPV6,)) + value.packed,
}


def put_typed(value: Written) -> bytes:
    """Write one typed value. An integer has to fit 64 bits, with its sign."""
    return _WRITERS[type(value)](value)


def put_uint32(value: int) -> bytes:
    """Write an integer as the type of sizes and codes in a handshake."""
    return bytes((UINT32,)) + put_varint(value)
