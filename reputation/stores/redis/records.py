"""Documents in Redis: a hash for each kind, and a note of each change for the other replicas."""

import struct
from collections.abc import Callable
from typing import Any

from reputation.state.records import ANY, Record, RecordChanged, document_name
from reputation.state.transactions import AccountData, Committed, Document, Transaction
from reputation.stores.redis.commits import HEAD, RedisCommits
from reputation.stores.redis.heartbeat import RedisHeartbeat
from reputation.stores.redis.names import Names
from reputation.stores.redis.server import RedisServer, Script
from reputation.stores.shared_values import AWAY, AwayError, KeptAccount
from reputation.wire.errors import Unavailable

PAGE = Script("page.lua")
ORDER = b":order"
"""What the key of an index adds to that of its documents, as in the scripts."""
NO_ACCOUNT = KeptAccount("", 0, AccountData())

Heartbeats = Callable[[str], RedisHeartbeat]
"""Finds or makes a tenant's heartbeat."""


class RedisRecords:
    """A `Records` over Redis. While it is away every call raises Unavailable: a decision is kept or it is refused."""

    def __init__(self, server: RedisServer, heartbeat_of: Heartbeats) -> None:
        self._server = server
        self._heartbeat_of = heartbeat_of
        self._followers: list[RecordChanged] = []
        self._kinds: dict[str, set[str]] = {}

    async def put(self, tenant: str, kind: str, record: str, body: bytes, *, expect: int = ANY) -> int:
        return (await self.commit(tenant, Transaction(documents=(Document(kind, record, body, expect),)))).versions[0]

    async def get(self, tenant: str, kind: str, record: str) -> Record | None:
        kept = await self._ask("HGET", self._key(tenant, kind), record.encode())
        return None if kept is None else self._record(tenant, kind, record.encode(), kept)

    async def all(self, tenant: str, kind: str) -> list[Record]:
        found = await self._ask("HGETALL", self._key(tenant, kind))
        read = [self._record(tenant, kind, name, kept) for name, kept in found.items()]
        return sorted((record for record in read if record is not None), key=lambda record: record.id)

    async def page(
        self, tenant: str, kind: str, most: int, *, before: str = "", after: str | None = None
    ) -> list[Record]:
        key = self._key(tenant, kind)
        way, bound = (b"before", before) if after is None else (b"after", after)
        words = way, bound.encode("utf-8", "surrogatepass"), most
        try:
            found = await self._server.run(PAGE, [key, key + ORDER], *words)
        except AwayError:
            raise Unavailable(AWAY) from None
        pairs = zip(found[::2], found[1::2], strict=True)
        return [  # a page stays full, so that who reads page by page does not take it for the last one
            self._record(tenant, kind, name, kept or b"") or Record(name.decode("utf-8", "replace"), 0, b"")
            for name, kept in pairs
        ]

    async def delete(self, tenant: str, kind: str, record: str) -> bool:
        return (await self.commit(tenant, Transaction(documents=(Document(kind, record, None),)))).versions[0] > 0

    def unreadable(self, tenant: str, kind: str, record: str) -> None:
        self._server.damaged(document_name(tenant, kind, record))

    def follow(self, changed: RecordChanged) -> None:
        self._followers.append(changed)

    def tell(self, tenant: str, kind: str) -> None:
        """Tell every follower of a change."""
        for changed in self._followers:
            changed(tenant, kind)

    def tell_all(self, tenant: str) -> None:
        """Report a change of every kind asked for so far, because the changed kinds are unknown."""
        for kind in sorted(self._kinds.get(tenant, ())):
            self.tell(tenant, kind)

    def _key(self, tenant: str, kind: str) -> bytes:
        self._kinds.setdefault(tenant, set()).add(kind)
        return Names(tenant).of("d", kind)

    async def commit(self, tenant: str, asked: Transaction) -> Committed:
        """Carry out a transaction of documents alone. Raises Stale and Unavailable."""
        commits = RedisCommits(self._server, Names(tenant), self._heartbeat_of(tenant))
        try:
            committed, _ = await commits.commit(asked, NO_ACCOUNT)
        except AwayError:
            raise Unavailable(AWAY) from None
        self.committed(tenant, asked, committed)
        return committed

    def committed(self, tenant: str, asked: Transaction, committed: Committed) -> None:
        """Report the documents of a completed transaction."""
        changed = zip(asked.documents, committed.versions, strict=True)
        for kind in dict.fromkeys(document.kind for document, version in changed if version):
            self.tell(tenant, kind)

    def _record(self, tenant: str, kind: str, name: bytes, kept: bytes) -> Record | None:
        """Read a document; an unreadable one counts as missing."""
        try:
            return Record(name.decode("utf-8", "surrogatepass"), int(HEAD.unpack_from(kept)[0]), kept[HEAD.size :])
        except (struct.error, ValueError, OverflowError):
            self.unreadable(tenant, kind, name.decode("utf-8", "replace"))
            return None

    async def _ask(self, *command: str | bytes) -> Any:
        try:
            return await self._server.ask(*command)
        except AwayError:
            raise Unavailable(AWAY) from None
