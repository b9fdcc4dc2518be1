"""The cost of linking during live checks: their latency with and without a running epoch, and the linker's share.

    python -m benchmarks.hydra.beside [--accounts 100000] [--rate 1000] [--seconds 120]

A sidecar with so many active accounts is asked at a fixed rate, each check at its own moment however late others are,
so that a held-up sidecar shows in all of them. An epoch runs in a tenth of a second if the linker used half of it.
"""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import aiohttp
import msgspec

from benchmarks.http_load import cpu_seconds
from benchmarks.hydra.epochs import BROWSERS, HEADS
from benchmarks.machine import describe
from benchmarks.nginx_setups import processor_time
from benchmarks.shared_servers import HEADCOUNT, Processes, free_ports

LOOK = 0.1
"""Seconds between two looks at the linker."""
BATCH = 1000
ROUNDS = 3


class Timed(NamedTuple):
    """A check: when it was due, and seconds from then to its whole answer."""

    due: float
    took: float


class Look(NamedTuple):
    """The linker's processor seconds so far, at a time."""

    at: float
    used: float


def check(number: int, turn: int) -> dict[str, object]:
    """A check of one account, from one of its addresses; one account in HEADS is a head of a hydra."""
    dice = random.Random(number)
    head = number % HEADS == 0
    ja4, agent = ("ja4-sdk", "sdk/1") if head else BROWSERS[min(int(dice.expovariate(0.15)), 59)]
    net = f"{60 + dice.randrange(20)}.9.{dice.randrange(250)}" if head else f"{30 + number % 20}.{number // 20 % 250}.7"
    account = {"id": f"a{number}", "created_at": time.time() - dice.uniform(0, 2 if head else 700) * 86_400}
    return {"account": account, "client": {"ip": f"{net}.{turn + 1}", "ja4": ja4, "user_agent": agent}}


async def fill(session: aiohttp.ClientSession, accounts: int) -> None:
    """Have each account seen, from several addresses."""
    for turn in range(ROUNDS):
        for first in range(0, accounts, BATCH):
            body = [check(number, turn) for number in range(first, min(first + BATCH, accounts))]
            async with session.post("/v1/check/batch", data=msgspec.json.encode(body)) as answer:
                answer.raise_for_status()
                await answer.read()


async def paced(session: aiohttp.ClientSession, accounts: int, rate: float, seconds: float) -> list[Timed]:
    """Ask at a fixed rate, whatever comes back and when."""
    found: list[Timed] = []
    begun, asking = time.perf_counter(), set()

    async def ask(due: float, body: bytes) -> None:
        async with session.post("/v1/check", data=body) as answer:
            answer.raise_for_status()
            await answer.read()
        found.append(Timed(due, time.perf_counter() - due))

    dice = random.Random(1)
    for turn in range(int(rate * seconds)):
        due = begun + turn / rate
        body = msgspec.json.encode(check(dice.randrange(accounts), dice.randrange(ROUNDS)))
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(ask(due, body))
        asking.add(task)
        task.add_done_callback(asking.discard)
    await asyncio.gather(*asking)
    return found


async def watched(sidecar: int, looks: list[Look]) -> None:
    """Note the use of a sidecar's linker: the sidecar starts no other process that works."""
    while True:
        looks.append(Look(time.perf_counter(), processor_time(sidecar) - cpu_seconds(sidecar)))
        await asyncio.sleep(LOOK)


def busy(looks: list[Look]) -> list[bool]:
    """Whether the linker worked in the time after each look but the last."""
    return [(b.used - a.used) / (b.at - a.at) >= 0.5 for a, b in pairwise(looks)]


def split(checks: list[Timed], looks: list[Look]) -> Iterator[tuple[str, list[float]]]:
    """Latencies of the checks that were due while an epoch ran, and of the others."""
    working, times = busy(looks), [look.at for look in looks]
    sides: dict[bool, list[float]] = {False: [], True: []}
    for due, took in checks:
        at = bisect_right(times, due) - 1
        if 0 <= at < len(working):
            sides[working[at]].append(took)
    yield "no epoch", sides[False]
    yield "an epoch", sides[True]


def report(checks: list[Timed], looks: list[Look]) -> Iterator[str]:
    yield "| while | checks | p50 ms | p99 ms | p99.9 ms |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, took in split(checks, looks):
        if took:
            p50, p99, p999 = (1000 * sorted(took)[int(len(took) * share)] for share in (0.5, 0.99, 0.999))
            yield f"| {name} runs | {len(took):,} | {p50:.2f} | {p99:.2f} | {p999:.2f} |"
    share = (looks[-1].used - looks[0].used) / (looks[-1].at - looks[0].at)
    working = busy(looks)
    yield f"\nthe linker used {share:.1%} of a core; an epoch ran in {sum(working) / len(working):.0%} of the time"


async def measure(accounts: int, rate: float, seconds: float, directory: Path) -> Iterator[str]:
    processes = Processes(directory)
    port, admin = free_ports(2)
    addresses = ("--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}")
    try:
        sidecar = processes.start(HEADCOUNT, "serve", "--state", ":memory:", *addresses)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            await answers(session)
            await fill(session, accounts)
            looks: list[Look] = []
            watching = asyncio.create_task(watched(sidecar.pid, looks))
            checks = await paced(session, accounts, rate, seconds)
            watching.cancel()
            return report(checks, looks)
    finally:
        processes.close()


async def answers(session: aiohttp.ClientSession) -> None:
    """Wait until the sidecar is ready, 30 s at most."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with session.get("/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m benchmarks.hydra.beside", description=__doc__.splitlines()[0])
    options.add_argument("--accounts", type=int, default=100_000)
    options.add_argument("--rate", type=float, default=1000.0, help="checks a second")
    options.add_argument("--seconds", type=float, default=120.0)
    chosen = options.parse_args(arguments)
    print(describe())
    with tempfile.TemporaryDirectory(prefix="headcount-") as directory:
        for line in asyncio.run(measure(chosen.accounts, chosen.rate, chosen.seconds, Path(directory))):
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
