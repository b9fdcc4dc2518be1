"""Checks on this process's own state: what `Checks` asks for, without replicas."""

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client.metrics_core import Metric

from reputation.engine.groups import JudgedAccount, check_all
from reputation.engine.limiter import Limiter, TenantLimiter
from reputation.sidecar.clock_steps import follow_step
from reputation.state.crowds import Row
from reputation.state.transactions import Committed, Transaction
from reputation.stores.contract import Store
from reputation.wire.ids import NewId
from reputation.wire.messages import Request


class EmbeddedChecks:
    """Every tenant's checks in memory. `store` keeps the state that outlives the process."""

    def __init__(self, limiter: Limiter, store: Store, clock: Callable[[], float]) -> None:
        self.limiter = limiter
        self.check, self.settle = limiter.check, limiter.settle  # not wrapped: one call less on the way of each check
        self._store = store
        self._clock = clock

    def check_all(self, requests: list[Request], now: float, new_id: NewId) -> list[JudgedAccount]:
        return check_all(self.limiter, requests, now, new_id)

    async def commit(self, tenant: TenantLimiter, asked: Transaction) -> Committed:
        committed = await self._store.commit(tenant.tenant.name, asked)
        tenant.heed(asked.account, committed.after, self._clock())
        return committed

    async def row(self, tenant: TenantLimiter, account: str) -> Row | None:
        return tenant.state.row(account, self._clock())

    async def owner(self, tenant: TenantLimiter, key: bytes) -> str | None:
        return tenant.state.owners.get(key)

    def move(self, seconds: float) -> None:
        """Move the buckets and reservations of every tenant."""
        for tenant in self.limiter.tenants.values():
            follow_step(tenant.state, tenant.leases.reserved, seconds)

    def readiness(self) -> dict[str, Any]:
        return {}

    def metrics(self) -> Iterator[Metric]:
        return iter(())
