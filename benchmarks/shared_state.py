"""What shared state costs, and what its outages let through: the tables of docs/reliability.md.

    python -m benchmarks.shared_state [--seconds 60] [--accounts 1000] [--processes 4] [--only WORDS]

Every account is asked for five times what its limit lets through, over all sidecars in turn, and a third of the way
through something happens to Redis. The bound is that of docs/reliability.md.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import uvloop
from msgspec import structs

from benchmarks import machine
from benchmarks.shared_load import Result, run
from benchmarks.shared_servers import PLACES, free_ports, running, sidecars
from reputation.limits.bucket import Limit, full
from reputation.limits.take import Ask, Charge
from reputation.replicas.account_copies import AccountCopies
from reputation.state.facts import Facts, from_push
from reputation.state.tenant import TenantState
from reputation.state.transactions import AccountData, Transaction
from reputation.stores.redis.names import Names
from reputation.stores.redis.store import RedisStore
from reputation.wire.messages import AccountFacts, Payment, Seconds

BURST = 20.0
OVER = 5.0
DETECTION = 0.2
"""Seconds until the last check that waits for Redis has fallen back: a time-out, and one more try."""


class Row(NamedTuple):
    """One run. admitted, limit and bound: requests; recovery: seconds from the end of the fault; times in ms."""

    what: str
    admitted: int
    limit: float
    bound: float
    worst: float
    failures: int
    degraded: int
    recovery: float
    p99: float
    p99_fault: float


async def _faulted(what: str, processes: int, accounts: int, seconds: float) -> Row:
    rate = BURST / seconds  # so that a run's limit is twice a burst
    limits = {"burst": BURST, "rate": rate, "daily": 1e9}
    with tempfile.TemporaryDirectory() as directory, running(Path(directory)) as started:
        place = PLACES[what](started)
        async with sidecars(started, place.url, processes, limits) as ports:
            await asyncio.sleep(2.5)  # every sidecar has counted the others
            asked = accounts * OVER * (BURST + rate * seconds) / seconds
            work = asyncio.create_task(run(ports, accounts, asked, seconds))
            await asyncio.sleep(seconds / 3)
            since = time.perf_counter()
            await place.fault()
            until = time.perf_counter()
            result = await work
            took = time.perf_counter() - result.started
    return _row(what, result, (since - result.started, until - result.started), limits, place.outages, accounts, took)


def _row(
    what: str,
    result: Result,
    fault: tuple[float, float],
    limits: dict[str, float],
    outages: int,
    accounts: int,
    took: float,
) -> Row:
    each = limits["burst"] + limits["rate"] * took
    bound = each * 1.001 + outages * (limits["burst"] + limits["rate"] * DETECTION)
    since, until = fault
    return Row(
        what,
        sum(result.admitted.values()),
        each * accounts,
        bound * accounts,
        max(result.admitted.values(), default=0) / bound,
        sum(result.failures().values()) + result.lost,
        result.degraded,
        result.recovery(until) if outages else 0.0,
        result.p99(),
        result.p99(since, max(until, since + 2.0)),
    )


def show(rows: list[Row]) -> str:
    """Return the table of docs/reliability.md."""
    heads = (
        "what happens to Redis", "let through", "of the limit", "of the bound", "worst account, of its bound",
        "not 200", "degraded answers", "recovery s", "p99 ms", "p99 ms in the fault",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "| --- |" + " ---: |" * (len(heads) - 1)]
    lines += [
        f"| {row.what} | {row.admitted:,} | {row.admitted / row.limit:.2%} | {row.admitted / row.bound:.1%} "
        f"| {row.worst:.1%} | {row.failures} | {row.degraded:,} | {row.recovery:.2f} | {row.p99:.1f} "
        f"| {row.p99_fault:.1f} |"
        for row in rows
    ]
    return "\n".join(lines)


async def _speed(accounts: int, rounds: int, seconds: float, core: int) -> list[tuple[float, float]]:
    """Answers a second of an embedded sidecar and of one over Redis, in alternating rounds, all servers on one core."""
    before = ("taskset", "-c", str(core))
    found = []
    with tempfile.TemporaryDirectory() as directory, running(Path(directory)) as started:
        (port,) = free_ports(1)
        started.redis(port, before=before)
        limits = {"burst": 1e6, "rate": 1e5, "daily": 1e9}
        async with (
            sidecars(started, ":memory:", 1, limits, before) as (embedded,),
            sidecars(started, f"redis://127.0.0.1:{port}", 1, limits, before) as (shared,),
        ):
            for number in range(rounds + 1):
                turn = [embedded, shared] if number % 2 else [shared, embedded]
                rates = {one: len((await run([one], accounts, 1e6, seconds, 63)).answers) / seconds for one in turn}
                if number:  # the first one warms up
                    found.append((rates[embedded], rates[shared]))
    return found


def speed(accounts: int, rounds: int, seconds: float) -> str:
    """Measure the speed of one process over Redis on its own core, compared with embedded state."""
    rates = uvloop.run(_speed(accounts, rounds, seconds, min(os.sched_getaffinity(0))))
    embedded, shared = (statistics.median(each) for each in zip(*rates, strict=True))
    ratio = statistics.median(other / one for one, other in rates)
    return (
        f"one core for all but the client: {embedded:,.0f} checks/s with embedded state, {shared:,.0f} over Redis, "
        f"{ratio:.0%} (medians of {rounds} rounds)"
    )


def memory(accounts: int) -> str:
    """Say how many bytes an account takes in Redis: its two buckets, and its facts with one key."""
    with tempfile.TemporaryDirectory() as directory, running(Path(directory)) as started:
        (port,) = free_ports(1)
        started.redis(port)
        buckets, facts = uvloop.run(_fill(port, accounts))
    return f"{accounts:,} accounts in Redis: {buckets:.0f} bytes each for buckets, {facts:.0f} for facts and one key"


async def _fill(port: int, accounts: int) -> tuple[float, float]:
    store = RedisStore(f"redis://127.0.0.1:{port}", TenantState, None, time.time)
    names, limit = Names("default"), Limit(1e-6, 100.0)
    takes, kept = store.takes("default", 5.0, print), AccountCopies(store.accounts("default"), 5.0, print)
    used = [await _used(store)]
    for start in range(0, accounts, 1000):
        named = [f"acct_{number:08}" for number in range(start, start + 1000)]
        asks = [
            Ask([[Charge(part, "account", ("own", name, part), full(limit, 0.0)) for part in ("burst", "daily")]], 1.0)
            for name in named
        ]
        await asyncio.gather(*[takes.take(ask) for ask in asks])
    used.append(await _used(store))
    payment = Payment("ok", fingerprint="fp_1", settled_usd=40.0)
    facts = from_push(AccountFacts(created_at=Seconds(1.5e9), plan="paid", verified=("email",), payment=payment), ())
    for start in range(0, accounts, 4):  # few, for a connection takes memory too
        pushes = [
            kept.commit(Transaction(f"acct_{number:08}", partial(_keyed, facts, number)))
            for number in range(start, start + 4)
        ]
        await asyncio.gather(*pushes)
    changes = int(await store.server.ask("MEMORY", "USAGE", names.single("changes"), "SAMPLES", 0))  # bounded
    used.append(await _used(store) - changes)
    await store.close()
    return (used[1] - used[0]) / accounts, (used[2] - used[1]) / accounts


def _keyed(facts: Facts, number: int, _: AccountData) -> AccountData:
    return AccountData(structs.replace(facts, keys=(number.to_bytes(16, "little"),)))


async def _used(store: RedisStore) -> int:
    return int((await store.server.ask("INFO", "memory"))["used_memory"])


def faults(names: list[str], processes: int, accounts: int, seconds: float) -> list[Row]:
    """Run each fault on servers of its own."""
    return [uvloop.run(_faulted(name, processes, accounts, seconds)) for name in names]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run")
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--only", default="", help="faults whose name has these words")
    parser.add_argument("--speed", action="store_true", help="compare with embedded state instead, and fill Redis")
    options = parser.parse_args(arguments)
    print(machine.describe())
    if options.speed:
        print(speed(options.accounts, 5, 3.0), flush=True)
        print(memory(20_000))
        return
    names = [name for name in PLACES if options.only in name]
    print(show(faults(names, options.processes, options.accounts, options.seconds)))


if __name__ == "__main__":
    main()
