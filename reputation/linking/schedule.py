"""When links are made anew: in step with recorded time in a replay, on a timer beside live checks."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from math import inf

import msgspec
from msgspec import Struct, structs

from reputation.engine.limiter import Limiter, TenantLimiter
from reputation.engine.notes import MOST_WAITING
from reputation.hydra.linker_settings import PRIOR_USE, LinkerSettings
from reputation.hydra.links import NOTHING, Delta, Links, difference, follow
from reputation.hydra.sightings import Order
from reputation.linking.kept_rulings import KeptRulings
from reputation.linking.process import LONGEST_EPOCH, Answer, Batch, LinkerDiedError, LinkerProcess, batch_of, packed
from reputation.state.records import MemoryRecords, Records
from reputation.wire.errors import Unavailable

BATCH_EVERY = 1.0
SILENT = 60.0
"""Seconds without a sign of life after which a linker is ended."""
WATCH_EVERY = 1.0
"""Seconds between two looks at a linker that is waited for."""
EPOCH_EVERY = 20.0
"""Seconds between live epochs at least; see SHARE_OF_CORE."""
SHARE_OF_CORE = 0.08
"""An epoch that took t seconds is followed by a pause of t / SHARE_OF_CORE."""
REPLAY_EVERY = 900.0
NEWS = 8
"""A replay links again after at least one note for every so many accounts: with less, little can have changed."""
SMALL = 10_000
"""Accounts whose epoch takes a fraction of a second; above that, after as many notes as there are accounts more, and
its links wait for the next epoch, so that linking and checking go on at the same time on two cores."""
REPLAY_LAG = 5.0
"""Recorded seconds after which an epoch's links take effect in a replay, if not later: what a live epoch takes."""

BOOK, LINKS = "book", "links"
"""The kind and the id of the record that keeps a tenant's links."""
NEIGHBOURHOOD_WINDOW = 86_400.0
"""Seconds of use that neighbourhoods are judged by; a linker that starts anew has not seen them."""

Log = Callable[..., None]
Tenants = list[tuple[str, TenantLimiter]]


class KeptLinks(Struct, array_like=True, gc=False):
    """What outlives a process: the clusters as a linker can take them up, and the links in force."""

    book: bytes
    links: Delta


_kept = msgspec.msgpack.Decoder(KeptLinks)


def linker_settings(tenant: TenantLimiter, key: bytes = b"") -> LinkerSettings:
    """Return what the linker is told of a tenant's configuration. key: draws trials; a replay's is no secret."""
    linking, prior = tenant.tenant.settings.linking, PRIOR_USE * tenant.tenant.request_cost
    return LinkerSettings(linking.purse_units, prior, without=linking.without, trials=linking.trials, key=key[:64])


def linked(limiter: Limiter) -> Tenants:
    """Return the tenants that want linking, and let them take notes."""
    found = [(name, t) for name, t in limiter.tenants.items() if t.tenant.settings.linking.enabled]
    for _, tenant in found:
        tenant.outbox.listening = True
    return found


