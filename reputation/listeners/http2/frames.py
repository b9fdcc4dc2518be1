"""The frames of HTTP/2 (RFC 9113, 4 and 6) and the settings of this server."""

from typing import Final

from reputation.listeners.http2.faults import FRAME_SIZE_ERROR, PROTOCOL_ERROR, ConnectionFault

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEAD: Final = 9
LARGEST_FRAME: Final = 16_384
"""Bytes of a frame's payload that every peer takes; this server takes no more either."""
LARGEST_WINDOW: Final = 0x7FFF_FFFF
FIRST_WINDOW: Final = 65_535
"""Bytes of each window before the settings of its owner have arrived."""

DATA: Final = 0x0
HEADERS: Final = 0x1
PRIORITY: Final = 0x2
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
PUSH_PROMISE: Final = 0x5
PING: Final = 0x6
GOAWAY: Final = 0x7
WINDOW_UPDATE: Final = 0x8
CONTINUATION: Final = 0x9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
WITH_PRIORITY: Final = 0x20

HEADER_TABLE_SIZE: Final = 0x1
ENABLE_PUSH: Final = 0x2
MAX_CONCURRENT_STREAMS: Final = 0x3
INITIAL_WINDOW_SIZE: Final = 0x4
MAX_FRAME_SIZE: Final = 0x5
MAX_HEADER_LIST_SIZE: Final = 0x6


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return (len(payload) << 48 | kind << 40 | flags << 32 | stream).to_bytes(FRAME_HEAD, "big") + payload


def settings(values: dict[int, int]) -> bytes:
    """Write the payload of SETTINGS."""
    return b"".join([(name << 32 | value).to_bytes(6, "big") for name, value in values.items()])


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """Read the payload of SETTINGS. Raises ConnectionFault."""
    if len(payload) % 6:
        raise ConnectionFault(FRAME_SIZE_ERROR, "SETTINGS is not a whole number of settings")
    return [(number(payload, at, 2), number(payload, at + 2, 4)) for at in range(0, len(payload), 6)]


def number(payload: bytes, at: int, size: int) -> int:
    value = 0
    for place in range(at, at + size):
        value = value << 8 | payload[place]
    return value


def unpadded(flags: int, payload: bytes) -> bytes:
    """Return the payload of DATA or HEADERS without its padding. Raises ConnectionFault."""
    if not flags & PADDED:
        return payload
    size = len(payload)
    if not size or payload[0] >= size:
        raise ConnectionFault(PROTOCOL_ERROR, "the padding is as long as its frame")
    return payload[1 : size - payload[0]]


def block_of(flags: int, payload: bytes) -> bytes:
    """Return the header block, or its start, in HEADERS. Raises ConnectionFault."""
    payload = unpadded(flags, payload)
    if not flags & WITH_PRIORITY:
        return payload
    if len(payload) < 5:
        raise ConnectionFault(FRAME_SIZE_ERROR, "HEADERS is too short for a priority")
    return payload[5:]


def check_size(payload: bytes, size: int, kind: str) -> None:
    """Check a frame whose payload has one size only. Raises ConnectionFault."""
    if len(payload) != size:
        raise ConnectionFault(FRAME_SIZE_ERROR, f"{kind} has not {size} bytes")
