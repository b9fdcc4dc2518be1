"""Whether limits hold with leases: several nginx, more asked than allowed, the sidecar killed in the middle.

    python -m benchmarks.nginx_bound [--seconds 60] [--keys 100] [--gateways 4] [--times 10] [--fail closed] [--away 3]

Each key asks through all gateways at so many times its limit. In the middle the sidecar is killed (SIGKILL), and
started again after a while on the state file that it had. Printed is what passed beside what the limits allow in that
time, burst + rate * seconds, of all keys together and of the key that got most.
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks import nginx_setups as setups
from benchmarks.machine import describe

RATE, BURST = 2.0, 10.0
CONNECTIONS = 8  # to each gateway


class Bound(NamedTuple):
    """What came of a run: requests asked, passed by key, what one key may at most, keys, answers by status."""

    asked: int
    passed: Counter[str]
    limit: float
    keys: int
    statuses: Counter[int]

    @property
    def total(self) -> float:
        """What passed, as a share of what all keys together may."""
        return sum(self.passed.values()) / (self.keys * self.limit)

    @property
    def most(self) -> float:
        """What passed of the key that got most, as a share of what it may."""
        return max(self.passed.values(), default=0) / self.limit


class _Gateway:
    """One nginx's clients: kept connections that take the next request when its time has come."""

    def __init__(self, port: int, due: Iterator[tuple[float, str]], until: float) -> None:
        self.passed: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self._port, self._due, self._until = port, due, until

    async def run(self) -> None:
        await asyncio.gather(*(self._client() for _ in range(CONNECTIONS)))

    async def _client(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for at, key in self._due:
            if at >= self._until:
                break
            await asyncio.sleep(max(at - time.monotonic(), 0))
            if time.monotonic() >= self._until:
                break
            headers = f"Host: a\r\nAuthorization: Bearer {key}\r\nX-Forwarded-For: 11.0.0.1"
            writer.write(f"GET / HTTP/1.1\r\n{headers}\r\n\r\n".encode())
            self._count(key, await _status(reader))
        writer.close()

    def _count(self, key: str, status: int) -> None:
        self.statuses[status] += 1
        self.passed[key] += status == 200


async def _status(reader: asyncio.StreamReader) -> int:
    """Read one answer whole; its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    at = head.lower().find(b"content-length:")
    await reader.readexactly(int(head[at + 15 : head.find(b"\r\n", at)]))
    return int(head[9:12])


def _due(keys: list[setups.Key], rate: float, start: float) -> Iterator[tuple[float, str]]:
    """When each request of one gateway is to be sent, and whose it is: all keys in turn."""
    for number, key in enumerate(itertools.cycle(keys)):
        yield start + number / rate, key.key


def run(directory: Path, asked: argparse.Namespace) -> Bound:
    """Start everything, load it, kill the sidecar in the middle, and count."""
    core, other = setups.cores()
    keys = setups.keys(asked.keys, "uniform")
    listen, admin = setups.free_port(), setups.free_port()
    ports = [setups.free_port() for _ in range(asked.gateways)]
    text = setups.texts()["leases"].replace('fail    = "open"', f'fail    = "{asked.fail}"')
    tight = {"rate": RATE, "burst": BURST, "daily": 1e6}
    state = str(directory / "state.sqlite3")
    command = setups.sidecar(directory, listen, admin, {"tight": tight}, state)
    with contextlib.ExitStack() as life:
        api = life.enter_context(setups.api(directory, other))
        first = life.enter_context(setups.running(command, core, directory, listen))
        asyncio.run(setups.push(admin, keys, "tight"))
        for number, port in enumerate(ports):
            configured = setups.configured(text, listen=port, sidecar=listen, api=api)
            nginx = setups.nginx(directory, f"nginx-{number}", configured)
            life.enter_context(setups.running(nginx, core, directory, port))

        def again() -> None:
            life.enter_context(setups.running(command, core, directory, listen))

        return asyncio.run(_load(keys, ports, asked, (first.pid, again)))


async def _load(
    keys: list[setups.Key], ports: list[int], asked: argparse.Namespace, sidecar: tuple[int, Callable[[], None]]
) -> Bound:
    start = time.monotonic()
    rate = asked.times * RATE * len(keys) / len(ports)
    gateways = [_Gateway(port, _due(keys, rate, start), start + asked.seconds) for port in ports]
    killing = asyncio.create_task(_kill(*sidecar, asked.seconds / 2, asked.away))
    await asyncio.gather(*(gateway.run() for gateway in gateways))
    await killing
    passed: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    for gateway in gateways:
        passed.update(gateway.passed)
        statuses.update(gateway.statuses)
    return Bound(statuses.total(), passed, BURST + RATE * asked.seconds, len(keys), statuses)


async def _kill(pid: int, again: Callable[[], None], after: float, away: float) -> None:
    await asyncio.sleep(after)
    os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(away)
    await asyncio.to_thread(again)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--seconds", type=float, default=60.0)
    made.add_argument("--keys", type=int, default=100)
    made.add_argument("--gateways", type=int, default=4)
    made.add_argument("--times", type=float, default=10.0)
    made.add_argument("--away", type=float, default=3.0)
    made.add_argument("--fail", choices=["open", "closed"], default="closed")
    return made


def main() -> None:
    asked = parser().parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as place:
        came = run(Path(place), asked)
    print(
        f"{asked.gateways} nginx, {asked.keys} keys, failing {asked.fail}, the sidecar away for {asked.away:g} s of "
        f"{asked.seconds:g}: asked {came.asked:,} ({came.asked / asked.seconds:,.0f}/s), passed "
        f"{sum(came.passed.values()):,}, which is {came.total:.1%} of the limits; the most of one key {came.most:.1%}; "
        f"statuses {dict(sorted(came.statuses.items()))}"
    )


if __name__ == "__main__":
    main()
