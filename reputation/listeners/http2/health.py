"""The health of a listener's services: grpc.health.v1."""

from collections.abc import Callable, Iterable
from typing import Final

from reputation.listeners.http2.methods import Metadata, Methods, Receiver, Sender, Streaming, Unary
from reputation.wire.errors import BadRequest, NotFound

CHECK: Final[bytes] = b"/grpc.health.v1.Health/Check"
WATCH: Final[bytes] = b"/grpc.health.v1.Health/Watch"
SERVING: Final = b"\x08\x01"
"""Messages of HealthCheckResponse: its one field is the status."""
NOT_SERVING: Final = b"\x08\x02"
SERVICE_UNKNOWN: Final = b"\x08\x03"
_SERVICE: Final = 0x0A  # the tag of the one field of HealthCheckRequest, a string
_MOST: Final = 2 + 0x7F


class Health:
    """The two methods. services: by name; the empty name means all. ready: whether the sidecar takes requests."""

    def __init__(self, services: Iterable[bytes], ready: Callable[[], bool]) -> None:
        self._services = frozenset((b"", *services))
        self._ready = ready

    def methods(self) -> Methods:
        return {CHECK: Unary(self._check, _MOST), WATCH: Streaming(self._watch, _MOST)}

    def status(self, service: bytes) -> bytes:
        """Return the answer for a service."""
        if service not in self._services:
            return SERVICE_UNKNOWN
        return SERVING if self._ready() else NOT_SERVING

    def _check(self, message: bytes, metadata: Metadata) -> bytes:  # noqa: ARG002 - a method's signature
        found = self.status(service_in(message))
        if found == SERVICE_UNKNOWN:
            raise NotFound("no service has this name")
        return found

    def _watch(self, metadata: Metadata, sender: Sender) -> Receiver:  # noqa: ARG002 - the same
        return Watch(self, sender)


class Watch:
    """A stream that gets a service's status at its start, and again when the listener ends."""

    def __init__(self, health: Health, sender: Sender) -> None:
        self._health = health
        self._sender = sender

    def take(self, message: bytes) -> None:
        self._sender.send(self._health.status(service_in(message)))

    def end(self) -> None:
        """Keep the stream open: its client has nothing more to say."""

    def drain(self) -> None:
        self._sender.send(NOT_SERVING)
        self._sender.finish(0, "")

    def close(self) -> None:
        """Forget nothing: a watch holds nothing."""


def service_in(message: bytes) -> bytes:
    """Read HealthCheckRequest. Raises BadRequest."""
    if not message:
        return b""
    if len(message) < 2 or message[0] != _SERVICE or message[1] != len(message) - 2:
        raise BadRequest("the message is not a HealthCheckRequest", "")
    return message[2:]
