"""Memory in front of a SQLite file: a check only notes names, and background work does the rest.

Facts, marks and documents are written before the change is answered. Of what checks change, four times a
second what is new is encoded on the event loop in short slices and written by a thread in one transaction. A bucket is
written as it is after what was spent. After an unclean stop buckets go on from what they had earned at the last write:
the time from then until the start earns nothing.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from reputation.state.damage import Damage
from reputation.state.records import MemoryRecords, Record
from reputation.state.tenant import TenantState
from reputation.state.transactions import Committed, Plan, Transaction
from reputation.stores.contract import Figures, Opening, Store
from reputation.stores.sqlite.commits import Commits
from reputation.stores.sqlite.file import HotChanges, RecordChange, RowChange, StateFile, fix_of, in_order, is_lost
from reputation.stores.sqlite.records import SqliteRecords
from reputation.stores.sqlite.rows import Earning, Gap, joined
from reputation.stores.sqlite.stops import SqliteStops
from reputation.stores.sqlite.tenant import KeptTenant, StateTable
from reputation.wire.errors import ConfigError

FLUSH_EVERY = 0.25
IDLE_EVERY = 1.0
"""Longest time between two writes, even if nothing changed: until the last one everything has earned."""
RETRY_WITHIN = 5.0
"""Longest pause between two attempts while the file is away; the first ones follow faster."""
SLICE = 0.001
"""Seconds for which encoding or decoding holds the event loop before other tasks have a turn."""
WAKE_EVERY = 0.005
"""Seconds between two slices in which sleeping accounts are decoded after a start."""
AT_ONCE = 50_000
"""Changes in one transaction, give or take one part; more come when everything is written again."""
ORDERED = ("accounts", "owners")
"""Parts whose names sort as their keys do in the file."""
CLOCKS_DIFFER = 1.0
SET_BACK = "the last write of the state is in the future of this machine's clock; check the clock"

FAULTS = (sqlite3.Error, OSError, ConfigError)
"""What may go wrong with a file; ConfigError is of one that cannot be opened again."""

UNWRITABLE = (TypeError, ValueError, OverflowError, msgspec.MsgspecError)
"""What encoding one value may raise."""

Taken = tuple[KeptTenant, StateTable, set[Hashable]]
"""Names of one part of a tenant that are to be written."""

NO_ACCOUNTS = TenantState(1, 1)
"""In the place of a tenant's state where a transaction has documents alone."""

_gaps = msgspec.msgpack.Decoder(list[Gap])
_time = msgspec.msgpack.Decoder(float)
_encode = msgspec.msgpack.encode


T = TypeVar("T")


