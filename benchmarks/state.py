"""State files at size: start-up time, memory, and what writing behind costs the event loop. docs/reliability.md.

    python -m benchmarks.state [--accounts 1000000]

Each stage runs in a process of its own, so that its memory is its own.
"""

import argparse
import asyncio
import gc
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import structlog

from reputation.limits.bucket import Bucket, Limit
from reputation.state.crowds import Row
from reputation.state.facts import NOTHING, from_push
from reputation.state.history import visit
from reputation.state.tenant import TenantState
from reputation.stores.sqlite.store import SLICE, SqliteStore
from reputation.wire.messages import AccountFacts, Payment, Seconds

START = 1_790_000_000.0
BURST, DAILY = Limit(2.0, 20.0), Limit(5000 / 86_400, 5000.0)
PUSHED = 0.5
"""Share of accounts that billing pushed, with a key and a payment; the others were met in traffic."""
CHANGED = 5_000
"""Accounts that change between two writes: 20,000 checks a second, each of another account."""
LOG = structlog.get_logger()


def resident() -> float:
    """Memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def row(number: int) -> Row:
    """Make an account that is in use: two buckets, one address, facts if billing pushed it."""
    facts = NOTHING
    if number % 100 < PUSHED * 100:
        payment = Payment("ok", f"fp_{number}", "credit", "411111", "US", float(number % 500), 0, 0)
        body = AccountFacts(created_at=Seconds(START - number), plan="paid", verified=("email",), payment=payment)
        facts = from_push(body, (number.to_bytes(16, "big"),))
    recent = visit(b"", 0x0A000000 + number // 3, 64500 + number % 50, "US", START)
    return Row(facts, Bucket(12.5, START, BURST), Bucket(4000.25, START, DAILY), recent, 1, 3, int(START // 86_400))


def fill(state: TenantState, accounts: int) -> None:
    """Put accounts into a state as if they had been pushed or met."""
    for number in range(accounts):
        name, made = f"acct_{number:08d}", row(number)
        state.put_back(name, "known" if made.facts.keys else "met", made)
        for key in made.facts.keys:
            state.owners[key] = name


def opened(path: Path) -> SqliteStore:
    return SqliteStore(path, TenantState, LOG, time.time)


def timed(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of one call; by time.thread_time those that this thread computed, whatever else the machine does."""
    started = clock()
    work()
    return clock() - started


def stage_memory(_: Path, accounts: int) -> None:
    """State in memory alone."""
    before, state = resident(), TenantState()
    fill(state, accounts)
    gc.collect()
    print(
        f"memory alone: {resident() - before:,.0f} MB, {(resident() - before) * 1e6 / accounts:,.0f} bytes an account"
    )


def stage_write(path: Path, accounts: int) -> None:
    """Everything written at once, as after a file was lost."""
    store = opened(path)
    state = store.tenant("default")
    fill(state, accounts)
    for kept in store._tenants.values():  # noqa: SLF001 - what a lost file leads to
        kept.mark_all()
    took = timed(lambda: asyncio.run(store.flush()))
    asyncio.run(store.close())
    print(f"all written again: {took:,.1f} s, file {path.stat().st_size / 1e6:,.0f} MB")


def stage_start(path: Path, accounts: int) -> None:
    """A start from the file, then everybody woken, slice by slice."""
    before, started, cpu = resident(), time.perf_counter(), time.thread_time()
    store = opened(path)
    state = store.tenant("default")
    took, computed = time.perf_counter() - started, time.thread_time() - cpu
    assert state.size() == accounts  # noqa: S101 - a benchmark of something else would be worthless
    print(
        f"start: {took:,.2f} s ({computed:,.2f} s of them computing) until the first check can be answered; "
        f"{resident() - before:,.0f} MB asleep"
    )
    slices = []
    while state.asleep:
        slices.append(timed(lambda: _wake_slice(state), time.thread_time))
    gc.collect()
    print(
        f"waking: {sum(slices):,.1f} s in {len(slices):,} slices, the longest {max(slices) * 1e3:.1f} ms; "
        f"{resident() - before:,.0f} MB awake, {(resident() - before) * 1e6 / accounts:,.0f} bytes an account"
    )
    asyncio.run(store.close())


def _wake_slice(state: TenantState) -> None:
    until, now = time.perf_counter() + SLICE, time.time()
    while state.asleep and time.perf_counter() < until:
        state.wake_one(now)


def stage_flush(path: Path, accounts: int) -> None:
    """Writes of what a busy quarter of a second changes, and how long the loop is held by them."""
    store = opened(path)
    state, rng = store.tenant("default"), random.Random(7)
    waits: list[float] = []
    flushes = []

    async def ticking(ended: asyncio.Event) -> None:
        while not ended.is_set():
            started = time.perf_counter()
            await asyncio.sleep(0)
            waits.append(time.perf_counter() - started)

    async def rounds() -> None:
        for _ in range(20):
            names = [f"acct_{rng.randrange(accounts):08d}" for _ in range(CHANGED)]
            for name in names:
                found = state.row(name, START)
                if found is not None:
                    state.dirty.add(name)
            ended = asyncio.Event()
            ticks = asyncio.create_task(ticking(ended))
            started = time.perf_counter()
            await store.flush()
            flushes.append(time.perf_counter() - started)
            ended.set()
            await ticks

    asyncio.run(rounds())
    waits.sort()
    encoding = _encoding(store, [f"acct_{number:08d}" for number in range(CHANGED)])
    print(
        f"write of {CHANGED:,} changed accounts: {median(flushes) * 1e3:.0f} ms during checks, of which encoding took "
        f"{encoding * 1e3:.0f} ms; a turn of the loop took {waits[len(waits) * 99 // 100] * 1e3:.2f} ms (p99), "
        f"{waits[len(waits) * 999 // 1000] * 1e3:.2f} ms (p99.9)"
    )
    asyncio.run(store.close())


def _encoding(store: SqliteStore, names: list[str]) -> float:
    """CPU seconds of encoding accounts that are awake."""
    accounts = store._tenants["default"].parts[0]  # noqa: SLF001 - the part that a flush spends its time in
    for name in names:
        store.tenant("default").row(name, START)
    return timed(lambda: [accounts.change(name) for name in names], time.thread_time)


STAGES = {"memory": stage_memory, "write": stage_write, "start": stage_start, "flush": stage_flush}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--stage", choices=list(STAGES))
    parser.add_argument("--path", type=Path)
    given = parser.parse_args()
    if given.stage:
        STAGES[given.stage](given.path, given.accounts)
        return
    with tempfile.TemporaryDirectory(prefix="headcount-") as directory:
        for stage in STAGES:
            command = [sys.executable, "-m", "benchmarks.state", "--stage", stage, "--accounts", str(given.accounts)]
            subprocess.run([*command, "--path", str(Path(directory) / "state.sqlite3")], check=True)


if __name__ == "__main__":
    main()
