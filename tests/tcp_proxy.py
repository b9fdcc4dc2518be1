"""A TCP proxy between a client and a server, in the test's own event loop, that breaks connections on purpose."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Proxy:
    """Passes bytes on until it is told otherwise.

    swallow: connections are cut instead of passing on so many of the server's next answers. held: nothing passes in
    either direction, and nothing is refused, as when a network is partitioned.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self.swallow = 0
        self.swallowed: list[bytes] = []
        self.connections = 0
        self._to = port
        self._passing = asyncio.Event()
        self._passing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def hold(self) -> None:
        self._passing.clear()

    def release(self) -> None:
        self._passing.set()

    def cut(self) -> None:
        """Reset every connection that is open."""
        for writer in [*self._writers]:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, back}
        for one, other, answers in ((reader, back, False), (there, writer, True)):
            task = asyncio.create_task(self._pass(one, other, answers=answers))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self._passing.wait()
                if answers and self.swallow:
                    self.swallow -= 1
                    self.swallowed.append(data)
                    break
                writer.write(data)
                await writer.drain()
        writer.close()

    async def close(self) -> None:
        self.release()
        self.cut()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    """A proxy on a free loopback port."""
    proxy = Proxy(port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