class SqliteStore:
    """State of every tenant, kept in one file."""

    shared = None

    def __init__(self, path: Path, make: Callable[[], TenantState], log: Any, clock: Callable[[], float]) -> None:
        """Open or create the file and read the data shared by tenants. Raises ConfigError with file and fix."""
        self.degraded = False
        self.failures = 0
        self.left_out = 0
        self.damage = Damage(log)
        self._make, self._log, self._clock = make, log, clock
        self._file = StateFile(path)
        self._writer = ThreadPoolExecutor(1, "state-writer")
        self._tenants: dict[str, KeptTenant] = {}
        self._lost = False  # the file is to be put aside, and everything to be written again
        self._pause = FLUSH_EVERY
        self._written, self._flush_seconds, self._held = 0, 0.0, 0.0
        self._started = self._last = clock()
        documents = MemoryRecords(self.damage)
        self.records = SqliteRecords(documents, self.commit)
        self.stops = SqliteStops(self._file, self._in_writer)
        self._commits = Commits(documents, self._write_plan, clock)
        with _reading(self._file):
            for tenant, kind, id_, version, body in self._file.records():
                if isinstance(version, int) and isinstance(body, bytes) and version > 0:
                    documents.restore(tenant, kind, Record(id_, version, body))
                else:
                    documents.unreadable(str(tenant), str(kind), str(id_))
            self._gaps = self._begin()

    def _begin(self) -> list[Gap]:
        """Find out how the last run ended, and mark this run as not ended cleanly yet."""
        file, now = self._file, self._started
        # a gap that ends at a time to come was noted before the clock was set back, and tells nothing about now
        gaps = [gap for gap in self._meta("gaps", _gaps, []) if gap[1] <= now]
        last = self._meta("written_at", _time, 0.0)
        if last > now + CLOCKS_DIFFER:
            self._log.warning("clock_set_back", state=str(file.path), seconds=round(last - now, 3), fix=SET_BACK)
        if file.meta("clean") == b"\x00" and 0.0 < last < now:
            gaps = joined([*gaps, (last, now)])
            self._log.warning("unclean_stop", state=str(file.path), seconds_without_refill=round(now - last, 3))
        file.write([], meta=_meta(gaps, now, clean=False))
        return gaps

    def _meta(self, name: str, decoder: msgspec.msgpack.Decoder[T], otherwise: T) -> T:
        """Read one of the file's own notes; a damaged note counts as missing."""
        try:
            kept = self._file.meta(name)
            return otherwise if kept is None else decoder.decode(kept)
        except (msgspec.DecodeError, TypeError, ValueError):
            self.damage.note(f"meta {name}".encode())
            return otherwise

    def tenant(self, name: str) -> TenantState:
        """Return a tenant's state, read from the file when it is first named. Raises ConfigError."""
        kept = self._tenants.get(name)
        if kept is None:
            with _reading(self._file):
                number, _ = self._file.tenant(name)
                kept = KeptTenant(number, name, self._make(), self.damage)
                kept.read(self._file, Earning(self._gaps, self._started))
            kept.state.degraded = self.degraded
            self._tenants[name] = kept
        return kept.state

    def figures(self) -> Figures:
        kept = self._tenants.values()
        waiting = len(self.records.dirty) + sum(one.waiting() for one in kept)
        asleep = sum(len(one.state.asleep) for one in kept)
        age = self._clock() - self._last
        return Figures(
            self._written, self.failures, self._flush_seconds, self._held, age, waiting, asleep, self.left_out
        )

    # -- writing at once ----------------------------------------------------------------------------------------

    async def commit(self, tenant: str, asked: Transaction) -> Committed:
        """Carry out a transaction; it is in the file before this returns. Raises Conflict, Stale and Unavailable."""
        state = self.tenant(tenant) if asked.account else NO_ACCOUNTS
        return await self._commits.commit(tenant, state, asked)

    async def _write_plan(self, plan: Plan) -> bool:
        if self.degraded:  # the task that writes behind finds out when it is back
            return False
        hot = [change for name in plan.states for change in self._tenants[name].changes(plan)]
        records = [
            RecordChange(*id_, 0, None) if record is None else RecordChange(*id_, record.version, record.body)
            for id_, record in plan.documents.items()
        ]
        try:
            await self._in_writer(partial(self._file.write, hot, (), records))
        except FAULTS as error:
            self._failed(error)
            return False
        return True

    # -- writing behind -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write behind, and decode sleeping accounts, until cancelled."""
        waking, warned = asyncio.create_task(self._wake_all()), False
        try:
            while True:
                await asyncio.sleep(self._pause)
                if self._is_due():
                    await self.flush()
        except asyncio.CancelledError:
            warned = True
            raise
        finally:
            waking.cancel()
            if not warned:
                self._set_degraded(True)  # a fault of ours: from here on nothing is written behind

    async def close(self) -> None:
        """Write the remaining changes, record the clean stop, and close the file."""
        await self.flush(clean=True)
        self._writer.shutdown()
        self._file.close()

    async def scrub(self) -> bool:
        """Write all changes, and let no deleted byte stay in the file or in its write-ahead log."""
        await self.flush()
        try:
            return not self.degraded and bool(await self._in_writer(self._file.scrub))
        except FAULTS as error:
            self._failed(error)
            return False

    async def _wake_all(self) -> None:
        for kept in list(self._tenants.values()):
            while kept.state.asleep:
                started, now = time.perf_counter(), self._clock()
                while kept.state.asleep and time.perf_counter() - started < SLICE:
                    kept.state.wake_one(now)
                await asyncio.sleep(WAKE_EVERY)

    def _is_due(self) -> bool:
        waiting = len(self.records.dirty) or any(kept.waiting() for kept in self._tenants.values())
        return bool(waiting) or self.degraded or not 0.0 <= self._clock() - self._last < IDLE_EVERY

    async def flush(self, *, clean: bool = False) -> None:
        """Write all changes until now; failed writes are kept for the next time."""
        async with self._commits.lock:  # or what was encoded before a commit could be written after it
            await self._flush(clean=clean)

    async def _flush(self, *, clean: bool) -> None:
        started, at = time.perf_counter(), self._clock()
        try:
            if self.degraded:
                await self._repair()
            await self._write(at, clean=clean)
        except FAULTS as error:
            self._failed(error)
            return
        self._last, self._flush_seconds = at, time.perf_counter() - started
        self._recovered()

    async def _write(self, at: float, *, clean: bool) -> None:
        """Encode and write all marked changes; after a failure all of them are marked again."""
        taken = [(kept, part, part.dirty.take()) for kept in self._tenants.values() for part in kept.parts]
        records = self.records.take()
        done = False
        try:
            hot = await self._write_most(taken)
            tenants = [(kept.number, kept.name, kept.body()) for kept in self._tenants.values()]
            meta = _meta(self._gaps, at, clean=clean)
            await self._in_writer(partial(self._file.write, hot, tenants, records, meta))
            done = True
        finally:
            if not done:
                self._give_back(taken, records)
        self._written += len(records) + sum(len(names) for _, _, names in taken)

    def _give_back(self, taken: Sequence[Taken], records: Sequence[RecordChange]) -> None:
        for _, part, names in taken:
            part.dirty.add_all(names)
        self.records.give_back(records)

    async def _write_most(self, taken: Sequence[Taken]) -> list[HotChanges]:
        """Encode all changes, write every AT_ONCE of them in a transaction, and return the rest unwritten."""
        hot: list[HotChanges] = []
        for kept, part, names in taken:
            many = len(names) > AT_ONCE and part.table in ORDERED
            pending = await in_order(names) if many else iter(names)
            while changes := await self._encoded(part, pending):
                hot.append((part.table, kept.number, changes))
                if sum(len(some) for _, _, some in hot) >= AT_ONCE:
                    await self._in_writer(partial(self._file.write, hot))
                    hot = []
        return hot

    async def _encoded(self, part: StateTable, names: Iterator[Hashable]) -> list[RowChange]:
        """Encode the next names in slices, so no check waits for more than one slice."""
        changes: list[RowChange] = []
        started = time.perf_counter()
        for name in names:
            try:
                changes.append(part.change(name))
            except UNWRITABLE as error:
                self._left_out(part, error)
            held = time.perf_counter() - started
            if held > SLICE:
                self._held = max(self._held, held)
                if len(changes) >= AT_ONCE:
                    break
                await asyncio.sleep(0)
                started = time.perf_counter()
        return changes

    def _left_out(self, part: StateTable, error: Exception) -> None:
        """Leave out values that cannot be encoded: one odd value must not block all other writes."""
        self.left_out += 1
        if self.left_out == 1:
            self._log.error("state_unwritable", part=part.table, error=f"{type(error).__name__}: {error}")

    async def _in_writer(self, work: Callable[[], Any]) -> Any:
        return await asyncio.wrap_future(self._writer.submit(work))

    # -- while the file is away ---------------------------------------------------------------------------------

    def _failed(self, error: Exception) -> None:
        """Go on in memory, and say so once."""
        self.failures += 1
        self._lost = self._lost or is_lost(error)
        self._pause = min(self._pause * 2, RETRY_WITHIN)
        if not self.degraded:
            self._log.error(
                "state_away", state=str(self._file.path), error=str(error), fix=fix_of(error),
                until_then="goes on in memory",
            )  # fmt: skip
        self._set_degraded(True)

    def _recovered(self) -> None:
        self._pause = FLUSH_EVERY
        if self.degraded:
            self._log.info("state_back", state=str(self._file.path), written=self._written)
        self._set_degraded(False)

    def _set_degraded(self, degraded: bool) -> None:  # noqa: FBT001 - the value that it sets
        self.degraded = degraded
        for kept in self._tenants.values():
            kept.state.degraded = degraded

    async def _repair(self) -> None:
        """Open the file again; if it was lost, start a new file and write everything."""
        if self._lost:
            await self._in_writer(self._file.renew)
            self._lost = False
            self._touch_all()
        else:
            await self._in_writer(self._file.reopen)

    def _touch_all(self) -> None:
        for kept in self._tenants.values():
            kept.mark_all()
        self.records.mark_all()


def _meta(gaps: list[Gap], at: float, *, clean: bool) -> list[tuple[str, bytes]]:
    return [("gaps", _encode(gaps)), ("written_at", _encode(at)), ("clean", b"\x01" if clean else b"\x00")]


@contextlib.contextmanager
def _reading(file: StateFile) -> Iterator[None]:
    """Name the fix for a file that cannot be read at the start."""
    try:
        yield
    except sqlite3.Error as error:
        file.close()
        raise ConfigError(f"--state {file.path}: {fix_of(error)}") from error
    except (msgspec.DecodeError, ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
        file.close()
        raise ConfigError(f"--state {file.path}: damaged file ({error}); restore a backup, or move it away") from error


def open_store(place: str, opening: Opening) -> Store:
    """Open the state file at a path. Raises ConfigError."""
    return SqliteStore(Path(place), *opening)
