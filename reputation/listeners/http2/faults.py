"""Faults of a peer in HTTP/2, by the reach of their effect, with the error codes of RFC 9113, 7."""

from typing import Final

NO_ERROR: Final = 0x0
PROTOCOL_ERROR: Final = 0x1
FLOW_CONTROL_ERROR: Final = 0x3
STREAM_CLOSED: Final = 0x5
FRAME_SIZE_ERROR: Final = 0x6
REFUSED_STREAM: Final = 0x7
CANCEL: Final = 0x8
COMPRESSION_ERROR: Final = 0x9
ENHANCE_YOUR_CALM: Final = 0xB


class ConnectionFault(Exception):
    """The connection cannot go on. code: for GOAWAY; the message is its debug data and names no client's data."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class StreamFault(Exception):
    """One stream cannot go on. code: for RST_STREAM."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class HpackFault(ConnectionFault):
    """A header block cannot be decoded, so neither can any later block of the connection."""

    def __init__(self, detail: str) -> None:
        super().__init__(COMPRESSION_ERROR, detail)
