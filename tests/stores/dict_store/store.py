"""`dict://NAME`: every store that this process opens by one name has the same state.

The state is written to nothing, so it ends with the process. One event loop uses it, and nothing waits between reading
and writing, so every operation is atomic.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from dict_store.buckets import DictTakes
from dict_store.links import DictLinks, DictNotes
from reputation.state.facts import NOTHING
from reputation.state.transactions import TAKEN, AccountData, Committed, Transaction
from reputation.stores.contract import MOST_NOTES, Opening, Turn
from reputation.stores.memory import MemoryStore
from reputation.stores.shared_values import Heard, KeptAccount
from reputation.wire.errors import Conflict

BEAT = 0.1
LISTENED = 2.0
"""Seconds after its last heartbeat at which a replica no longer counts."""


class Tenant:
    """What all replicas know of a tenant's accounts, and other shared data."""

    def __init__(self) -> None:
        self.accounts: dict[str, KeptAccount] = {}
        self.owners: dict[bytes, str] = {}
        self.heard: list[Heard] = []
        self.beats: dict[int, float] = {}
        self.parts: dict[Any, Any] = {}
        """Buckets, links and streams, by name."""


class Shared:
    """One name's state: documents and stops as memory has them, and every tenant."""

    def __init__(self, opening: Opening) -> None:
        self.memory = MemoryStore(opening.make, opening.clock)
        self.tenants: defaultdict[str, Tenant] = defaultdict(Tenant)


SHARED: dict[str, Shared] = {}


class DictAccounts:
    def __init__(self, shared: Shared, tenant: str) -> None:
        self._shared, self._name, self._tenant = shared, tenant, shared.tenants[tenant]

    async def look_up(self, names, keys, within=None):
        owners = [self._tenant.owners.get(key) for key in keys]
        return [self._find(name) for name in names], [None if one is None else self._find(one) for one in owners]

    def _find(self, name: str) -> KeptAccount:
        return self._tenant.accounts.get(name) or KeptAccount(name, 0, AccountData())

    async def commit(self, asked: Transaction) -> tuple[Committed, KeptAccount]:
        known = self._find(asked.account)
        after = known.data if asked.change is None else asked.change(known.data)
        before_keys, after_keys = (known.data.facts or NOTHING).keys, (after.facts or NOTHING).keys
        for place, key in enumerate(after_keys):
            if self._tenant.owners.get(key) not in (None, asked.account):
                raise Conflict(TAKEN, f"/keys/{place}")
        documents = tuple(one._replace(body=one.written(known.data.facts, after.facts)) for one in asked.documents)
        versions = (await self._shared.memory.commit(self._name, Transaction(documents=documents))).versions
        if after != known.data:
            self._put(KeptAccount(asked.account, known.number + 1, after), before_keys, after_keys)
        return Committed(known.data, after, versions), self._find(asked.account)

    def _put(self, account: KeptAccount, before_keys: Any, after_keys: Any) -> None:
        for key in before_keys:
            self._tenant.owners.pop(key, None)
        self._tenant.owners.update(dict.fromkeys(after_keys, account.name))
        self._tenant.accounts[account.name] = account
        for heard in self._tenant.heard:
            heard(account.name, account.number)
            for key in {*before_keys, *after_keys}:
                heard(key, 0)


class DictHeartbeat:
    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    @property
    def replicas(self) -> int:
        return max(sum(at > time.monotonic() - LISTENED for at in self._tenant.beats.values()), 1)


class DictStore:
    """One replica's."""

    degraded, eviction = False, ""

    def __init__(self, place: str, opening: Opening) -> None:
        self._shared = SHARED.setdefault(place, Shared(opening))
        self._own = MemoryStore(opening.make, opening.clock)
        self.records, self.stops = self._shared.memory.records, self._shared.memory.stops
        self.damage = self._shared.memory.damage
        self.clock, self.log = opening.clock, opening.log
        self.turns: list[Turn] = []
        self._fresh: list[Heard] = []
        self._named: set[str] = set()

    @property
    def shared(self) -> "DictStore":
        return self

    def tenant(self, name: str) -> Any:
        self._named.add(name)
        return self._own.tenant(name)

    async def commit(self, tenant: str, asked: Transaction) -> Committed:
        if not asked.account:
            return await self._shared.memory.commit(tenant, asked)
        return (await self.accounts(tenant).commit(asked))[0]

    def figures(self) -> None:
        return None

    async def scrub(self) -> bool:
        return True

    def listen(self, tenant: str, heard: Heard) -> DictHeartbeat:
        self._shared.tenants[tenant].heard.append(heard)
        self._fresh.append(heard)
        return DictHeartbeat(self._shared.tenants[tenant])

    def accounts(self, tenant: str) -> DictAccounts:
        return DictAccounts(self._shared, tenant)

    def takes(self, tenant: str, within: float, failed: Callable[[str], None]) -> DictTakes:
        return DictTakes(self._shared.tenants[tenant].parts, self.clock)

    def links(self, tenant: str, replica: str) -> DictLinks:
        return DictLinks(self._shared.tenants[tenant].parts, replica)

    def notes(self, tenant: str, kind: str, most_bytes: int = MOST_NOTES) -> DictNotes:
        return DictNotes(self._shared.tenants[tenant].parts, kind, most_bytes)

    async def run(self) -> None:
        while True:
            for heard in self._fresh:  # what changed before it listened it may have read before
                heard(None, 0)
            self._fresh.clear()
            for name in self._named:
                self._shared.tenants[name].beats[id(self)] = time.monotonic()
            for turn in self.turns:
                await turn()
            await asyncio.sleep(BEAT)

    async def close(self) -> None:
        for name in self._named:
            self._shared.tenants[name].beats.pop(id(self), None)


def open_store(place: str, opening: Opening) -> DictStore:
    return DictStore(place, opening)
