"""The store for replicas in Redis or Valkey.

What a replica notices for itself stays with it, in memory: windows of accounts seen together, learnt densities, the
tier that an account had last. Each replica sees its part of the traffic, so the first two are as much weaker.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from reputation.state.damage import Damage
from reputation.state.tenant import TenantState
from reputation.state.transactions import Committed, Transaction
from reputation.stores.contract import MOST_NOTES, Opening, SharedStore, Takes, Turn
from reputation.stores.memory import MemoryStore
from reputation.stores.redis.accounts import RedisAccounts
from reputation.stores.redis.eviction import eviction_of
from reputation.stores.redis.heartbeat import ACCOUNT, EVERY, KEY, RECORD, RedisHeartbeat
from reputation.stores.redis.links import RedisLinks
from reputation.stores.redis.names import Names
from reputation.stores.redis.note_stream import RedisNotes
from reputation.stores.redis.records import RedisRecords
from reputation.stores.redis.server import RedisServer, connect
from reputation.stores.redis.slot_groups import names_of_groups
from reputation.stores.redis.spread_takes import SpreadTakes
from reputation.stores.redis.stops import RedisStops
from reputation.stores.redis.takes import RedisTakes
from reputation.stores.shared_values import AWAY, AwayError, Heard
from reputation.wire.errors import Unavailable

LOOKS = 600
"""Turns for each look at what the server's settings are."""
BEATS = 3
"""Turns for each heartbeat: a breaker may probe ten times a second."""

MOST_DAMAGED = 100
"""Keys found damaged by scripts that are named at a time."""


class RedisStore:
    """Every tenant's state, one client for all of it, and the heartbeats to keep the copies current.

    turns: work to repeat in the background of checks.
    """

    def __init__(self, place: str, make: Callable[[], TenantState], log: Any, clock: Callable[[], float]) -> None:
        self.damage = Damage(log)
        self.server = RedisServer(connect(place), self.damage.note)
        self.records = RedisRecords(self.server, self.heartbeat)
        self.stops = RedisStops(self.server)
        self.log = log
        self.clock = clock
        self.turns: list[Turn] = []
        self._memory = MemoryStore(make)
        self._states: list[TenantState] = []
        self._accounts: dict[str, RedisAccounts] = {}
        self._heartbeats: dict[str, RedisHeartbeat] = {}
        self._listeners: dict[str, Heard] = {}
        self.eviction = ""  # the policy by which Redis may forget debts, if it has one
        self._rounds = 0
        self._silent = False
        self._unlooked = True

    @property
    def degraded(self) -> bool:
        """Whether any tenant works without Redis at the moment."""
        return any(state.degraded for state in self._states)

    def tenant(self, name: str) -> TenantState:
        """Return this replica's state of a tenant."""
        state = self._memory.tenant(name)
        if all(state is not one for one in self._states):
            self._states.append(state)
        self.heartbeat(name)
        return state

    async def commit(self, tenant: str, asked: Transaction) -> Committed:
        if not asked.account:
            return await self.records.commit(tenant, asked)
        try:
            return (await self.accounts(tenant).commit(asked))[0]
        except AwayError:
            raise Unavailable(AWAY) from None

    @property
    def shared(self) -> SharedStore:
        return self

    def figures(self) -> None:
        return None

    def accounts(self, tenant: str) -> RedisAccounts:
        found = self._accounts.get(tenant)
        if found is None:
            found = self._accounts[tenant] = RedisAccounts(tenant, self.server, self.heartbeat(tenant), self.records)
        return found

    def takes(self, tenant: str, within: float, failed: Callable[[str], None]) -> Takes:
        if self.server.is_cluster:
            return SpreadTakes(self.server, tenant, within, self.clock, failed)
        return RedisTakes(self.server, Names(tenant), within, self.clock, failed)

    def links(self, tenant: str, replica: str) -> RedisLinks:
        return RedisLinks(self.server, Names(tenant), replica)

    def notes(self, tenant: str, kind: str, most_bytes: int = MOST_NOTES) -> RedisNotes:
        return RedisNotes(self.server, Names(tenant), kind, most_bytes)

    def heartbeat(self, tenant: str) -> RedisHeartbeat:
        """Find or make a tenant's heartbeat."""
        found = self._heartbeats.get(tenant)
        if found is None:
            found = self._heartbeats[tenant] = RedisHeartbeat(self.server, Names(tenant), partial(self._hear, tenant))
        return found

    def listen(self, tenant: str, heard: Heard) -> RedisHeartbeat:
        self._listeners[tenant] = heard
        return self.heartbeat(tenant)

    def _hear(self, tenant: str, what: bytes | None, number: int) -> None:
        if what is None:
            self.records.tell_all(tenant)
        elif what.startswith(RECORD):
            self.records.tell(tenant, what[len(RECORD) :].decode())
            return
        if tenant in self._listeners:
            self._listeners[tenant](None if what is None else _key(what), number)

    async def scrub(self) -> bool:
        """Redis's files are its own: an append-only file is clean after its next rewrite."""
        return False

    async def run(self) -> None:
        """Send heartbeats and take turns, until cancelled."""
        beats = 0
        while True:
            if beats % BEATS == 0:
                self._rounds += 1
                await asyncio.gather(*[self._beat(name) for name in [*self._heartbeats]])
                if not self._silent and (self._unlooked or beats % LOOKS == 0):
                    await self._look_at_eviction()
            beats += 1
            for turn in self.turns:
                await turn()
            await asyncio.sleep(EVERY / BEATS)

    async def _beat(self, tenant: str) -> None:
        try:
            await self._heartbeats[tenant].beat()
            for key in await self.server.ask("SPOP", self._named(tenant).single("damaged"), MOST_DAMAGED):
                self.damage.note(key)
        except AwayError as away:
            if not self._silent:
                self.log.warning("redis_away", tenant=tenant, error=str(away))
            self._silent = True
        else:
            self._unlooked = self._unlooked or self._silent
            self._silent = False

    def _named(self, tenant: str) -> Names:
        """Return the names of one of the tenant's slots, each in its turn."""
        names: list[Names] = [Names(tenant), *(names_of_groups(tenant) if self.server.is_cluster else ())]
        return names[self._rounds % len(names)]

    async def _look_at_eviction(self) -> None:
        """Say whether the server may forget; asked at the start, when it is back, and now and again."""
        try:
            found = await eviction_of(self.server)
        except AwayError:
            return
        if found is None and self._unlooked:
            self.log.warning("state_eviction_unknown", detail="this user may run neither INFO nor CONFIG GET")
        self._unlooked, before, self.eviction = False, self.eviction, found or ""
        if self.eviction and self.eviction != before:
            self.log.error(
                "state_evicts",
                policy=found,
                fix="set maxmemory-policy noeviction; with eviction, Redis forgets accounts in debt",
            )
        elif before and not self.eviction:
            self.log.info("state_keeps")

    async def close(self) -> None:
        await self.server.aclose()


def _key(what: bytes) -> str | bytes:
    """Return the account or the key of a change."""
    return what[len(KEY) :] if what.startswith(KEY) else what[len(ACCOUNT) :].decode("utf-8", "surrogatepass")


def open_store(place: str, opening: Opening) -> SharedStore:
    """Open the state at a URL. Raises ConfigError."""
    return RedisStore(place, *opening)
