"""The life of a listener of ours: the connections and tasks that it holds, its tick, and its end."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar


class Held(Protocol):
    """A connection, as far as its listener's end needs it."""

    def leave(self) -> None:
        """Close once nothing is being answered."""

    def abort(self) -> None:
        """Close at once."""


C = TypeVar("C", bound=Held)


class Lifetime(Generic[C]):
    """From `listen` to `drain`. `refusing` are connections beyond the cap, which linger until they read why."""

    def __init__(self) -> None:
        self.sockets: tuple[socket.socket, ...] = ()
        self.connections: set[C] = set()
        self.refusing: set[C] = set()
        self.tasks: set[asyncio.Future[Any]] = set()
        self.draining = False
        self._quiet = asyncio.Event()
        self._listening: asyncio.AbstractServer | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def open(self) -> int:
        return len(self.connections)

    async def serve(
        self, sock: socket.socket, connection: Callable[[asyncio.AbstractEventLoop], asyncio.Protocol]
    ) -> None:
        """Accept on a bound socket, on the running loop."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(lambda: connection(loop), sock=sock)
        self.sockets = (sock,)

    def every(self, seconds: float, tick: Callable[[], None]) -> None:
        """Call `tick` now, and again every so many seconds until the end."""
        tick()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.every, seconds, tick)

    def left(self, connection: C) -> None:
        self.connections.discard(connection)
        self.refusing.discard(connection)
        self._note_quiet()

    def started(self, task: "asyncio.Future[Any]") -> None:
        """Hold a task until it is done: nobody else may hold it once its client has gone."""
        self.tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Future[Any]") -> None:
        self.tasks.discard(task)
        self._note_quiet()

    def _note_quiet(self) -> None:
        if not self.connections and not self.tasks:
            self._quiet.set()

    async def drain(self, within: float) -> int:
        """Stop accepting, close idle connections, let the others finish; return how many were cut off.

        within: seconds. What is answered from here on tells its client that the connection ends.
        """
        self.draining = True
        if self._listening is not None:
            self._listening.close()
        for connection in [*self.connections]:
            connection.leave()
        self._quiet.clear()
        self._note_quiet()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), within)
        left = len(self.connections)
        for connection in [*self.connections, *self.refusing]:
            connection.abort()
        if self._timer is not None:
            self._timer.cancel()
        return left
