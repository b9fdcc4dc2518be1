"""A check over a Cluster of three nodes next to one over a single Redis: CPU in all, and the load on each node.

    python -m benchmarks.cluster_check [--headcount PATH] [--rounds 3] [--connections 32]

One tenant, one sidecar on each kind of state, alternating turns. Accounts have keys and facts, and limits that they do
not reach, so each check needs its account's own buckets alone. The sidecars and servers share a core, the load has the
other. CPU is that of the sidecar and of all its servers for one check.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import redis
import uvloop

from benchmarks import nginx_setups as setups
from benchmarks import shared_servers as servers
from benchmarks.grpc_calls import ACCOUNTS, HERE
from benchmarks.http_load import Caller, cpu_seconds, cycle
from benchmarks.machine import describe
from benchmarks.shared_check import requests
from benchmarks.turns import rounds_of

KINDS = {"one Redis": "no fault", "three nodes": "Cluster slot migration"}
"""The places of `shared_servers`; their faults are not used here."""
TIERS = ("trusted", "standard", "limited", "restricted", "blocked")


class Running(NamedTuple):
    """A sidecar and its servers: ports, and processes whose CPU counts."""

    http: int
    sidecar: int
    stores: dict[int, int]  # process by port


class Turn(NamedTuple):
    """CPU microseconds of a check: the sidecar's, and that of each server."""

    rate: float
    sidecar: float
    stores: list[float]


def serving(life: ExitStack, kind: str, directory: Path, headcount: str, core: int) -> Running:
    processes = life.enter_context(servers.running(directory))
    url = servers.PLACES[KINDS[kind]](processes).url
    listen, admin = servers.free_ports(2)
    tenant = {"plans": {"roomy": dict.fromkeys(TIERS, setups.ROOMY)}}
    config = directory / "headcount.yaml"
    config.write_text(json.dumps({"tenants": {"default": tenant}}))
    addresses = ["--listen", f"127.0.0.1:{listen}", "--admin", f"127.0.0.1:{admin}"]
    command = [headcount, "serve", "--config", str(config), "--state", url, *addresses]
    sidecar = life.enter_context(setups.running(command, core, directory, listen)).pid
    stores = {}
    for one in url.partition("//")[2].split(","):
        port = int(one.rpartition(":")[2])
        with redis.Redis(port=port, protocol=2) as client:
            stores[port] = client.info("server")["process_id"]
        os.sched_setaffinity(stores[port], {core})
    asyncio.run(setups.push(admin, setups.keys(ACCOUNTS, "uniform"), "roomy"))
    return Running(listen, sidecar, stores)


async def turn(server: Running, asked: argparse.Namespace) -> Turn:
    """Load one sidecar; the first second does not count."""
    loop, sent = asyncio.get_running_loop(), cycle(requests(setups.keys(ACCOUNTS, "uniform")))
    made = [
        (await loop.create_connection(lambda: Caller(sent, []), "127.0.0.1", server.http))[1]
        for _ in range(asked.connections)
    ]
    for one in made:
        one.ask()
    processes = [server.sidecar, *server.stores.values()]
    await asyncio.sleep(1.0)
    before, counted = [cpu_seconds(one) for one in processes], sum(one.answered for one in made)
    await asyncio.sleep(asked.seconds)
    count = sum(one.answered for one in made) - counted
    spent = [(cpu_seconds(one) - then) / count * 1e6 for one, then in zip(processes, before, strict=True)]
    for one in made:
        one.stop()
    if any(one.failed for one in made):
        raise SystemExit("a check failed")
    return Turn(count / asked.seconds, spent[0], spent[1:])


def report(rounds: list[dict[str, Turn]]) -> None:
    print(f"\nmedians of {len(rounds)} rounds\n")
    print("| state | checks/s | sidecar µs | each server µs | in all µs | of one Redis |")
    print("| --- |" + " ---: |" * 5)
    first = next(iter(rounds[0]))
    for name in rounds[0]:
        rate, sidecar = (statistics.median(getattr(each[name], part) for each in rounds) for part in Turn._fields[:2])
        stores = [statistics.median(column) for column in zip(*(each[name].stores for each in rounds), strict=True)]
        totals = [[turn.sidecar + sum(turn.stores) for turn in (each[name], each[first])] for each in rounds]
        print(
            f"| {name} | {rate:,.0f} | {sidecar:.1f} | {', '.join(f'{one:.1f}' for one in stores)} "
            f"| {statistics.median(mine for mine, _ in totals):.1f} "
            f"| {statistics.median(mine / one for mine, one in totals):.0%} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--headcount", default=HERE)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn")
    parser.add_argument("--connections", type=int, default=32, help="checks at once")
    asked = parser.parse_args()
    print(describe())
    core, load_core = setups.cores()
    os.sched_setaffinity(0, {load_core})
    with tempfile.TemporaryDirectory() as place, ExitStack() as life:
        running = {}
        for kind in KINDS:
            directory = Path(place, kind.replace(" ", "-"))
            directory.mkdir()
            running[kind] = serving(life, kind, directory, asked.headcount, core)
        report(rounds_of(asked.rounds, list(running), lambda name: uvloop.run(turn(running[name], asked))))


if __name__ == "__main__":
    main()
