"""Group commit: transactions are written before they are active, and concurrent ones share one write.

A transaction is worked out at once, in the order in which they come, over those that wait before it. While one batch is
written the next one gathers. A batch that cannot be written changes nothing, and neither does the one that was worked
out over it. A conflict is reported once the change that it conflicts with is durable.
"""

import asyncio
from collections.abc import Awaitable, Callable

from reputation.state.records import MemoryRecords
from reputation.state.tenant import TenantState
from reputation.state.transactions import Committed, Plan, Transaction
from reputation.wire.errors import Conflict, Unavailable

AWAY = "the state file cannot be written now, so nothing was changed; the log says why; try again shortly"

Write = Callable[[Plan], Awaitable[bool]]
"""Makes a plan durable; False if it cannot be."""


class CommitBatch:
    """Transactions written together; `ok` after they are durable."""

    def __init__(self, records: MemoryRecords, before: "CommitBatch | None") -> None:
        self.plan: Plan = Plan(records, before.plan if before is not None else None)
        self.before = before
        self.ok = False
        self.written: asyncio.Task[bool] | None = None


class Commits:
    """The transactions of all tenants that wait to be written. lock: held while changes are encoded and written."""

    def __init__(self, records: MemoryRecords, write: Write, clock: Callable[[], float]) -> None:
        self.lock = asyncio.Lock()
        self._records = records
        self._write = write
        self._clock = clock
        self._open: CommitBatch | None = None
        self._last: CommitBatch | None = None  # the one that is being written

    async def commit(self, tenant: str, state: TenantState, asked: Transaction) -> Committed:
        """Carry a transaction out. Raises Conflict, Stale, and Unavailable where it cannot be written."""
        batch = self._open or self._begin()
        try:
            committed = batch.plan.add(tenant, state, asked, self._clock())
        except Conflict:
            await self._wait(batch)
            raise
        await self._wait(batch)
        return committed

    async def _wait(self, batch: CommitBatch) -> None:
        if batch.written is not None and not await asyncio.shield(batch.written):
            raise Unavailable(AWAY)

    def _begin(self) -> CommitBatch:
        batch = self._open = CommitBatch(self._records, self._last)
        batch.written = asyncio.get_running_loop().create_task(self._carry_out(batch))
        return batch

    async def _carry_out(self, batch: CommitBatch) -> bool:
        async with self.lock:
            self._open, self._last = None, batch
            try:
                if batch.before is None or batch.before.ok:
                    batch.ok = not batch.plan or await self._write(batch.plan)
                if batch.ok:
                    batch.plan.apply(self._clock())
            finally:
                batch.before = batch.plan.under = None
                self._last = None
        return batch.ok
