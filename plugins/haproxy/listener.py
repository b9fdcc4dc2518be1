"""The listener for HAProxy's SPOE (`--spoe`): feeds the codec, asks the application, writes ACKs.

The application is that of the check listener. It gives a Reply, which is acknowledged at once, or an awaitable, which
a task waits for; ACKs carry the ids of their NOTIFY, so that they need no order.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import cast

from msgspec import Struct
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from plugins.gateway import Application, Listening, Log
from reputation.listeners.lifetime import Lifetime
from reputation.listeners.sockets import bind
from reputation.wire.gateway import Reply

from .adapter import actions, as_message
from .spop import (
    MOST_FRAME,
    Agent,
    Disconnect,
    Event,
    Hello,
    Notify,
    put_ack,
    put_agent_disconnect,
    put_agent_hello,
)
from .spop_data import INVALID, NORMAL, RESOURCES, TIMED_OUT, SpopError

FULL = put_agent_disconnect(RESOURCES, "too many connections")
LEAVING = put_agent_disconnect(NORMAL, "shutting down")
CAPABILITIES = "pipelining"
FAILED = Reply(500)


class SpoeLimits(Struct, frozen=True):
    """Limits of one connection and of all connections. Sizes in bytes, times in seconds.

    idle: longer than HAProxy keeps an idle connection, so that it never writes into a closed one.
    """

    connections: int = 1024
    frame: int = MOST_FRAME
    waiting: int = 64  # messages of one connection that await an answer
    hello: float = 5.0
    idle: float = 300.0
    write: float = 20.0


class SpoeConnection(asyncio.Protocol):
    """One connection of HAProxy's."""

    __slots__ = ("_agent", "_held", "_peer", "_server", "_stalled", "_transport", "_waiting", "since")

    def __init__(self, server: "SpoeServer") -> None:
        self.since = server.now
        self._server = server
        self._agent = Agent(server.limits.frame)
        self._waiting = 0  # messages that tasks work on
        self._stalled = False  # HAProxy reads its ACKs too slowly
        self._held = False  # nothing is read for now
        self._peer = ""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        if not self._server.admit(self):
            self._close(FULL)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it by position
        self._agent.ended = True
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        if self._agent.greeted:  # a hello has to be whole in time, however it drips in
            self.since = self._server.now
        self._agent.feed(data)
        self._advance()

    def pause_writing(self) -> None:
        self._stalled = True
        self.since = self._server.now
        self._hold()

    def resume_writing(self) -> None:
        self._stalled = False
        self._advance()

    @property
    def fresh(self) -> bool:
        """Whether HAProxy has not greeted yet."""
        return not self._agent.greeted and not self._agent.ended

    @property
    def busy(self) -> bool:
        """Whether something of HAProxy's waits for an ACK."""
        return self._waiting > 0 or self._stalled

    def expire(self, now: float) -> None:
        """End a connection after a time-out of its greeting, its reading or its requests."""
        limits = self._server.limits
        allowed = limits.write if self._stalled else limits.idle if self._agent.greeted else limits.hello
        if now - self.since <= allowed or self._waiting:
            return
        if self._stalled or self._transport.is_closing():
            self._transport.abort()
        else:
            self._close(put_agent_disconnect(TIMED_OUT, "nothing came for too long"))

    def leave(self) -> None:
        """End the connection, now or once the last answer is written."""
        if not self.busy:
            self._close(LEAVING)

    def abort(self) -> None:
        self._transport.abort()

    def _advance(self) -> None:
        """Answer the received frames, up to the limit of waiting ones, and write the answers in one piece."""
        out: list[bytes] = []
        try:
            while not self._stalled and self._waiting < self._server.limits.waiting:
                event = self._agent.next_event()
                if event is None:
                    self._release()
                    break
                self._answer(event, out)
            else:
                self._hold()
        except SpopError as error:
            self._server.bad_frames += 1
            self._agent.ended = True
            out.append(put_agent_disconnect(error.code, str(error)))
        self._write(b"".join(out))
        if self._agent.ended:
            self._transport.close()

    def _answer(self, event: Event, out: list[bytes]) -> None:
        if isinstance(event, Notify):
            ack = self._ask(event)
            if ack is not None:
                out.append(ack)
        elif isinstance(event, Disconnect):
            out.append(put_agent_disconnect())
        else:
            out.append(self._greet(event))

    def _greet(self, hello: Hello) -> bytes:
        self.since = self._server.now
        if hello.healthcheck:
            self._agent.ended = True
        return put_agent_hello(self._agent.most, CAPABILITIES if CAPABILITIES in hello.capabilities else "")

    def _ask(self, notify: Notify) -> bytes | None:
        """Let the application answer; None when a task will."""
        server = self._server
        server.requests += 1
        if len(notify.messages) != 1:
            raise SpopError("a group has to have exactly one message", INVALID)
        try:
            reply = server.application(as_message(notify.messages[0], self._peer))
        except Exception as error:  # noqa: BLE001 - the boundary: the application's bug is this request's failure
            return self._ack(notify, server.failed(error))
        if isinstance(reply, Reply):
            return self._ack(notify, reply)
        self._waiting += 1
        server.started(asyncio.ensure_future(self._work(reply, notify)))
        return None

    async def _work(self, reply: Awaitable[Reply], notify: Notify) -> None:
        try:
            done = await reply
        except Exception as error:  # noqa: BLE001 - the same
            done = self._server.failed(error)
        self._waiting -= 1
        self.since = self._server.now
        self._write(self._ack(notify, done))
        if not self._agent.ended:
            self._advance()

    def _ack(self, notify: Notify, reply: Reply) -> bytes:
        """The ACK, without any variable if they are more than HAProxy takes in one frame."""
        ack = put_ack(notify.stream, notify.frame, actions(reply))
        if len(ack) > self._agent.most:
            error = ValueError(f"an ACK of {len(ack)} bytes; HAProxy takes frames of {self._agent.most}")
            return put_ack(notify.stream, notify.frame, actions(self._server.failed(error)))
        return ack

    def _write(self, data: bytes) -> None:
        if data and not self._transport.is_closing():
            self._transport.write(data)
        if self._server.draining:
            self.leave()

    def _close(self, last: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(last)
        self._agent.ended = True
        self._transport.close()

    def _hold(self) -> None:
        if not self._held and not self._transport.is_closing():
            self._held = True
            self._transport.pause_reading()

    def _release(self) -> None:
        if self._held and not self._transport.is_closing():
            self._held = False
            self._transport.resume_reading()


class SpoeServer(Lifetime[SpoeConnection]):
    """All connections: their shared state, and counters for /metrics."""

    def __init__(
        self, application: Application, *, limits: SpoeLimits, log: Log | None, clock: Callable[[], float]
    ) -> None:
        super().__init__()
        self.application = application
        self.limits = limits
        self.accepted = self.refused = self.requests = self.failures = self.bad_frames = 0
        self.now = clock()
        self._clock = clock
        self._log = log

    async def listen(self, sock: socket.socket) -> None:
        await self.serve(sock, lambda _loop: SpoeConnection(self))
        shortest = min(self.limits.hello, self.limits.idle, self.limits.write)
        self.every(min(1.0, shortest / 4), lambda: self.sweep(self._clock()))

    def sweep(self, now: float) -> None:
        """Set the time for all connections, and end connections with a time-out."""
        self.now = now
        for connection in [*self.connections]:
            connection.expire(now)

    def admit(self, connection: SpoeConnection) -> bool:
        if not self.accepting or len(self.connections) >= self.limits.connections:
            self.refused += 1
            return False
        self.accepted += 1
        self.connections.add(connection)
        return True

    def failed(self, error: BaseException) -> Reply:
        """Count and log a failure; HAProxy then continues as without Headcount."""
        self.failures += 1
        if self._log is not None:
            self._log("application_failed", error)
        return FAILED

    def metrics(self) -> Iterator[Metric]:
        """Return the counters for /metrics."""
        open_, name = "Connections open on the SPOE listener.", "headcount_spoe_"
        yield GaugeMetricFamily(f"{name}connections", open_, value=self.open)
        counted = {
            "connections_accepted": ("SPOE connections accepted.", self.accepted),
            "connections_refused": ("SPOE connections refused.", self.refused),
            "messages": ("Messages received over SPOE.", self.requests),
            "failures": ("SPOE messages that Headcount failed to answer.", self.failures),
            "bad_frames": ("SPOE connections ended for a bad frame.", self.bad_frames),
        }
        for what, (words, value) in counted.items():
            yield CounterMetricFamily(f"{name}{what}", words, value=value)


async def listen(asked: Listening) -> SpoeServer:
    """Serve SPOP where `--spoe` says."""
    return await start(asked.application, bind(asked.address, access=asked.access), log=asked.log)


async def start(
    application: Application,
    sock: socket.socket,
    *,
    limits: SpoeLimits | None = None,
    log: Log | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> SpoeServer:
    """Serve SPOP on a bound socket (see reputation.listeners.sockets.bind), on the running loop.

    log is called with an event's name and the exception behind it. clock: seconds, of which only differences count.
    """
    server = SpoeServer(application, limits=limits or SpoeLimits(), log=log, clock=clock)
    await server.listen(sock)
    return server
