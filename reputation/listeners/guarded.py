"""Bounds for an aiohttp application: connections, time for a head and for a body, and headers of every answer.

aiohttp bounds sizes, and the time between two requests of a connection. It waits without end for a first request, for
the rest of a head, and for a body.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import NamedTuple, cast

from aiohttp import web
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from reputation.listeners.sockets import BACKLOG

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Bounds(NamedTuple):
    """connections: open at a time; head, body, idle: seconds for a head, for a body, and between two requests."""

    connections: int = 256
    head: float = 10.0
    body: float = 30.0
    idle: float = 75.0


class Guard:
    """The bounds of one application, and its counts. `name` is a label of the metrics."""

    def __init__(self, name: str, bounds: Bounds | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.bounds = bounds or Bounds()
        self.refused = 0
        self.expired = 0
        self._name = name
        self._clock = clock
        self._open: dict[asyncio.BaseProtocol, Guarded] = {}  # by aiohttp's protocol of the connection

    @contextlib.asynccontextmanager
    async def serving(self, app: web.Application, sock: socket.socket, longest_line: int = 8190) -> AsyncIterator[None]:
        """Serve an application on a bound socket."""
        app.middlewares.append(self.bound)  # the innermost: the application's own turn its error into an answer
        app.on_response_prepare.append(_headers)
        runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            max_line_size=longest_line,
            keepalive_timeout=self.bounds.idle,
        )
        await runner.setup()
        loop, made = asyncio.get_running_loop(), runner.server
        assert made is not None  # noqa: S101 - set up above
        listening = await loop.create_server(lambda: Guarded(self, made()), sock=sock, backlog=BACKLOG)
        sweeping = loop.create_task(self._sweep())
        try:
            yield
        finally:
            sweeping.cancel()
            listening.close()
            await runner.cleanup()

    @web.middleware
    async def bound(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Read the body in its time, then answer; the connection is at work until then."""
        connection = self._open.get(request.protocol)
        if connection is not None:
            connection.begin()
        try:
            if request.can_read_body:
                async with asyncio.timeout(self.bounds.body):
                    await request.read()
        except TimeoutError:
            self.expired += 1
            raise web.HTTPRequestTimeout(text="the body took too long to arrive") from None
        try:
            return await handler(request)
        finally:
            if connection is not None:
                connection.end()

    def admit(self, connection: "Guarded", protocol: asyncio.BaseProtocol) -> bool:
        """Take a connection in, if there is room."""
        if len(self._open) >= self.bounds.connections:
            self.refused += 1
            return False
        self._open[protocol] = connection
        return True

    def left(self, protocol: asyncio.BaseProtocol) -> None:
        """Forget a connection that has ended."""
        self._open.pop(protocol, None)

    def now(self) -> float:
        return self._clock()

    def metrics(self) -> Iterator[Metric]:
        """Connections that are open, that were refused, and that were ended because they sent too slowly."""
        open_ = GaugeMetricFamily("headcount_aiohttp_connections", "Open connections by listener.", labels=["listener"])
        refused = CounterMetricFamily(
            "headcount_aiohttp_connections_refused", "Connections above the cap.", labels=["listener"]
        )
        expired = CounterMetricFamily(
            "headcount_aiohttp_connections_expired", "Connections that sent too slowly.", labels=["listener"]
        )
        open_.add_metric([self._name], len(self._open))
        refused.add_metric([self._name], self.refused)
        expired.add_metric([self._name], self.expired)
        yield from (open_, refused, expired)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self.bounds.head / 4))
            now = self.now()
            for connection in list(self._open.values()):
                if connection.since is not None and now - connection.since > self.bounds.head:
                    self.expired += 1
                    connection.abort()


class Guarded(asyncio.Protocol):
    """A connection between the loop and aiohttp. since: when the head began that is awaited; None: none is."""

    def __init__(self, guard: Guard, inner: asyncio.Protocol) -> None:
        self.since: float | None = None
        self._guard = guard
        self._inner = inner
        self._admitted = False
        self._working = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._admitted = self._guard.admit(self, self._inner)
        if not self._admitted:
            self._transport.abort()
            return
        self.since = self._guard.now()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self.since is None and not self._working:
            self.since = self._guard.now()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._admitted:
            self._guard.left(self._inner)
            self._inner.connection_lost(exc)

    def begin(self) -> None:
        """A head has arrived, and its request is answered now."""
        self.since, self._working = None, True

    def end(self) -> None:
        """The answer is written; aiohttp itself bounds the time until the next head begins."""
        self._working = False

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()


async def _headers(_: web.Request, response: web.StreamResponse) -> None:
    """No cache keeps an answer, no browser guesses its type, and it does not say what serves it."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.pop("Server", None)
