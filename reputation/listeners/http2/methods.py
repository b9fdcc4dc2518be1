"""The methods of a gRPC server, as its applications give them."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from reputation.listeners.http2.static_table import Field
from reputation.wire.later import Later

Metadata = list[Field]


class Sender(Protocol):
    """The answering half of a stream. A message for a stream that has ended is dropped."""

    def send(self, message: bytes) -> None:
        """Send one message."""

    def finish(self, code: int, message: str) -> None:
        """End the stream with a status."""


class Receiver(Protocol):
    """What a stream's messages are given to, in order."""

    def take(self, message: bytes) -> None:
        """Take a message. Raises Problem, which ends the stream with its status."""

    def end(self) -> None:
        """Note that the peer has sent all; finish the stream, now or later."""

    def drain(self) -> None:
        """Finish the stream, because the listener ends."""

    def close(self) -> None:
        """Forget the stream; called once, whoever ended it."""


class Unary(NamedTuple):
    """One message, one answer.

    answer: from the message's bytes and the call's metadata; raises Problem, which becomes the call's status.
    most: bytes of a message.
    """

    answer: Callable[[bytes, Metadata], bytes | Later[bytes]]
    most: int


class Streaming(NamedTuple):
    """Messages in both directions. open: called with the call's metadata. most: bytes of a message."""

    open: Callable[[Metadata, Sender], Receiver]
    most: int


Methods = Mapping[bytes, Unary | Streaming]
"""Methods by their path."""
