"""Facts and outcomes of a tenant's accounts in Redis: looked up by one script, changed by `RedisCommits`."""

import asyncio
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

from reputation.state.transactions import Committed, Transaction
from reputation.stores.redis.commits import RedisCommits, kept
from reputation.stores.redis.heartbeat import RedisHeartbeat
from reputation.stores.redis.names import Names
from reputation.stores.redis.records import RedisRecords
from reputation.stores.redis.server import SLOW, RedisServer, Script, is_cut
from reputation.stores.shared_values import AwayError, KeptAccount

LOAD = Script("load.lua")


class RedisAccounts:
    """The `SharedAccounts` of one tenant over Redis."""

    def __init__(self, tenant: str, server: RedisServer, heartbeat: RedisHeartbeat, records: RedisRecords) -> None:
        self._tenant = tenant
        self._server = server
        self._names = Names(tenant)
        self._owners = self._names.single("owners")
        self._commits = RedisCommits(server, self._names, heartbeat)
        self._records = records
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def look_up(
        self, names: Sequence[str], keys: Sequence[bytes], within: float | None = None
    ) -> tuple[list[KeptAccount], list[KeptAccount | None]]:
        found = await self._read(names, keys, SLOW if within is None else within)
        accounts = [
            kept(name, of_name, self._server.damaged) for name, of_name in zip(names, found[: len(names)], strict=True)
        ]
        return accounts, [self._owner(*of_key) for of_key in found[len(names) :]]

    def _owner(self, owner: bytes | None, *of_owner: Any) -> KeptAccount | None:
        return None if owner is None else kept(owner.decode("utf-8", "replace"), of_owner, self._server.damaged)

    async def _read(self, names: Sequence[str], keys: Sequence[bytes], within: float) -> Any:
        """Read, and try again on a new connection if this one was cut."""
        places = [self._owners, *[self._names.of("a", name) for name in names]]
        try:
            return await self._server.run(LOAD, places, *keys, within=within)
        except AwayError as away:
            if not is_cut(away):
                raise
            return await self._server.run(LOAD, places, *keys, within=within)

    async def commit(self, asked: Transaction) -> tuple[Committed, KeptAccount]:
        # one transaction of an account after the other: else most of those of this replica would be worked out in vain
        async with self._turns.setdefault(asked.account, asyncio.Lock()):
            (known,), _ = await self.look_up([asked.account], [])
            committed, account = await self._commits.commit(asked, known)
        self._records.committed(self._tenant, asked, committed)
        return committed, account
