"""Linking during live checks: a task feeds the linker once a second and follows its links."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import msgspec
from msgspec import Struct

from reputation.engine.limiter import Limiter, TenantLimiter
from reputation.hydra.links import NOTHING, Delta, Links, difference, follow
from reputation.hydra.sightings import OperatorRuling
from reputation.linking.batches import Answer, Batch, batches_of
from reputation.linking.exchange import BATCH_EVERY, Log, pause, watched
from reputation.linking.kept_rulings import KeptRulings
from reputation.linking.process import LinkerProcess
from reputation.linking.tenants import Tenants, linked, linker_settings
from reputation.state.records import MemoryRecords, Records
from reputation.wire.errors import Unavailable

EPOCH_EVERY = 20.0
"""Seconds between live epochs at least; see `pause`."""
HAND_OVER, HAND_OVER_EVERY = 16 * 1024 * 1024, 3600.0
"""Bytes of what a linker saw, as it is kept for the next one, and seconds between two times at least."""
BOOK, LINKS, LEDGER = "book", "links", "ledger"
"""The kind of the records that keep what a tenant's linker found, and the ids of its links and of what it saw."""


class KeptLinks(Struct, array_like=True, gc=False):
    """Stored beyond a process: the clusters for the next linker, and the links in force."""

    book: bytes
    links: Delta


_kept = msgspec.msgpack.Decoder(KeptLinks)


