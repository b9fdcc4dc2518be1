"""Envoy's RateLimitRequest, read by hand: to read it by protobuf's objects costs several times as much.

Fields that Headcount does not use are skipped. A test compares it with protobuf's own reading.
"""

from typing import Final

from reputation.wire.errors import BadRequest

Entries = list[tuple[str, str]]

NO_HITS: Final = -1
_MOST_SHIFT: Final = 63  # of a number: ten bytes of seven bits
_VARINT: Final = 0  # kinds of fields
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5


class Descriptor:
    """One descriptor. hits: its own `hits_addend`, or NO_HITS. negative: `is_negative_hits`."""

    def __init__(self) -> None:
        self.entries: Entries = []
        self.hits = NO_HITS
        self.negative = False


class LimitRequest:
    """The message."""

    def __init__(self) -> None:
        self.domain = ""
        self.descriptors: list[Descriptor] = []
        self.hits_addend = 0


def read(body: bytes) -> LimitRequest:
    """Read a message. Raises BadRequest."""
    found = LimitRequest()
    at, end = 0, len(body)
    while at < end:
        tag, at = _tag(body, at, end)
        if tag & 7 == _BYTES:
            at, stop = _piece(body, at, end)
            if tag >> 3 == 1:
                found.domain = _text(body, at, stop)
            elif tag >> 3 == 2:
                found.descriptors.append(_descriptor(body, at, stop))
            at = stop
        elif tag == 3 << 3:
            number, at = _number(body, at, end)
            found.hits_addend = number & 0xFFFF_FFFF
        else:
            at = _skip(body, tag, at, end)
    return found


def _descriptor(body: bytes, at: int, end: int) -> Descriptor:
    found = Descriptor()
    while at < end:
        tag, at = _tag(body, at, end)
        if tag & 7 == _BYTES:
            at, stop = _piece(body, at, end)
            if tag >> 3 == 1:
                found.entries.append(_entry(body, at, stop))
            elif tag >> 3 == 3:
                found.hits = _value(body, at, stop, max(found.hits, 0))
            at = stop
        elif tag == 4 << 3:
            number, at = _number(body, at, end)
            found.negative = number != 0
        else:
            at = _skip(body, tag, at, end)
    return found


def _entry(body: bytes, at: int, end: int) -> tuple[str, str]:
    key = value = ""
    while at < end:
        tag, at = _tag(body, at, end)
        if tag & 7 != _BYTES:
            at = _skip(body, tag, at, end)
            continue
        at, stop = _piece(body, at, end)
        if tag >> 3 == 1:
            key = _text(body, at, stop)
        elif tag >> 3 == 2:
            value = _text(body, at, stop)
        at = stop
    return key, value


def _value(body: bytes, at: int, end: int, found: int) -> int:
    """Read a UInt64Value."""
    while at < end:
        tag, at = _tag(body, at, end)
        if tag == 1 << 3:
            found, at = _number(body, at, end)
        elif tag & 7 == _BYTES:
            _, at = _piece(body, at, end)
        else:
            at = _skip(body, tag, at, end)
    return found


def _number(body: bytes, at: int, end: int) -> tuple[int, int]:
    """Read a number of 64 bits; return it, and the place after it."""
    if at < end and body[at] < 0x80:  # mostly it is one byte
        return body[at], at + 1
    found = shift = 0
    while at < end and shift <= _MOST_SHIFT:
        byte = body[at]
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise _malformed()


def _tag(body: bytes, at: int, end: int) -> tuple[int, int]:
    tag, at = _number(body, at, end)
    if not 0 < tag >> 3 < 1 << 29:
        raise _malformed()
    return tag, at


def _piece(body: bytes, at: int, end: int) -> tuple[int, int]:
    """Read a length; return where its bytes start and stop."""
    size, at = _number(body, at, end)
    if size > end - at:
        raise _malformed()
    return at, at + size


def _text(body: bytes, at: int, stop: int) -> str:
    try:
        return body[at:stop].decode()
    except UnicodeDecodeError:
        raise _malformed() from None


def _skip(body: bytes, tag: int, at: int, end: int) -> int:
    """Return the place after a field that is not used and has no length."""
    kind = tag & 7
    if kind == _VARINT:
        _, at = _number(body, at, end)
    elif kind == _FIXED64:
        at += 8
    elif kind == _FIXED32:
        at += 4
    else:
        raise _malformed()
    if at > end:
        raise _malformed()
    return at


def _malformed() -> BadRequest:
    return BadRequest("the body is not a RateLimitRequest of Envoy's API version 3", "")
