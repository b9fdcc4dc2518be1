"""The lifetime of a listener: its connections and tasks, its tick, and its end."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from reputation.listeners.draining import let_last_in
from reputation.listeners.sockets import BACKLOG

FIRST_WORDS = 1.0
"""Seconds in which a connection that has asked nothing yet may do so, once its listener ends."""


class ClosableConnection(Protocol):
    """A connection, as far as its listener's end needs it."""

    @property
    def fresh(self) -> bool:
        """Whether no request has arrived yet; the first one may be on its way."""

    def leave(self) -> None:
        """Close after the last answer in flight."""

    def abort(self) -> None:
        """Close at once."""


C = TypeVar("C", bound=ClosableConnection)


class Lifetime(Generic[C]):
    """From `listen` to `drain`. `refusing` are connections above the cap, the oldest first; each may ask once."""

    def __init__(self) -> None:
        self.sockets: tuple[socket.socket, ...] = ()
        self.connections: set[C] = set()
        self.refusing: dict[C, None] = {}
        self.tasks: set[asyncio.Future[Any]] = set()
        self.accepting = True
        self.draining = False
        self._quiet = asyncio.Event()
        self._listening: asyncio.AbstractServer | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def open(self) -> int:
        return len(self.connections)

    async def serve(
        self,
        sock: socket.socket,
        connection: Callable[[asyncio.AbstractEventLoop], asyncio.Protocol],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Accept on a bound socket, on the running loop."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(lambda: connection(loop), sock=sock, backlog=BACKLOG, ssl=tls)
        self.sockets = (sock,)

    def every(self, seconds: float, tick: Callable[[], None]) -> None:
        """Call `tick` now, and again every so many seconds until the end."""
        tick()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.every, seconds, tick)

    def left(self, connection: C) -> None:
        self.connections.discard(connection)
        self.refusing.pop(connection, None)
        self._note_quiet()

    def started(self, task: "asyncio.Future[Any]") -> None:
        """Keep a reference to a task until it is done; its client may be gone earlier."""
        self.tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Future[Any]") -> None:
        self.tasks.discard(task)
        self._note_quiet()

    def _note_quiet(self) -> None:
        if not self.connections and not self.tasks:
            self._quiet.set()

    async def _wait(self, within: float) -> None:
        """Wait until all connections have ended, or the time is up."""
        self._quiet.clear()
        self._note_quiet()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), max(within, 0.0))

    async def drain(self, within: float) -> int:
        """Accept completed connections, close idle ones, let the others finish; return the number of cut connections.

        within: seconds. Answers from here on announce the end of the connection.
        """
        end = time.monotonic() + within
        self.draining = True
        if self._listening is not None:
            await let_last_in(self.sockets[0], within)
            self._listening.close()
            self._listening = None
        self.accepting = False
        for connection in [one for one in self.connections if not one.fresh]:
            connection.leave()
        if any(one.fresh for one in self.connections):
            await self._wait(min(FIRST_WORDS, end - time.monotonic()))
            for connection in [*self.connections]:
                connection.leave()
        await self._wait(end - time.monotonic())
        left = len(self.connections)
        for connection in [*self.connections, *self.refusing]:
            connection.abort()
        if self._timer is not None:
            self._timer.cancel()
        return left