class LiveLinking:
    """Linking during live checks: a task feeds the linker, follows its links, and starts it again after a crash.

    A dead linker means stale links and a number that shows it (`restarts`, `age`), never a failed check.
    """

    def __init__(
        self,
        limiter: Limiter,
        log: Log,
        clock: Callable[[], float] = time.time,
        records: Records | None = None,
        memory: int = 0,
    ) -> None:
        """`records` keeps the links beyond this process. memory: bytes that the linker may take; 0 for no bound."""
        self.restarts = 0
        self.epochs = 0
        self.epoch_seconds = 0.0
        self.last_epoch = 0.0
        self.dropped = 0  # nothing is lost on a pipe
        self.unread = 0  # nor damaged
        self.crowded: dict[str, int] = {}
        self.used: dict[str, int] = {}
        self.left_out: dict[str, int] = {}
        self._memory = memory
        self._limiter = limiter
        self._log = log
        self._clock = clock
        self._process: LinkerProcess | None = None
        self._next_epoch = 0.0
        self._known_to_linker: dict[str, TenantLimiter] = {}  # tenants of which the running linker has the notes
        self._void: set[str] = set()  # tenants whose next links do not follow from those in force
        self._books: dict[str, bytes] = {}
        self._ledgers: dict[str, bytes] = {}  # the sightings that the linker last handed over
        self._handed: set[str] = set()  # tenants of which the last epoch did
        self._next_hand_over = 0.0
        self._hurried = False
        self.rulings = KeptRulings(records or MemoryRecords())
        self._records = records
        self._taken_up: set[str] = set()
        self._followed: dict[str, Links] = {}  # as the running linker has them

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def there(self) -> bool:
        """Whether a linker runs: neither dead nor stopped."""
        return self._process is not None and self._process.alive

    async def run(self) -> None:
        """Feed and follow until cancelled."""
        try:
            while True:
                await asyncio.sleep(BATCH_EVERY)
                await self.turn()
        finally:
            self.close()

    def hurry(self) -> None:
        """Let the next epoch come at once, with what the linker saw stored again."""
        self._hurried = True
        self._ledgers.clear()

    def close(self) -> None:
        """End the linker."""
        if self._process is not None:
            self._process.close()
        self._process = None

    async def take_up(self) -> None:
        """Put the links of the last process in force, for every tenant not asked for yet."""
        for name, tenant in linked(self._limiter):
            if name in self._taken_up or self._records is None:
                continue
            try:
                found = await self._records.get(name, BOOK, LINKS)
                await self.rulings.take_up(tenant)
            except Unavailable:  # shared state is away; the next turn asks again
                continue
            self._taken_up.add(name)
            if found is None:
                continue
            try:
                kept = _kept.decode(found.body)
            except msgspec.DecodeError as error:
                self._log("links_damaged", tenant=name, error=str(error))
                continue
            tenant.links, self._books[name] = follow(NOTHING, kept.links), kept.book
            self._ledgers[name] = await self._kept_ledger(self._records, name)

    async def _kept_ledger(self, records: Records, name: str) -> bytes:
        with contextlib.suppress(Unavailable):
            found = await records.get(name, BOOK, LEDGER)
            return b"" if found is None else found.body
        return b""

    async def turn(self, played: float | None = None) -> None:
        """Send the notes, with an epoch if one is due; start the linker if none runs.

        played: the time of recorded lines that are played into this process; then an epoch is due.
        """
        await self.take_up()
        tenants = linked(self._limiter)
        self._known_to_linker = {name: tenant for name, tenant in tenants if self._known_to_linker.get(name) is tenant}
        if not tenants:
            return
        try:
            if self._process is None:
                self._process = await asyncio.to_thread(LinkerProcess, memory=self._memory)
            due = played is not None or self._hurried or time.monotonic() >= self._next_epoch
            now, epoch = self._clock() if played is None else played, due
            rulings = {name: self.rulings.given(name) for name, _ in tenants}
            batches = [one for name, tenant in tenants for one in self._batches(name, tenant, now, epoch=epoch)]
            self._ask_for_ledgers(batches)
            self._hurried = False
            started = time.monotonic()
            answers = await watched(self._process, batches)
        except (OSError, EOFError) as error:
            self._restart(error)
            return
        if epoch:
            self._follow(tenants, answers, now, time.monotonic() - started)
            await self._keep(tenants, rulings)

    async def _keep(self, tenants: Tenants, rulings: dict[str, dict[str, OperatorRuling]]) -> None:
        """Store clusters and links, so a restart releases no account and needs no first epoch."""
        for name, tenant in tenants:
            if self._records is not None:
                body = await asyncio.to_thread(_encoded, self._books[name], tenant.links)
                with contextlib.suppress(Unavailable):  # shared state is away; the next epoch's are kept
                    await self._records.put(name, BOOK, LINKS, body)
                    if name in self._handed:
                        await self._records.put(name, BOOK, LEDGER, self._ledgers[name])
                    await self.rulings.settle(name, rulings[name])

    def _batches(self, name: str, tenant: TenantLimiter, now: float, *, epoch: bool) -> list[Batch]:
        settings = linker_settings(tenant, tenant.secret)
        batches = batches_of(name, settings, tenant.outbox.collect(), now, epoch=epoch)
        batch = batches[0]
        if self._known_to_linker.get(name) is not tenant:
            self._known_to_linker[name] = tenant
            self._void.add(name)
            tenant.outbox.tell_again()
            batch.fresh, batch.book = True, self._books.get(name, b"")
            batch.ledger = self._ledgers.get(name, b"")
            batch.rulings = [*dict.fromkeys([*self.rulings.given(name).values(), *batch.rulings])]  # the last one's too
        return batches

    def _ask_for_ledgers(self, batches: list[Batch]) -> None:
        """Ask for the sightings once in a while; without them the next linker does not know the use of accounts."""
        if (
            self._records is None
            or batches[-1].epoch is None
            or (not self._hurried and time.monotonic() < self._next_hand_over)
        ):
            return
        self._next_hand_over = time.monotonic() + HAND_OVER_EVERY
        for batch in batches:
            batch.hand_over = HAND_OVER if batch.epoch is not None else 0

    def _follow(self, tenants: Tenants, answers: list[Answer], epoch: float, took: float) -> None:
        self._handed = {name for (name, _), answer in zip(tenants, answers, strict=True) if answer.ledger}
        for (name, tenant), answer in zip(tenants, answers, strict=True):
            if name in self._void:
                self._followed[name] = NOTHING
                self._void.discard(name)
            self._followed[name] = follow(self._followed[name], answer.delta)
            tenant.links = self._followed[name]
            self._books[name] = answer.book
            if answer.ledger:
                self._ledgers[name] = answer.ledger
            self.crowded[name] = answer.crowded
            self.used[name], self.left_out[name] = answer.used, answer.left_out
        self.epochs += 1
        self.epoch_seconds, self.last_epoch = took, epoch
        self._next_epoch = time.monotonic() + pause(EPOCH_EVERY, took)

    def _restart(self, error: Exception) -> None:
        self._log("linker_died", error=str(error) or type(error).__name__)
        self.close()
        for tenant in self._known_to_linker.values():
            tenant.outbox.tell_again()
        self._known_to_linker.clear()
        self.restarts += 1


def _encoded(book: bytes, links: Links) -> bytes:
    return msgspec.msgpack.encode(KeptLinks(book, difference(NOTHING, links)))
