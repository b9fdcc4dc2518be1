"""Every tenant's checks over shared state: what `Checks` asks for, where several replicas serve the same tenants."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client.metrics_core import Metric

from reputation.engine.groups import JudgedAccount
from reputation.engine.limiter import Limiter, TenantLimiter
from reputation.engine.metrics import counter, gauge
from reputation.replicas.tenant_checks import Answer, TenantChecks
from reputation.state.crowds import Row
from reputation.state.transactions import Committed, Transaction
from reputation.stores.contract import SharedStore
from reputation.wire.ids import NewId
from reputation.wire.later import Later
from reputation.wire.messages import Request, Settle, Settled


class SharedChecks:
    """Every tenant's checks over one Redis; tenants come and go with the limiter's."""

    def __init__(self, limiter: Limiter, store: SharedStore, within: float) -> None:
        self.tenants: dict[str, TenantChecks] = {}
        self.limiter = limiter
        self._store = store
        self._within = within
        store.turns.append(self.turn)

    def check(self, request: Request, now: float, new_id: NewId) -> Answer:
        return self.tenant(request.tenant).check(request, now, new_id)

    def check_all(
        self, requests: Sequence[Request], now: float, new_id: NewId
    ) -> list[JudgedAccount] | Later[list[JudgedAccount]]:
        return self.tenant(requests[0].tenant).check_all(requests, now, new_id)

    async def settle(self, body: Settle, now: float) -> Settled:
        return await self.tenant(body.tenant).settle(body, now)

    async def commit(self, tenant: TenantLimiter, asked: Transaction) -> Committed:
        return await self.tenant(tenant.tenant.name).commit(asked)

    async def row(self, tenant: TenantLimiter, account: str) -> Row | None:
        await self.tenant(tenant.tenant.name).look_up(account)
        return tenant.state.row(account, self._store.clock())

    async def owner(self, tenant: TenantLimiter, key: bytes) -> str | None:
        await self.tenant(tenant.tenant.name).look_up_key(key)
        return tenant.state.owners.get(key)

    def tenant(self, name: str) -> TenantChecks:
        """Find a tenant's checks. Raises NotFound for an unknown tenant."""
        limiter = self.limiter.tenant(name)
        found = self.tenants.get(name)
        if found is None or found.limiter is not limiter:
            found = self.tenants[name] = TenantChecks(limiter, self._store, self._within)
        return found

    def move(self, seconds: float) -> None:
        """Follow a step of this machine's clock; the clock of Redis fills the buckets and made no step."""
        for tenant in self.tenants.values():
            tenant.takes.clock_offset -= seconds
            tenant.accounts.looked_up.clear()  # it goes by this clock

    async def turn(self) -> None:
        """Probe the state of every tenant in an outage."""
        away = [tenant for tenant in self.tenants.values() if not tenant.breaker.closed]
        await asyncio.gather(*[tenant.turn() for tenant in away])

    def readiness(self) -> dict[str, Any]:
        """Return the policy that lets Redis evict debts; None if it may not."""
        return {"eviction": self._store.eviction or None}

    def metrics(self) -> Iterator[Metric]:
        tenants = [*self.tenants.values()]
        takes = [tenant.takes for tenant in tenants]
        replicas = max((tenant.replicas for tenant in tenants), default=1)
        yield gauge("headcount_state_replicas", "Live replicas, by the last heartbeat.", replicas)
        yield counter("headcount_state_batches", "Batches of takes sent.", sum(t.batches for t in takes))
        yield counter(
            "headcount_state_retries", "Batches sent again after a lost connection.", sum(t.retries for t in takes)
        )
        yield gauge("headcount_state_evicts", "1 while the server may evict debts.", int(bool(self._store.eviction)))
        yield counter("headcount_state_outages", "Outages of shared state.", sum(t.breaker.opened for t in tenants))
        yield counter("headcount_state_alone", "Checks answered without shared state.", sum(t.alone for t in tenants))
        crowded = sum(t.shares.crowded for t in tenants)
        yield counter("headcount_state_shares_crowded", "Buckets without a share of their own.", crowded)
        looked_up = sum(len(t.accounts.looked_up) for t in tenants)
        yield gauge("headcount_state_looked_up", "Accounts and keys looked up recently.", looked_up)
