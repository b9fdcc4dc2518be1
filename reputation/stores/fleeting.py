"""State that is gone with the process: what `--state :memory:` says, and what stands in front of every other place."""

import asyncio
from collections.abc import Callable

from reputation.stores.memory import TenantState
from reputation.stores.records import MemoryRecords, Records


class MemoryStore:
    """State of every tenant, made when the tenant is first named."""

    degraded = False

    def __init__(self, make: Callable[[], TenantState] = TenantState) -> None:
        self.records: Records = MemoryRecords()
        self._make = make
        self._tenants: dict[str, TenantState] = {}

    def tenant(self, name: str) -> TenantState:
        state = self._tenants.get(name)
        if state is None:
            state = self._tenants[name] = self._make()
        return state

    def figures(self) -> None:
        return None

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        return None
