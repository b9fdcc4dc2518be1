"""A connection to Redis for commands that follow each other, without streams, tasks and pool for each command.

redis-py opens it: the URL's options, TLS, the user, the database, and the master that a Sentinel names.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import NoScriptError, RedisError, ResponseError

LAST_LOOKS = 4
"""Turns of the loop until what had come is read, parsed and handed on."""
REFUSALS: Mapping[str, type[RedisError]] = {"NOSCRIPT": NoScriptError, "READONLY": LostConnection}
"""Refusals by their first word. READONLY comes from a server that is no longer the master."""


class Line(asyncio.Protocol):
    """A connection with one command at a time. It is closed with the first command that has no answer."""

    def __init__(self, connection: AbstractConnection, transport: asyncio.Transport) -> None:
        self.open = True
        self._connection = connection
        self._transport = transport
        self._former = transport.get_protocol()
        self._reader = hiredis.Reader(replyError=_refusal)
        self._answer: asyncio.Future[Any] | None = None
        transport.set_protocol(self)

    async def ask(self, within: float, *command: str | bytes | float) -> Any:
        """Return the answer to a command. Raises TimeoutError, LostConnection, and ResponseError for a refusal.

        Only after a refusal it is certain that the command did not run. within: seconds.
        """
        if not self.open:
            raise LostConnection("the server closed the connection")
        loop = asyncio.get_running_loop()
        self._answer = answer = loop.create_future()
        self._transport.write(hiredis.pack_command(cast("Any", command)))
        alarm = loop.call_later(within, _end, answer, LAST_LOOKS)
        try:
            found = await answer
        finally:
            alarm.cancel()
            if not answer.done() or answer.cancelled() or answer.exception() is not None:
                self.close()
        if isinstance(found, LostConnection):
            self.close()
        if isinstance(found, RedisError):
            raise found
        return found

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            found = self._reader.gets()
        except hiredis.ProtocolError:
            self.close()
            return
        if found is not False and self._answer is not None and not self._answer.done():
            self._answer.set_result(found)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(LostConnection(f"the connection was lost: {exc or 'closed by the server'}"))
        self._former.connection_lost(exc)

    def close(self) -> None:
        """Close it at once."""
        self.open = False
        self._transport.abort()

    async def release(self, pool: Any) -> None:
        """Close it, and give redis-py's connection back to its pool."""
        await self.disconnect()
        await pool.release(self._connection)

    async def disconnect(self) -> None:
        """Close it, with redis-py's connection."""
        self.close()
        await self._connection.disconnect(nowait=True)


def _refusal(text: str) -> RedisError:
    return REFUSALS.get(text.partition(" ")[0], ResponseError)(text)


def _end(answer: "asyncio.Future[Any]", looks: int) -> None:
    """End the waiting for an answer.

    A loop that was held up runs its timers before it reads what has come meanwhile, and the machine's own delay is not
    Redis's: so when the time is over, what is there is read first.
    """
    if answer.done():
        return
    if looks:
        asyncio.get_running_loop().call_soon(_end, answer, looks - 1)
    else:
        answer.set_exception(TimeoutError())


async def open_line(pool: Any) -> Line:
    """Open one with a client's pool. Raises what redis-py does."""
    connection = await pool.get_connection()
    writer: asyncio.StreamWriter = connection._writer  # noqa: SLF001 - redis-py has no other way to its transport
    return Line(connection, cast("asyncio.Transport", writer.transport))
