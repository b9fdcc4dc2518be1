"""Notes from every replica to the linker: streams of a tenant, bounded in bytes.

A stream keeps what the links' kept state has not seen yet, so that a linker that takes over reads on from there. Where
that is more than there is room for, the oldest entries go; the reader counts the entries that it missed.
"""

from reputation.stores.contract import MOST_NOTES
from reputation.stores.redis.names import Names
from reputation.stores.redis.server import RedisServer, Script
from reputation.stores.shared_values import READ_AT_ONCE, NoteEntry

MOST_ENTRIES = 100_000
KEPT = 7 * 86_400
"""Seconds until an unused stream is gone."""
SCRIPT = Script("append.lua")


class RedisNotes:
    """A `NoteStream` over Redis."""

    def __init__(self, server: RedisServer, names: Names, kind: str, most_bytes: int = MOST_NOTES) -> None:
        self.key = names.single(kind)
        self._totals = names.single(f"{kind}-totals")
        self._names = names
        self._kind = kind
        self._server = server
        self._most = most_bytes

    async def append(self, replica: str, number: int, notes: int, data: bytes) -> None:
        """Append a replica's entry; an entry sent again after a lost answer is stored once. Raises AwayError.

        number: grows by one for each of a replica's entries.
        """
        last = self._names.of(f"{self._kind}-last", replica)
        keys = [self.key, self._totals, last]
        await self._server.run(SCRIPT, keys, number, notes, self._most, MOST_ENTRIES, KEPT, data)

    async def read(self, after: bytes) -> list[NoteEntry]:
        """Return at most READ_AT_ONCE entries after a given one. Raises AwayError."""
        milliseconds, _, number = after.partition(b"-")
        first = b"%b-%d" % (milliseconds, int(number) + 1)  # a range without its first is Redis 6.2's
        found = await self._server.ask("XRANGE", self.key, first, b"+", "COUNT", READ_AT_ONCE)
        return [self._entry(id_, fields) for id_, fields in found]

    def _entry(self, id_: bytes, fields: dict[bytes, bytes] | None) -> NoteEntry:
        """Read an entry; an entry not from a replica is empty, and is skipped."""
        try:
            found = fields or {}
            notes, upto = int(found[b"notes"]), int(found[b"upto"])
            if 0 <= notes <= upto:
                return NoteEntry(id_, upto - notes, notes, found[b"data"])
        except (KeyError, ValueError):
            pass
        self._server.damaged(self.key)
        return NoteEntry(id_, 0, 0, b"")
