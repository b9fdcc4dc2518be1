"""Faults in random order against two sidecars over one Redis, under load: `make chaos SECONDS=600`.

After each fault the program checks that no account got more than docs/reliability.md allows, that every answer was a
verdict, and that both sidecars are back. The seed is printed; `--seed` plays the same order again.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from benchmarks import machine
from benchmarks.chaos_world import FAULTS, LIMITS, TIMEOUT, Fault, World
from benchmarks.stepped_clock import LIBRARY

ACCOUNTS = 40
WORKERS = 6
"""Connections to each sidecar."""
OVER = 2.0
"""Requests that are asked for, for each one that the limits allow."""
GAP = (2.5, 4.0)
"""Seconds between two faults: replicas count each other again within 2."""
DETECTION = 0.2
"""Seconds until the last check that waits for Redis has fallen back."""
SLACK = 1.001
RATE, BURST = LIMITS["rate"], LIMITS["burst"]
HEAD = b"POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Tally:
    """What came back: requests let through by account, what a bucket held when it was last seen, and bad answers."""

    def __init__(self) -> None:
        self.admitted: Counter[int] = Counter()
        self.left = [(float(BURST), time.monotonic())] * ACCOUNTS
        self.answers = self.degraded = self.cut = 0
        self.bad: list[str] = []

    def note(self, account: int, status: int, body: bytes) -> None:
        """Note one answer."""
        self.answers += 1
        if status != 200:
            self.bad.append(f"{status} {body[:200]!r}")
            return
        verdict = json.loads(body)
        self.admitted[account] += verdict["decision"] == "allow"
        self.degraded += verdict["degraded"]
        if not verdict["degraded"]:
            held = [limit["remaining"] for limit in verdict["limits"] if limit["name"] == "burst"]
            self.left[account] = (min(held, default=float(BURST)), time.monotonic())


class Window(NamedTuple):
    """The time from one check of the bounds to the next. held: at its beginning, by account."""

    began: float
    admitted: Counter[int]
    held: list[float]
    bad: int
    degraded: int


class Row(NamedTuple):
    """One fault and what came of it. worst: the part of its bound that the worst account got."""

    what: str
    seconds: float
    recovery: float
    admitted: int
    worst: float
    degraded: int
    faults: list[str]


def opened(tally: Tally) -> Window:
    """Begin a window."""
    now = time.monotonic()
    held = [min(float(BURST), left + RATE * (now - at)) for left, at in tally.left]
    return Window(now, tally.admitted.copy(), held, len(tally.bad), tally.degraded)


def bound_of(held: float, seconds: float, bursts: int) -> float:
    """The most requests of an account in a window; 2 for those whose answers are on their way at its ends."""
    return (held + RATE * seconds + bursts * (BURST + RATE * DETECTION)) * SLACK + 2


def judged(fault: Fault, window: Window, tally: Tally, recovery: float) -> Row:
    """Compare what an account got in a window with its bound."""
    seconds = time.monotonic() - window.began
    got = {account: tally.admitted[account] - window.admitted[account] for account in range(ACCOUNTS)}
    parts = {account: got[account] / bound_of(window.held[account], seconds, fault.bursts) for account in got}
    worst = max(parts, key=lambda account: parts[account])
    faults = tally.bad[window.bad :]
    if parts[worst] > 1:
        faults = [f"account {worst} got {got[worst]} requests, {parts[worst]:.0%} of its bound", *faults]
    if not sum(got.values()):
        faults = ["no request passed", *faults]
    degraded = tally.degraded - window.degraded
    return Row(fault.what, seconds, recovery, sum(got.values()), parts[worst], degraded, faults)


async def load(tally: Tally, port: int, first: int) -> None:
    """Ask one sidecar over and over, for each account in turn, over a connection that is opened again after a cut."""
    account = first
    every = WORKERS * 2 / (ACCOUNTS * RATE * OVER)
    while True:
        with suppress(OSError, EOFError, asyncio.IncompleteReadError, ValueError, IndexError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                while True:
                    account = (account + 1) % ACCOUNTS
                    writer.write(_message(account))
                    tally.note(account, *await _answer(reader))
                    await asyncio.sleep(every)
            finally:
                writer.close()
        tally.cut += 1
        await asyncio.sleep(0.2)


def _message(account: int) -> bytes:
    who = {"id": f"acct_{account}", "plan": "free", "created_at": 1_500_000_000}
    body = json.dumps({"account": who, "client": {"ip": f"198.51.100.{account + 1}"}}).encode()
    return HEAD % len(body) + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)


def order(draw: random.Random, faults: tuple[Fault, ...]) -> Iterator[Fault]:
    """All faults in a random order, and again in another one."""
    while True:
        yield from draw.sample(faults, len(faults))


async def play(
    directory: Path,
    seconds: float,
    seed: int,
    faults: tuple[Fault, ...],
    show: Callable[[Row], object],
    patience: float = TIMEOUT,
) -> list[Row]:
    """Play faults for so long; return what came of each. show: called with each row. patience: `state.timeout`."""
    draw, world, rows = random.Random(seed), World(directory, patience), []
    tally, works = Tally(), []
    try:
        world.start()
        await world.recovered()
        await asyncio.sleep(2.5)  # every sidecar has counted the other
        for replica in world.replicas:
            works += [asyncio.create_task(load(tally, replica.check, 7 * number)) for number in range(WORKERS)]
        end, coming = time.monotonic() + seconds, order(draw, faults)
        await asyncio.sleep(GAP[0])
        while time.monotonic() < end:
            rows.append(await _happened(next(coming), world, tally, draw.uniform(*GAP)))
            show(rows[-1])
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        world.close()
    return rows


async def _happened(fault: Fault, world: World, tally: Tally, gap: float) -> Row:
    """Let one fault happen, wait until it is over, and judge."""
    window = opened(tally)
    await fault.happen(world)
    try:
        recovery = await world.recovered()
    except TimeoutError as error:
        row = judged(fault, window, tally, float("inf"))
        return row._replace(faults=[str(error), *row.faults])
    await asyncio.sleep(gap)
    return judged(fault, window, tally, recovery)


def heads() -> str:
    """The head of the table of rows."""
    names = ("fault", "seconds", "back after s", "let through", "worst account, of its bound", "degraded answers")
    return f"| {' | '.join(names)} |\n| --- |" + " ---: |" * (len(names) - 1)


def line(row: Row) -> str:
    """One row of the table, and below it what was wrong."""
    wrong = "".join(f"\n  WRONG: {fault}" for fault in row.faults[:5])
    figures = f"{row.seconds:.1f} | {row.recovery:.1f} | {row.admitted} | {row.worst:.0%} | {row.degraded}"
    return f"| {row.what} | {figures} |{wrong}"


def summary(rows: list[Row]) -> str:
    """For each kind of fault how often it happened, and the worst of each figure."""
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        kinds.setdefault(row.what, []).append(row)
    names = ("fault", "times", "back after s, at most", "worst account, of its bound", "degraded answers", "wrong")
    lines = [f"| {' | '.join(names)} |", "| --- |" + " ---: |" * (len(names) - 1)]
    for what, some in sorted(kinds.items()):
        worst, back = max(one.worst for one in some), max(one.recovery for one in some)
        degraded, wrong = sum(one.degraded for one in some), sum(bool(one.faults) for one in some)
        lines.append(f"| {what} | {len(some)} | {back:.1f} | {worst:.0%} | {degraded} | {wrong} |")
    return "\n".join(lines)


def possible(only: list[str]) -> tuple[Fault, ...]:
    """The faults that can happen here, of those whose names hold some of these words."""
    named = [fault for fault in FAULTS if not only or any(words in fault.what for words in only)]
    return tuple(fault for fault in named if LIBRARY is not None or not fault.clock)


def main(arguments: list[str] | None = None) -> int:
    """Play, and return 1 if something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None, help="of the order; by default another one each time")
    parser.add_argument("--only", nargs="*", default=[], help="faults with these words alone")
    given: Any = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    faults = possible(given.only)
    print(machine.describe(), f"seed {seed}", heads(), sep="\n", flush=True)
    if len(faults) < len(FAULTS) and not given.only:
        print("libfaketime is missing, so no clock is set", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        show = lambda row: print(line(row), flush=True)  # noqa: E731 - one line, as it is said
        rows = uvloop.run(play(Path(directory), given.seconds, seed, faults, show))
    wrong = sum(bool(row.faults) for row in rows)
    print(f"\n{summary(rows)}\n{len(rows)} faults, seed {seed}; {wrong or 'none'} went wrong", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
