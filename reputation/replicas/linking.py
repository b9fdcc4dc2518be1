"""Linking with shared state: one replica links the notes of all, and every replica follows its links."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from typing import Any

from reputation.engine.limiter import Limiter
from reputation.linking.batches import Answer, Batch
from reputation.linking.exchange import BATCH_EVERY, Log, pause, watched
from reputation.linking.kept_rulings import KeptRulings
from reputation.linking.process import LinkerProcess
from reputation.linking.tenants import linked
from reputation.replicas.tenant_links import TenantLinking
from reputation.stores.contract import SharedStore
from reputation.stores.shared_values import AwayError
from reputation.wire.errors import Unavailable

LEAD_EVERY = 0.5
"""Seconds between two looks at the leadership lease and the version of the links."""


class ReplicatedLinking:
    """Linking during live checks, over Redis. Only the linker host runs a linker."""

    def __init__(
        self,
        limiter: Limiter,
        store: SharedStore,
        log: Log,
        every: float,
        clock: Callable[[], float] = time.time,
        memory: int = 0,
    ) -> None:
        """every: seconds between two epochs at least. memory: bytes that a linker may take; 0 for no bound.

        The documents keep rulings until they are in the stream.
        """
        self.rulings = KeptRulings(store.records)
        self.restarts = 0
        self.epochs = 0
        self.epoch_seconds = 0.0
        self.tenants: dict[str, TenantLinking] = {}
        self._limiter = limiter
        self._store = store
        self._log = log
        self._every = every
        self._memory = memory
        self._clock = clock
        self._replica = secrets.token_hex(8)
        self._process: LinkerProcess | None = None
        self._next_epoch = 0.0

    @property
    def pid(self) -> int | None:
        """The linker's process, if it is here."""
        return self._process.pid if self._process is not None else None

    @property
    def there(self) -> bool:
        """Whether some replica links each tenant with linking: as last heard, and here with a running linker."""
        works = self._process is not None and self._process.alive
        leads = [(tenant.lead.holder, tenant.is_ours) for tenant in self.tenants.values()]
        return bool(leads) and all(holder and (works or not ours) for holder, ours in leads)

    @property
    def last_epoch(self) -> float:
        """When the oldest links in force were made."""
        return min((tenant.limiter.links.at for tenant in self.tenants.values()), default=0.0)

    @property
    def dropped(self) -> int:
        """Notes lost on their way to a linker here."""
        return sum(tenant.notes.dropped for tenant in self.tenants.values())

    @property
    def unread(self) -> int:
        """Entries of notes unreadable for a linker here."""
        return sum(tenant.notes.unread for tenant in self.tenants.values())

    @property
    def crowded(self) -> dict[str, int]:
        """Sightings of accounts without a place in a linker here, by tenant."""
        return {name: tenant.crowded for name, tenant in self.tenants.items()}

    @property
    def used(self) -> dict[str, int]:
        """Bytes of what a linker here knows, by tenant."""
        return {name: tenant.used for name, tenant in self.tenants.items()}

    @property
    def left_out(self) -> dict[str, int]:
        """What found no bytes in a linker here, by tenant."""
        return {name: tenant.left_out for name, tenant in self.tenants.items()}

    async def run(self) -> None:
        """Tell, follow and link until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for work, every in ((self.look, LEAD_EVERY), (self.send, BATCH_EVERY), (self.link, BATCH_EVERY)):
                    group.create_task(_again(work, every))
        finally:
            self.close()
            await self.send()
            for tenant in self.tenants.values():
                await _unless_away(tenant.leave())

    def hurry(self) -> None:
        """Let the next epoch of a linker here come at once; what a linker saw is stored by each epoch."""
        self._next_epoch = 0.0

    def close(self) -> None:
        """End the linker."""
        if self._process is not None:
            self._process.close()
        self._process = None

    async def take_up(self) -> None:
        """Activate the shared links."""
        await self.look()

    async def look(self) -> None:
        """Read which replica links each tenant, and follow its links."""
        wanted = dict(linked(self._limiter))
        self.tenants = {name: tenant for name, tenant in self.tenants.items() if wanted.get(name) is tenant.limiter}
        for name, limiter in wanted.items():
            if name not in self.tenants:
                with contextlib.suppress(Unavailable):  # who comes later, or this one's next start, passes them on
                    await self.rulings.take_up(limiter)
                self.tenants[name] = TenantLinking(limiter, self._store, self._replica, self._log)
        await asyncio.gather(*[_unless_away(tenant.look()) for tenant in self.tenants.values()])

    async def send(self) -> None:
        """Append the notes of this replica."""
        for name, tenant in [*self.tenants.items()]:
            rulings = self.rulings.given(name)
            with contextlib.suppress(AwayError, Unavailable):
                await tenant.notes.send(tenant.limiter.outbox)
                await self.rulings.settle(name, rulings)

    async def link(self) -> None:
        """Feed a linker here with the notes of all replicas, with an epoch if one is due."""
        ours = [tenant for tenant in self.tenants.values() if tenant.is_ours]
        if not ours:
            await asyncio.to_thread(self.close)
            return
        now, epoch, starting = self._clock(), time.monotonic() >= self._next_epoch, self._process is None
        try:
            if self._process is None:
                self._process = await asyncio.to_thread(LinkerProcess, memory=self._memory)
            fed = await self._fed(ours, now, epoch=epoch)
            started = time.monotonic()
            voids = [tenant.void() for tenant in self.tenants.values() if tenant.linking and not tenant.is_ours]
            answers = await watched(self._process, voids + [batch for _, batch in fed])
        except (OSError, EOFError) as error:
            self._restart(error)
            return
        if epoch and fed:
            await self._put([tenant for tenant, _ in fed], answers)
            self.epochs += 1
            self.epoch_seconds = time.monotonic() - started
            cost = 0.0 if starting else self.epoch_seconds  # a process that starts has not computed all the while
            self._next_epoch = time.monotonic() + pause(self._every, cost)

    async def _fed(self, ours: list[TenantLinking], now: float, *, epoch: bool) -> list[tuple[TenantLinking, Batch]]:
        found = []
        for tenant in ours:
            with contextlib.suppress(AwayError):
                found.append((tenant, await tenant.batch(now, epoch=epoch)))
        return found

    async def _put(self, tenants: list[TenantLinking], answers: list[Answer]) -> None:
        for tenant, answer in zip(tenants, answers, strict=True):
            try:
                done = await tenant.put(answer)
            except AwayError:
                continue
            if not done:
                self._log("links_refused", tenant=tenant.limiter.tenant.name)

    def _restart(self, error: Exception) -> None:
        self._log("linker_died", error=str(error) or type(error).__name__)
        self.close()
        for tenant in self.tenants.values():
            tenant.linking = b""
        self.restarts += 1


async def _again(work: Callable[[], Any], every: float) -> None:
    while True:
        await asyncio.sleep(every)
        await work()


async def _unless_away(work: Any) -> None:
    with contextlib.suppress(AwayError):
        await work
