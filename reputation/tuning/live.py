"""What people decided put in force: follows the records, so that every replica hears of a change within 2 s."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from reputation.ids import Ulids
from reputation.limiter import Limiter, TenantLimiter
from reputation.stores.records import Records
from reputation.tuning.audit import Audit
from reputation.tuning.documents import Documents
from reputation.tuning.exceptions import Allow, Exceptions

RETRY_AFTER = 1.0


class Tuning:
    """Decisions of every tenant. `start` puts in force what is kept, and follows from then on."""

    def __init__(self, limiter: Limiter, records: Records, clock: Callable[[], float], warn: Any) -> None:
        self.records = records
        self.audit = Audit(records)
        self.allows = Documents(records, "exception", Allow)
        self.new_id = Ulids()
        self._limiter = limiter
        self._clock = clock
        self._warn = warn
        self._news: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._appliers: dict[str, Callable[[TenantLimiter], Awaitable[None]]] = {
            self.allows.kind: self._apply_exceptions,
        }

    async def start(self) -> None:
        """Put in force what is kept, then follow."""
        loop = asyncio.get_running_loop()

        def heard(tenant: str, kind: str) -> None:
            loop.call_soon_threadsafe(self._news.put_nowait, (tenant, kind))

        self.records.follow(heard)
        await self.refresh_all()
        self._task = loop.create_task(self._follow())

    async def close(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def refresh_all(self) -> None:
        """Put in force what is kept of every tenant, also of those that a reload brought."""
        for name in list(self._limiter.tenants):
            for kind in self._appliers:
                await self.refresh(name, kind)

    async def refresh(self, tenant: str, kind: str) -> None:
        """Put in force what is kept of one kind; of a tenant that is not here nothing."""
        running, apply = self._limiter.tenants.get(tenant), self._appliers.get(kind)
        if running is not None and apply is not None:
            await apply(running)

    async def _follow(self) -> None:
        while True:
            tenant, kind = await self._news.get()
            try:
                await self.refresh(tenant, kind)
            except OSError as error:  # the store is away for a moment; what is in force stays so
                self._warn("tuning_not_refreshed", tenant=tenant, kind=kind, error=str(error))
                await asyncio.sleep(RETRY_AFTER)
                self._news.put_nowait((tenant, kind))

    async def _apply_exceptions(self, running: TenantLimiter) -> None:
        now = self._clock()
        allows = [allow for allow in await self.allows.all(running.tenant.name) if allow.expires > now]
        running.exceptions = Exceptions(allows) if allows else None
