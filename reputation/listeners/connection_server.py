"""What a connection of the check listener needs of its server."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from reputation.listeners.grammar import HttpLimits
from reputation.listeners.http2.methods import Methods
from reputation.wire.gateway import HttpMessage, Reply


class ConnectionServer(Protocol):
    """What a connection needs of its server: the application, the limits and clock of all connections, and counters.

    certified_only: whether a connection needs a client's certificate. strangers: requests of those without one.
    """

    application: Callable[[HttpMessage], Reply | Awaitable[Reply]]
    limits: HttpLimits
    methods: Methods
    now: float
    requests: int
    accepting: bool
    certified_only: bool
    strangers: int

    @property
    def bad_requests(self) -> Counter[str]:
        """Requests that could not be read, by reason."""

    @property
    def body_limit(self) -> Callable[[bytes], int]:
        """Bytes allowed for a target."""

    @property
    def draining(self) -> bool:
        """Whether the next answer of each connection is its last."""

    @property
    def plain(self) -> Callable[[bytes, str], HttpMessage | None]:
        """Reads a message that arrived complete, else gives None."""

    @property
    def render(self) -> Callable[[Reply, bytes, bytes], bytes]:
        """Write an answer to a method, with a Connection line."""

    def admit(self, connection: Any, peer: str) -> bool:
        """Take a new connection of an address in, or refuse it."""

    def failed(self, error: BaseException) -> Reply:
        """Count a failure of the application, and give the answer to it."""

    def left(self, connection: Any) -> None:
        """Forget a connection that is closed."""

    def started(self, task: "asyncio.Task[Any]") -> None:
        """Keep an answer's task until it is done."""

    def weighed(self, change: int) -> None:
        """Note that incomplete messages hold so many bytes more, and cut some if they hold too many."""

    def turned(self, connection: Any, transport: asyncio.Transport, data: bytes) -> None:
        """Go on with a connection that begins with the preface of HTTP/2."""