class RecordedLinking:
    """Linking in step with recorded time: every `every` seconds an epoch, its links in force `lag` seconds later.

    The linker works in its own process meanwhile. What it answers depends on the notes alone, and when it takes
    effect on recorded time and notes alone, so two replays give the same bytes however fast the machine is. A linker
    that works on its answer reads nothing, so what it cannot read yet is kept: MOST_WAITING notes, packed.
    """

    def __init__(self, limiter: Limiter, every: float = REPLAY_EVERY, lag: float = REPLAY_LAG) -> None:
        self._tenants = linked(limiter)
        self._every = every
        self._lag = lag
        self._next = 0.0
        self._due: float | None = None
        self._enough = 0  # notes without which no epoch is worth its while
        self._fed = 0
        self._kept: list[bytes] = []  # batches that are not sent yet
        self._answers: list[Answer] = []  # those that are here and not in force yet
        # half of the work is the linker's: it gives way to nobody
        self._process = LinkerProcess(niceness=0) if self._tenants else None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def __call__(self, now: float) -> None:
        """Follow recorded time; to be called before the line at `now`. Raises LinkerDiedError."""
        if self._process is None:
            return
        try:
            self._step(self._process, now)
        except (OSError, EOFError) as error:
            raise LinkerDiedError(f"the linker ended unexpectedly at {now:.0f} of recorded time") from error

    def _step(self, process: LinkerProcess, now: float) -> None:
        if self._due is not None and now >= self._due:
            self._follow(process)
        waiting = 0
        for _, tenant in self._tenants:
            waiting += tenant.outbox.waiting
        if now >= self._next and self._fed + waiting >= self._enough:
            self._ask(process, now)
        elif waiting >= MOST_WAITING // 4:
            if self._due is not None and self._fed + waiting >= MOST_WAITING:
                self._follow(process)
            self._feed(process, now)

    def _feed(self, process: LinkerProcess, now: float) -> None:
        for name, tenant in self._tenants:
            self._fed += tenant.outbox.waiting
            self._kept.append(packed(batch_of(name, linker_settings(tenant), tenant.outbox.collect(), now)))
        if self._due is not None:
            self._receive(process)
        if self._due is None or len(self._answers) == len(self._tenants):
            self._send(process)

    def _send(self, process: LinkerProcess) -> None:
        for data in self._kept:
            process.send_packed(data)
        self._kept.clear()

    def _receive(self, process: LinkerProcess) -> None:
        """Take the answers that are there."""
        while len(self._answers) < len(self._tenants) and process.answered:
            self._answers.append(process.receive())

    def _ask(self, process: LinkerProcess, now: float) -> None:
        """Ask for epochs once all notes are sent: a linker that answers reads nothing, and nobody may wait for it."""
        if self._due is not None:
            self._follow(process)
        self._feed(process, now)
        for name, tenant in self._tenants:
            process.send(batch_of(name, linker_settings(tenant), [], now, epoch=True))
        accounts = sum(tenant.state.size() for _, tenant in self._tenants)
        self._next, self._due, self._fed = now + self._every, now + self._lag if accounts < SMALL else inf, 0
        self._enough = max(accounts // NEWS, accounts - SMALL)

    def _follow(self, process: LinkerProcess) -> None:
        while len(self._answers) < len(self._tenants):
            self._answers.append(process.receive())
        for (_, tenant), answer in zip(self._tenants, self._answers, strict=True):
            tenant.links = follow(tenant.links, answer.delta)
        self._answers.clear()
        self._due = None
        self._send(process)  # so that it has work until the next are fed

    def close(self) -> None:
        if self._process is not None:
            self._process.close()


class LiveLinking:
    """Linking beside live checks: a task that feeds the linker, follows its links, and starts it again if it dies.

    A dead linker means stale links and a number that shows it (`restarts`, `age`), never a failed check.
    """

    def __init__(
        self, limiter: Limiter, log: Log, clock: Callable[[], float] = time.time, records: Records | None = None
    ) -> None:
        """`records` keeps the links beyond this process."""
        self.restarts = 0
        self.epochs = 0
        self.epoch_seconds = 0.0
        self.last_epoch = 0.0
        self.dropped = 0  # nothing is lost on a pipe
        self.unread = 0  # nor damaged
        self.crowded: dict[str, int] = {}
        self._limiter = limiter
        self._log = log
        self._clock = clock
        self._process: LinkerProcess | None = None
        self._next_epoch = 0.0
        self._told: dict[str, TenantLimiter] = {}  # tenants that the running linker knows
        self._void: set[str] = set()  # tenants whose next links do not follow from those in force
        self._books: dict[str, bytes] = {}
        self.rulings = KeptRulings(records or MemoryRecords())
        self._records = records
        self._taken_up: set[str] = set()
        self._followed: dict[str, Links] = {}  # as the running linker has them
        self._inherited: dict[str, Links] = {}  # as the one before it left them

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def there(self) -> bool:
        """Whether there is a linker that runs: neither dead nor stopped."""
        return self._process is not None and self._process.alive

    async def run(self) -> None:
        """Feed and follow until cancelled."""
        try:
            while True:
                await asyncio.sleep(BATCH_EVERY)
                await self.turn()
        finally:
            self.close()

    def close(self) -> None:
        """End the linker."""
        if self._process is not None:
            self._process.close()
        self._process = None

    async def take_up(self) -> None:
        """Put the links in force that the last process left, of every tenant that has not been asked for yet."""
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

    async def turn(self) -> None:
        """Send what was noted, with an epoch if one is due; start the linker if it is not there."""
        await self.take_up()
        tenants = linked(self._limiter)
        self._told = {name: tenant for name, tenant in tenants if self._told.get(name) is tenant}
        if not tenants:
            return
        try:
            if self._process is None:
                self._process = await asyncio.to_thread(LinkerProcess)
            now, epoch = self._clock(), time.monotonic() >= self._next_epoch
            rulings = {name: self.rulings.given(name) for name, _ in tenants}
            batches = [self._batch(name, tenant, now, epoch=epoch) for name, tenant in tenants]
            started = time.monotonic()
            answers = await watched(self._process, batches)
        except (OSError, EOFError) as error:
            self._restart(error)
            return
        if epoch:
            self._follow(tenants, answers, now, time.monotonic() - started)
            await self._keep(tenants, rulings)

    async def _keep(self, tenants: Tenants, rulings: dict[str, dict[str, Order]]) -> None:
        """Keep clusters and links, so that a restart neither releases anybody nor waits for the first epoch."""
        for name, tenant in tenants:
            if self._records is not None:
                body = await asyncio.to_thread(_encoded, self._books[name], tenant.links)
                with contextlib.suppress(Unavailable):  # shared state is away; the next epoch's are kept
                    await self._records.put(name, BOOK, LINKS, body)
                    await self.rulings.settle(name, rulings[name])

    def _batch(self, name: str, tenant: TenantLimiter, now: float, *, epoch: bool) -> Batch:
        batch = batch_of(name, linker_settings(tenant, tenant.secret), tenant.outbox.collect(), now, epoch=epoch)
        if self._told.get(name) is not tenant:
            self._told[name] = tenant
            self._void.add(name)
            tenant.outbox.tell_again()
            batch.fresh, batch.book = True, self._books.get(name, b"")
            batch.rulings = [*dict.fromkeys([*self.rulings.given(name).values(), *batch.rulings])]  # the last one's too
        return batch

    def _follow(self, tenants: Tenants, answers: list[Answer], epoch: float, took: float) -> None:
        for (name, tenant), answer in zip(tenants, answers, strict=True):
            if name in self._void:
                self._inherited[name], self._followed[name] = tenant.links, NOTHING
                self._void.discard(name)
            self._followed[name] = follow(self._followed[name], answer.delta)
            tenant.links = with_inherited(self._followed[name], self._inherited[name])
            self._books[name] = answer.book
            self.crowded[name] = answer.crowded
        self.epochs += 1
        self.epoch_seconds, self.last_epoch = took, epoch
        self._next_epoch = time.monotonic() + max(EPOCH_EVERY, took / SHARE_OF_CORE)

    def _restart(self, error: Exception) -> None:
        self._log("linker_died", error=str(error) or type(error).__name__)
        self.close()
        for tenant in self._told.values():
            tenant.outbox.tell_again()
        self._told.clear()
        self.restarts += 1


def with_inherited(links: Links, before: Links) -> Links:
    """Add the neighbourhoods of the linker before, until the new one has seen as many hours as they are judged by."""
    if not before.neighbourhoods or abs(links.at - before.at) >= NEIGHBOURHOOD_WINDOW:
        return links
    return structs.replace(
        links,
        neighbourhoods={**before.neighbourhoods, **links.neighbourhoods},
        residents={**before.residents, **links.residents},
    )


def _encoded(book: bytes, links: Links) -> bytes:
    return msgspec.msgpack.encode(KeptLinks(book, difference(NOTHING, links)))


def _collected(tenants: Tenants, now: float, *, epoch: bool) -> list[Batch]:
    return [batch_of(name, linker_settings(t), t.outbox.collect(), now, epoch=epoch) for name, t in tenants]


async def watched(process: LinkerProcess, batches: list[Batch]) -> list[Answer]:
    """Give a linker batches and wait for its answers; one that hangs is ended, which raises EOFError or OSError."""
    work = asyncio.ensure_future(asyncio.to_thread(exchange, process, batches))
    work.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody asks if this is cancelled
    end = time.monotonic() + LONGEST_EPOCH
    try:
        while not (await asyncio.wait((work,), timeout=WATCH_EVERY))[0]:
            if process.silence > SILENT or time.monotonic() > end:
                process.kill()
    except asyncio.CancelledError:
        process.kill()  # the thread waits for an answer, and the program for the thread
        raise
    return work.result()


def exchange(process: LinkerProcess, batches: list[Batch]) -> list[Answer]:
    """Send batches one by one, each followed by its answer if it asks for an epoch."""
    answers = []
    for batch in batches:
        process.send(batch)
        if batch.epoch is not None:
            answers.append(process.receive())
    return answers
