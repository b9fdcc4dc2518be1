"""The check listener: one application function behind a small HTTP/1 protocol of ours on uvloop, and gRPC's methods.

If the application returns a Reply, the answer is written at once, without an await. If it returns an
awaitable, the connection waits for it before it reads more, so answers stay in order. A connection that begins with the
preface of HTTP/2 is one of gRPC; its calls are answered in any order.
"""

import asyncio
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable

from reputation.listeners.admission import Application, uncertified
from reputation.listeners.connection import Connection
from reputation.listeners.fast_path import PlainMessages
from reputation.listeners.grammar import HttpLimits
from reputation.listeners.http2.connection import GrpcConnection
from reputation.listeners.http2.methods import Methods
from reputation.listeners.lifetime import Lifetime
from reputation.listeners.states import BODY, CLOSING, HEAD, IDLE, STALLED
from reputation.listeners.tls import needs_certificate
from reputation.listeners.writer import FAILED, Answers
from reputation.wire.gateway import HttpMessage, Reply

BodyLimit = Callable[[bytes], int]
Log = Callable[[str, BaseException], None]


class LeanServer(Lifetime[Connection | GrpcConnection]):
    """All connections of one listener: their shared state, and counters for /metrics."""

    def __init__(
        self,
        application: Application,
        *,
        limits: HttpLimits,
        methods: Methods | None = None,
        body_limit: BodyLimit | None = None,
        log: Log | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.accepted = self.refused = self.requests = self.failures = 0
        self.bad_requests: Counter[str] = Counter()
        self.certified_only = False
        self.strangers = 0  # requests and calls without the certificate that is needed
        self.held = 0  # bytes of messages that have not arrived whole
        self._peers: Counter[str] = Counter()  # connections by address
        self._peer_of: dict[Connection | GrpcConnection, str] = {}
        self.application = application
        self.limits = limits
        self.methods: Methods = methods or {}
        self._for_strangers = uncertified(self.methods, self._count_stranger)
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
        self.draining = True
        for connection in self.connections:
            if isinstance(connection, GrpcConnection):
                connection.announce()
        return await super().drain(within)

    async def listen(self, sock: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        self.certified_only = needs_certificate(tls)
        await self.serve(sock, lambda loop: Connection(self, loop), tls)
        self.every(min(1.0, min(self._times.values()) / 4), lambda: self.sweep(self._clock()))

    def sweep(self, now: float) -> None:
        """Set the time for connections, and end those with a time-out.

        One pass over all costs less than a timer for each request. The Date header is renewed here too.
        """
        self.now = now
        self._refresh()
        for connection in [*self.connections, *self.refusing]:
            if isinstance(connection, GrpcConnection):
                connection.sweep()
            allowed = self._allowed(connection)
            if allowed is not None and now - connection.since > allowed:
                connection.expire()

    def _allowed(self, connection: Connection | GrpcConnection) -> float | None:
        """Return the seconds that a connection may do what it does. One that has asked nothing yet has the head's."""
        if connection in self.refusing:
            return self.limits.linger
        if isinstance(connection, Connection) and connection.fresh and connection.doing is IDLE:
            return min(self.limits.head_time, self.limits.idle)
        return self._times.get(connection.doing)

    def weighed(self, change: int) -> None:
        """Keep the bytes of incomplete messages within their bound: those that wait longest are cut, down to 3/4 of it.

        A request that arrives whole, as a gateway's do, holds nothing and is never cut.
        """
        self.held += change
        if change <= 0 or self.held <= self.limits.buffered:  # what a cut frees comes by here too
            return
        holders = [one for one in self.connections if isinstance(one, Connection) and one.holds]
        for connection in sorted(holders, key=lambda one: one.since):
            if self.held <= self.limits.buffered * 3 // 4:
                return
            self.bad_requests["memory"] += 1
            connection.cut()

    def failed(self, error: BaseException) -> Reply:
        self.failures += 1
        if self._log is not None:
            self._log("application_failed", error)
        return FAILED

    def turned(self, connection: Connection, transport: asyncio.Transport, data: bytes) -> None:
        """Go on with a connection that begins with the preface of HTTP/2."""
        methods = self._for_strangers if connection.stranger else self.methods
        new = GrpcConnection(self, transport, methods)
        self.connections.discard(connection)
        self.connections.add(new)
        if connection in self._peer_of:
            self._peer_of[new] = self._peer_of.pop(connection)
        transport.set_protocol(new)
        new.data_received(data)

    def left(self, connection: Connection | GrpcConnection) -> None:
        peer = self._peer_of.pop(connection, "")
        if peer:
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]
        super().left(connection)

    def _count_stranger(self) -> None:
        self.strangers += 1

    def _count(self, connection: Connection, peer: str) -> None:
        if peer:
            self._peer_of[connection] = peer
            self._peers[peer] += 1

    def admit(self, connection: Connection, peer: str = "") -> bool:
        """Take a new connection in, or refuse it; refused ones linger, but not as a way round the cap.

        peer: its address; one address has a cap of its own, so that it cannot take every place.
        """
        here = self._peers[peer] if peer else 0
        if len(self.connections) < self.limits.connections and here < self.limits.of_a_peer and self.accepting:
            self.accepted += 1
            self.connections.add(connection)
            self._count(connection, peer)
            return True
        self.refused += 1
        while self.refusing and len(self.refusing) * 8 >= self.limits.connections:
            oldest = next(iter(self.refusing))  # it had the most time to ask
            del self.refusing[oldest]
            oldest.abort()
        self.refusing[connection] = None
        return False


def _the_long_way(data: bytes, peer: str) -> HttpMessage | None:  # noqa: ARG001 - in the place of PlainMessages.read
    return None


async def start(
    application: Application,
    sock: socket.socket,
    *,
    limits: HttpLimits | None = None,
    body_limit: BodyLimit | None = None,
    methods: Methods | None = None,
    tls: ssl.SSLContext | None = None,
    log: Log | None = None,
) -> LeanServer:
    """Serve the application, and methods of gRPC, on a bound socket (see sockets.bind), on the running loop.

    body_limit: bytes allowed for a request target, else limits.body. log is called with an event's name and
    the exception behind it.
    """
    server = LeanServer(application, limits=limits or HttpLimits(), methods=methods, body_limit=body_limit, log=log)
    await server.listen(sock, tls)
    return server
