"""Stops in the state file: a table of their own, written by the same thread as everything else."""

import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from reputation.state.stops import AN_ACCOUNT, UNCONFIRMED_SHARE, Keep, Stop
from reputation.stores.sqlite.file import StateFile, fix_of
from reputation.wire.errors import ConfigError, Unavailable

SLACK = 1000
"""Rows that may come before they are counted again: counting reads an index of all of them."""
FAULTS = (sqlite3.Error, OSError, ConfigError)
_PUT = "INSERT OR IGNORE INTO stops (tenant, id, account, stranger, at, body) VALUES (?, ?, ?, ?, ?, ?)"
_OLD = "DELETE FROM stops WHERE tenant = ? AND at < ?"
_OF_ACCOUNT = (
    "DELETE FROM stops WHERE number IN "
    "(SELECT number FROM stops WHERE tenant = ? AND account = ? ORDER BY number DESC LIMIT -1 OFFSET ?)"
)
_FORGET = "DELETE FROM stops WHERE tenant = ? AND account = ?"
_COUNT = "SELECT count(*) FROM stops WHERE tenant = ? AND stranger = ?"
_OLDEST = (
    "DELETE FROM stops WHERE number IN "
    "(SELECT number FROM stops WHERE tenant = ? AND stranger = ? ORDER BY number LIMIT ?)"
)
_GET = "SELECT body FROM stops WHERE tenant = ? AND id = ? AND at >= ?"

InWriter = Callable[[Callable[[], Any]], Coroutine[Any, Any, Any]]


class SqliteStops:
    """A `Stops` over the state file. `in_writer` runs a call on the file's own thread."""

    def __init__(self, file: StateFile, in_writer: InWriter) -> None:
        self._file = file
        self._in_writer = in_writer
        self._room: dict[tuple[str, int], int] = {}  # rows that a tenant may add before they are counted, by its bound

    async def add(self, tenant: str, stops: Sequence[Stop], keep: Keep, now: float) -> int:
        return int(await self._call(partial(self._add, tenant, stops, keep, now)))

    async def get(self, tenant: str, id_: str, oldest: float) -> bytes | None:
        found: bytes | None = await self._call(partial(self._get, tenant, id_, oldest))
        return found

    async def forget(self, tenant: str, account: str) -> int:
        return int(await self._call(partial(self._forget, tenant, account)))

    def _forget(self, tenant: str, account: str) -> int:
        with self._file.transaction() as connection:
            return int(connection.execute(_FORGET, (tenant, account)).rowcount)

    async def _call(self, work: Callable[[], Any]) -> Any:
        try:
            return await self._in_writer(work)
        except FAULTS as error:
            raise Unavailable(f"the state file cannot be used: {fix_of(error)}") from None

    def _get(self, tenant: str, id_: str, oldest: float) -> bytes | None:
        row = self._file.connection.execute(_GET, (tenant, id_, oldest)).fetchone()
        return None if row is None else bytes(row[0])

    def _add(self, tenant: str, stops: Sequence[Stop], keep: Keep, now: float) -> int:
        with self._file.transaction() as connection:
            connection.execute(_OLD, (tenant, now - keep.seconds))
            before = connection.total_changes
            rows = [(tenant, one.id, one.account, one.unconfirmed, one.at, one.body) for one in stops]
            connection.executemany(_PUT, rows)
            added = connection.total_changes - before
            gone = 0
            for account in {one.account for one in stops}:
                gone += connection.execute(_OF_ACCOUNT, (tenant, account, AN_ACCOUNT)).rowcount
            return gone + self._bound(connection, tenant, keep.most, added)

    def _bound(self, connection: sqlite3.Connection, tenant: str, most: int, added: int) -> int:
        room = self._room.pop((tenant, most), 0) - added
        gone = 0
        if room < 0:
            confirmed, unconfirmed = (int(connection.execute(_COUNT, (tenant, one)).fetchone()[0]) for one in (0, 1))
            over = max(confirmed + unconfirmed - most, 0)
            first = min(over, max(unconfirmed - most // UNCONFIRMED_SHARE, 0) if confirmed else over)
            for pool, count in ((1, first), (0, over - first)):
                gone += connection.execute(_OLDEST, (tenant, pool, count)).rowcount
            room = min(most - (confirmed + unconfirmed - gone), SLACK)
        self._room = {key: room for key, room in self._room.items() if key[0] != tenant} | {(tenant, most): room}
        return gone
