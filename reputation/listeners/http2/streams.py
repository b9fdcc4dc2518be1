"""One stream: what its peer has sent so far, and what still waits for the peer's window."""

from typing import Final

from reputation.listeners.http2.heads import COMPRESSED, Head
from reputation.listeners.http2.methods import Streaming
from reputation.listeners.http2.statuses import (
    INVALID_ARGUMENT,
    RESOURCE_EXHAUSTED,
    UNIMPLEMENTED,
    GrpcStatus,
)

PREFIX: Final = 5
"""Bytes before a message: whether it is compressed, and its length in four."""


def framed(message: bytes) -> bytes:
    """Write a message as a stream carries it, not compressed."""
    return len(message).to_bytes(PREFIX, "big") + message


class Stream:
    """One stream of a connection. number: its id. since: when the message that is incomplete began."""

    def __init__(self, number: int, head: Head, most: int, credit: int, window: int) -> None:
        """most: bytes of a message. credit: what the peer may send. window: what we may send."""
        self.number = number
        self.head = head
        self.most = most
        self.credit = credit
        self.window = window
        self.since = 0.0
        self.buffer = bytearray()
        self.message: bytes | None = None  # the one of a method with one, until the peer has sent all
        self.ended = False  # the peer has sent all
        self.begun = False  # our header block is sent
        self.closed = False
        self.working = False  # an answer is being made
        self.deadline = 0.0  # on the loop's clock, when the caller stops waiting; 0: it waits
        self.queued = bytearray()  # framed messages that wait for the window
        self.trailers: tuple[int, str] | None = None  # the status to send after them

    @property
    def streaming(self) -> bool:
        return isinstance(self.head.method, Streaming)

    @property
    def held(self) -> int:
        """Bytes kept of what the peer has sent."""
        return self.head.size + len(self.buffer) + (0 if self.message is None else len(self.message))

    def take(self, payload: bytes) -> list[bytes]:
        """Take the payload of DATA, and return the messages that are whole now. Raises GrpcStatus."""
        size = len(payload)
        if not self.buffer and size >= PREFIX and not payload[0]:
            length = payload[1] << 24 | payload[2] << 16 | payload[3] << 8 | payload[4]
            if length == size - PREFIX and length <= self.most:
                return [payload[PREFIX:]]
        self.buffer += payload
        return self._whole()

    def _whole(self) -> list[bytes]:
        found: list[bytes] = []
        at, data = 0, self.buffer
        while len(data) - at >= PREFIX:
            end = at + PREFIX + self._length(data, at)
            if len(data) < end:
                break
            found.append(bytes(data[at + PREFIX : end]))
            at = end
        if at:
            del data[:at]
        return found

    def _length(self, data: bytearray, at: int) -> int:
        if data[at] > 1:
            raise GrpcStatus(INVALID_ARGUMENT, "a message does not begin with its frame")
        if data[at]:
            raise GrpcStatus(UNIMPLEMENTED, COMPRESSED)
        length = data[at + 1] << 24 | data[at + 2] << 16 | data[at + 3] << 8 | data[at + 4]
        if length > self.most:
            raise GrpcStatus(RESOURCE_EXHAUSTED, f"a message has at most {self.most} bytes")
        return length
