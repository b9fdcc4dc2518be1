"""State in memory: for `--state :memory:`, and in front of every other store."""

import asyncio
import time
from collections.abc import Callable

from reputation.state.damage import Damage
from reputation.state.records import MemoryRecords
from reputation.state.stops import MemoryStops
from reputation.state.tenant import TenantState
from reputation.state.transactions import Committed, Plan, Transaction
from reputation.stores.contract import Opening, Store


class MemoryStore:
    """State of every tenant, made when the tenant is first named."""

    degraded = False
    shared = None

    def __init__(self, make: Callable[[], TenantState] = TenantState, clock: Callable[[], float] = time.time) -> None:
        self.damage = Damage()
        self.records = MemoryRecords(self.damage)
        self.stops = MemoryStops()
        self._make = make
        self._clock = clock
        self._tenants: dict[str, TenantState] = {}

    def tenant(self, name: str) -> TenantState:
        state = self._tenants.get(name)
        if state is None:
            state = self._tenants[name] = self._make()
        return state

    async def commit(self, tenant: str, asked: Transaction) -> Committed:
        """Carry out a transaction; nothing waits, so no other transaction comes between."""
        plan, now = Plan(self.records), self._clock()
        committed = plan.add(tenant, self.tenant(tenant), asked, now)
        plan.apply(now)
        return committed

    async def scrub(self) -> bool:
        return True

    def figures(self) -> None:
        return None

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        return None


def open_store(_: str, opening: Opening) -> Store:
    """Make an empty store."""
    return MemoryStore(opening.make, opening.clock)
