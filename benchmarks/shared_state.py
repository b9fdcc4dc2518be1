"""What shared state costs, and what its outages let through: the tables of docs/reliability.md.

    python -m benchmarks.shared_state [--seconds 60] [--accounts 1000] [--processes 4] [--only WORDS]

Every account is asked for five times what its limit lets through, over all sidecars in turn, and a third of the way
through something happens to Redis. The bound is that of docs/reliability.md.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import uvloop

from benchmarks import machine
from benchmarks.shared_load import Result, run
from benchmarks.shared_servers import PLACES, running, sidecars

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
            begun = time.perf_counter()
            asked = accounts * OVER * (BURST + rate * seconds) / seconds
            work = asyncio.create_task(run(ports, accounts, asked, seconds))
            await asyncio.sleep(seconds / 3)
            since = time.perf_counter() - begun
            await place.fault()
            until = time.perf_counter() - begun
            result = await work
            took = time.perf_counter() - begun
    return _row(what, result, (since, until), limits, place.outages, accounts, took)


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


def faults(names: list[str], processes: int, accounts: int, seconds: float) -> list[Row]:
    """Run each fault on servers of its own."""
    return [uvloop.run(_faulted(name, processes, accounts, seconds)) for name in names]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run")
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--only", default="", help="faults whose name has these words")
    options = parser.parse_args(arguments)
    print(machine.describe())
    names = [name for name in PLACES if options.only in name]
    print(show(faults(names, options.processes, options.accounts, options.seconds)))


if __name__ == "__main__":
    main()
