"""The check listener: one application function behind a small HTTP/1 protocol of ours on uvloop.

If the application returns a Reply, the answer is written at once, without an await. If it returns an
awaitable, the connection waits for it before it reads more, so answers stay in order.
"""

import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from reputation.listeners.connection import BODY, CLOSING, HEAD, IDLE, STALLED, Connection
from reputation.listeners.fast_path import PlainMessages
from reputation.listeners.grammar import HttpLimits
from reputation.listeners.lifetime import Lifetime
from reputation.listeners.writer import FAILED, Answers
from reputation.wire.gateway import HttpMessage, Reply

Application = Callable[[HttpMessage], Reply | Awaitable[Reply]]
BodyLimit = Callable[[bytes], int]
Log = Callable[[str, BaseException], None]


class LeanServer(Lifetime[Connection]):
    """All connections of one listener: their shared state, and counters for /metrics."""

    def __init__(
        self,
        application: Application,
        *,
        limits: HttpLimits,
        body_limit: BodyLimit | None = None,
        log: Log | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.accepted = self.refused = self.requests = self.failures = 0
        self.bad_requests: Counter[str] = Counter()
        self.application = application
        self.limits = limits
        self.body_limit: BodyLimit = body_limit or (lambda _target: limits.body)
        answers = Answers()
        self.render = answers.render
        self._refresh = answers.refresh
        self.plain = PlainMessages(limits, self.body_limit).read
        self.now = clock()
        self._clock = clock
        self._log = log
        self._times = {
            IDLE: limits.idle,
            HEAD: limits.head_time,
            BODY: limits.body_time,
            STALLED: limits.write_time,
            CLOSING: limits.linger,
        }

    async def drain(self, within: float) -> int:
        """As `Lifetime.drain`. From here on messages take the slow path: only its answers announce the end."""
        self.plain = _the_long_way
        return await super().drain(within)

    async def listen(self, sock: socket.socket) -> None:
        await self.serve(sock, lambda loop: Connection(self, loop))
        self.every(min(1.0, min(self._times.values()) / 4), lambda: self.sweep(self._clock()))

    def sweep(self, now: float) -> None:
        """Set the time for connections, and end those with a time-out.

        One pass over all costs less than a timer for each request. The Date header is renewed here too.
        """
        self.now = now
        self._refresh()
        for connection in [*self.connections, *self.refusing]:
            allowed = self._times.get(connection.doing)
            if allowed is not None and now - connection.since > allowed:
                connection.expire()

    def failed(self, error: BaseException) -> Reply:
        self.failures += 1
        if self._log is not None:
            self._log("application_failed", error)
        return FAILED

    def admit(self, connection: Connection) -> bool:
        """Take a new connection in, or refuse it; refused ones linger, but not as a way round the cap."""
        if len(self.connections) < self.limits.connections and self.accepting:
            self.accepted += 1
            self.connections.add(connection)
            return True
        self.refused += 1
        if len(self.refusing) * 8 < self.limits.connections:
            self.refusing.add(connection)
        return False


def _the_long_way(data: bytes, peer: str) -> HttpMessage | None:  # noqa: ARG001 - in the place of PlainMessages.read
    return None


async def start(
    application: Application,
    sock: socket.socket,
    *,
    limits: HttpLimits | None = None,
    body_limit: BodyLimit | None = None,
    log: Log | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> LeanServer:
    """Serve the application on a bound socket (see listener_sockets.bind), on the running loop.

    body_limit: bytes allowed for a request target, else limits.body. log is called with an event's name and
    the exception behind it. clock: seconds, of which only differences count.
    """
    server = LeanServer(application, limits=limits or HttpLimits(), body_limit=body_limit, log=log, clock=clock)
    await server.listen(sock)
    return server
