"""The cost of a check over Redis: CPU of the sidecar and of Redis, commands in Redis, and round trips.

    python -m benchmarks.shared_check [--headcount old=/path/to/bin/headcount ...] [--rounds 5] [--way http]

Each sidecar has its turn in every round, forwards and backwards by turns. It is pinned to one core with its own Redis;
the load has the other core. `http` is `POST /v1/check` over kept connections, `rls` a call of Envoy's rate limit
service. Accounts have keys and facts, and limits that they do not reach. Commands are those that Redis carries out,
those of scripts too; a round trip is one call of the script that takes. Ratios are of CPU, taken in each round, to the
first sidecar named. The last lines list the commands by name.
"""

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol

import msgspec
import redis
import uvloop

from benchmarks import grpc_calls
from benchmarks import nginx_setups as setups
from benchmarks.http_load import Caller, cpu_seconds, cycle
from benchmarks.machine import describe
from benchmarks.turns import all_running, named_paths, rounds_of

HEAD = b"POST /v1/check HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
BEATS = frozenset({"info", "zadd", "zcard", "zremrangebyscore", "zrangebyscore", "expire", "hmget", "spop"})
"""Commands of heartbeats and of this benchmark."""


class Turn(NamedTuple):
    """One sidecar's turn, all but `rate` for each check: CPU microseconds, commands, and round trips."""

    rate: float
    sidecar: float
    redis: float
    commands: float
    trips: float


class Asking(Protocol):
    """A connection of the load."""

    @property
    def answered(self) -> int:
        """Answers so far."""

    @property
    def failed(self) -> int:
        """Answers that were none of a check."""

    def stop(self) -> None:
        """Close it."""


class Counted(NamedTuple):
    """Readings at one moment."""

    at: float
    sidecar: float
    redis: float
    calls: dict[str, int]


def read(server: grpc_calls.Server, client: "redis.Redis") -> Counted:
    stats = client.info("commandstats")
    calls = {name.removeprefix("cmdstat_"): int(one["calls"]) for name, one in stats.items()}
    return Counted(time.perf_counter(), cpu_seconds(server.sidecar), cpu_seconds(server.redis or 0), calls)


def requests(several: list[setups.Key]) -> list[bytes]:
    """Checks as a gateway plug-in sends them: the key, the address and the route."""
    made = []
    for one in several:
        check = {
            "account": {"key": one.key},
            "client": {"ip": one.address, "user_agent": "bench/1"},
            "request": {"route": "/v1/messages"},
        }
        body = msgspec.json.encode(check)
        made.append(HEAD % len(body) + body)
    return made


async def over_http(server: grpc_calls.Server, asked: argparse.Namespace) -> Sequence[Asking]:
    """Open the connections of the load; each asks again when it has its answer."""
    loop, sent = asyncio.get_running_loop(), cycle(requests(setups.keys(grpc_calls.ACCOUNTS, "uniform")))
    made = [
        (await loop.create_connection(lambda: Caller(sent, []), "127.0.0.1", server.http))[1]
        for _ in range(asked.connections)
    ]
    for one in made:
        one.ask()
    return made


async def over_grpc(server: grpc_calls.Server, asked: argparse.Namespace) -> Sequence[Asking]:
    """Open a connection for each eight calls at once."""
    loop, sent = asyncio.get_running_loop(), grpc_calls.bodies("rls", setups.keys(grpc_calls.ACCOUNTS, "uniform"))
    calls = min(8, asked.connections)
    return [
        (await loop.create_connection(lambda: grpc_calls.Load("rls", sent, calls), "127.0.0.1", server.port))[1]
        for _ in range(asked.connections // calls)
    ]


WAYS: Mapping[str, Callable[[grpc_calls.Server, argparse.Namespace], Awaitable[Sequence[Asking]]]] = {
    "http": over_http,
    "rls": over_grpc,
}


async def turn(server: grpc_calls.Server, way: str, asked: argparse.Namespace) -> tuple[Turn, dict[str, float]]:
    """Load one sidecar, and return also the commands a check by name; the first 0.5 s do not count."""
    made = await WAYS[way](server, asked)
    with redis.Redis(port=server.store, protocol=2) as client:
        await asyncio.sleep(0.5)
        before, counted = read(server, client), sum(one.answered for one in made)
        await asyncio.sleep(asked.seconds)
        after, count = read(server, client), sum(one.answered for one in made) - counted
    for one in made:
        one.stop()
    if any(one.failed for one in made):
        raise SystemExit("a check failed")
    each = {
        name: (calls - before.calls.get(name, 0)) / count for name, calls in after.calls.items() if name not in BEATS
    }
    each = {name: number for name, number in each.items() if number > 0.0005}
    return Turn(
        count / (after.at - before.at),
        (after.sidecar - before.sidecar) / count * 1e6,
        (after.redis - before.redis) / count * 1e6,
        sum(each.values()),
        each.get("evalsha", 0.0),
    ), each


def report(way: str, rounds: list[dict[str, tuple[Turn, dict[str, float]]]]) -> None:
    first = next(iter(rounds[0]))
    print(f"\n{way}: medians of {len(rounds)} rounds\n")
    print(
        f"| sidecar | checks/s | sidecar µs | Redis µs | commands | trips | sidecar, of {first} | Redis, of {first} |"
    )
    print("| --- |" + " ---: |" * 7)
    for name in rounds[0]:
        rate, cpu, kept, commands, trips = (
            statistics.median(column) for column in zip(*(each[name][0] for each in rounds), strict=True)
        )
        ratios = [
            statistics.median(getattr(each[name][0], part) / getattr(each[first][0], part) for each in rounds)
            for part in ("sidecar", "redis")
        ]
        print(
            f"| {name} | {rate:,.0f} | {cpu:.1f} | {kept:.1f} | {commands:.2f} | {trips:.3f} "
            f"| {ratios[0]:.1%} | {ratios[1]:.1%} |"
        )
    for name, (_, each) in rounds[-1].items():
        print(f"\n{name}: " + ", ".join(f"{command} {number:.3f}" for command, number in sorted(each.items())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--headcount", action="append", metavar="NAME=PATH", help="a sidecar to measure; default: this one"
    )
    parser.add_argument("--way", choices=list(WAYS), action="append", help="default: both")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn")
    parser.add_argument("--connections", type=int, default=32, help="checks at once")
    asked = parser.parse_args()
    print(describe())
    core, load_core = setups.cores()
    os.sched_setaffinity(0, {load_core})
    sidecars = named_paths(asked.headcount or [f"this={grpc_calls.HERE}"])
    start = partial(grpc_calls.serving, core=core, state="redis")
    with all_running(sidecars, lambda _: start) as servers:
        for way in asked.way or WAYS:
            measured = partial(_measured, servers, way, asked)
            report(way, rounds_of(asked.rounds, list(servers), measured))


def _measured(
    servers: Mapping[str, grpc_calls.Server], way: str, asked: argparse.Namespace, name: str
) -> tuple[Turn, dict[str, float]]:
    return uvloop.run(turn(servers[name], way, asked))


if __name__ == "__main__":
    main()
