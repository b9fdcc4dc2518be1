"""The answering half of a connection's header blocks: three blocks of constants, and statuses with a message."""

from typing import Final

from reputation.listeners.http2.frames import DATA, END_HEADERS, END_STREAM, FRAME_HEAD, HEADERS, frame
from reputation.listeners.http2.hpack import Encoder
from reputation.listeners.http2.static_table import Field

CONTENT_TYPE: Final[Field] = (b"content-type", b"application/grpc")
STATUS_OK: Final[Field] = (b"grpc-status", b"0")
_HTTP_OK: Final[Field] = (b":status", b"200")
_PRINTED: Final = frozenset(range(0x20, 0x7F)) - {0x25}
_LONGEST_MESSAGE: Final = 1024


def percent_encoded(message: str) -> bytes:
    """Write a status message as grpc-message has it."""
    raw = message[:_LONGEST_MESSAGE].encode()
    return b"".join([bytes((byte,)) if byte in _PRINTED else b"%%%02X" % byte for byte in raw]).strip(b" ")


class Answers:
    """Writes the frames of answers, in the order in which they are sent."""

    def __init__(self) -> None:
        self._encoder = Encoder((CONTENT_TYPE, STATUS_OK))
        self._start = self._end = b""  # the two blocks of an answer, once they are the same for all

    def resize(self, room: int) -> None:
        """Follow the peer's SETTINGS_HEADER_TABLE_SIZE."""
        self._encoder.resize(room)
        self._start = self._end = b""

    def whole(self, stream: int, payload: bytes) -> bytes:
        """Write a whole answer: its start, one framed message, and the status OK."""
        if not self._start:
            return self.start(stream) + frame(DATA, 0, stream, payload) + self.end(stream, 0, "")
        start, end, number = self._start, self._end, stream.to_bytes(4, "big")
        size = len(payload)
        data = (size << 16).to_bytes(5, "big")
        return b"".join((start, number, self._start_block, data, number, payload, end, number, self._end_block))

    def start(self, stream: int) -> bytes:
        return frame(HEADERS, END_HEADERS, stream, self._encoder.encode((_HTTP_OK, CONTENT_TYPE)))

    def end(self, stream: int, code: int, message: str) -> bytes:
        """Write the trailers of an answer that has begun."""
        settled = self._encoder.settled
        block = self._encoder.encode(_status(code, message))
        if code == 0 and settled:
            self._keep(block)
        return frame(HEADERS, END_HEADERS | END_STREAM, stream, block)

    def failure(self, stream: int, code: int, message: str) -> bytes:
        """Write an answer that is only a status."""
        fields = (_HTTP_OK, CONTENT_TYPE, *_status(code, message))
        return frame(HEADERS, END_HEADERS | END_STREAM, stream, self._encoder.encode(fields))

    def no_call(self, stream: int, status: int) -> bytes:
        """Write the answer to a request that is no call of gRPC: a status of HTTP alone."""
        return frame(HEADERS, END_HEADERS | END_STREAM, stream, self._encoder.encode(((b":status", b"%d" % status),)))

    def _keep(self, end: bytes) -> None:
        """Keep the two blocks without their streams' numbers."""
        start = self._encoder.encode((_HTTP_OK, CONTENT_TYPE))
        self._start_block, self._end_block = start, end
        self._start = frame(HEADERS, END_HEADERS, 0, start)[: FRAME_HEAD - 4]
        self._end = frame(HEADERS, END_HEADERS | END_STREAM, 0, end)[: FRAME_HEAD - 4]


def _status(code: int, message: str) -> tuple[Field, ...]:
    if code == 0:
        return (STATUS_OK,)
    return (b"grpc-status", b"%d" % code), (b"grpc-message", percent_encoded(message))
