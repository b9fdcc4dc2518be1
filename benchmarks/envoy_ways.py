"""The cost of each way of asking Headcount for Envoy, compared with the same Envoy without Headcount.

    python -m benchmarks.envoy_ways [--rounds 7] [--seconds 4] [--ways plain rlqs ...]

Needs wrk and nginx. Envoy (one worker) and the sidecar share one core; the load and the API, an nginx that answers at
once, have the other. In every round each way has its turn, forwards and backwards by turns, so that a machine that gets
slower meanwhile slows all of them; the table has medians, and ratios are taken in each round. 10,000 accounts with
limits that they do not reach. Latencies are of two connections, so that nothing queues. CPU is that of Envoy and the
sidecar for one request: on a machine that others use too its ratio says more than that of the throughputs.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from benchmarks import nginx_setups as setups
from benchmarks.http_load import cpu_seconds
from benchmarks.machine import describe

SCRIPT = Path(__file__).with_name("envoy_keys.lua")
SHIPPED = setups.ROOT / "plugins" / "envoy"
ENVOY = Path(sys.executable).with_name("envoy")
OWN = ("headcount", "headcount_own_headers")
ACCOUNTS = 10_000
CONNECTIONS, QUIET = 32, 2
QUOTA = {"rate": 1e6, "burst": 1e9}


class Way(NamedTuple):
    """A shipped file; `bare`: without Headcount's filters."""

    file: str
    what: str
    bare: bool = False


WAYS = {
    "plain": Way("envoy.yaml", "Envoy without Headcount", bare=True),
    "rlqs": Way("envoy-rlqs.yaml", "quotas (RLQS)"),
    "http": Way("envoy.yaml", "ext_authz over HTTP"),
    "grpc": Way("envoy-authz.yaml", "ext_authz over gRPC"),
    "rls": Way("envoy-rls.yaml", "rate limit service"),
}


class Turn(NamedTuple):
    """One way's turn: requests a second, CPU microseconds and verdicts a request, latencies in microseconds."""

    rate: float
    cpu: float
    verdicts: float
    p50: float
    p99: float


class Bench(NamedTuple):
    """Where each way's Envoy listens, its process and the sidecar's, and how to load it."""

    ports: dict[str, int]
    pids: dict[str, int]
    sidecar: int
    admin: int
    load_core: int


class Places(NamedTuple):
    check: int
    admin: int
    api: int


def configured(way: Way, port: int, places: Places) -> str:
    """A shipped configuration with these ports; as JSON, which is YAML."""
    text = (SHIPPED / way.file).read_text(encoding="utf-8")
    for old, new in {"8080": port, "8470": places.check, "8000": places.api}.items():
        text = text.replace(old, str(new))
    settings = yaml.safe_load(text)["static_resources"]
    if way.bare:
        manager = settings["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        manager["http_filters"] = [one for one in manager["http_filters"] if one["name"] not in OWN]
        manager["route_config"].pop("response_headers_to_remove", None)
        manager["route_config"]["virtual_hosts"][0].pop("response_headers_to_remove", None)
    return json.dumps({"static_resources": settings})


@contextlib.contextmanager
def bench(directory: Path, names: list[str]) -> Iterator[Bench]:
    """Everything started: the API, the sidecar with its accounts, an Envoy for each way."""
    core, load_core = setups.cores()
    with contextlib.ExitStack() as life:
        api = life.enter_context(setups.api(directory, load_core))
        places = Places(setups.free_port(), setups.free_port(), api)
        asked = life.enter_context(setups.running(sidecar(directory, places), core, directory, places.check))
        asyncio.run(setups.push(places.admin, setups.keys(ACCOUNTS, "uniform"), "roomy"))
        ports, pids = {}, {}
        for name in names:
            way = WAYS[name]
            place = directory / name.replace(" ", "-")
            place.mkdir()
            ports[name] = port = setups.free_port()
            (place / "envoy.yaml").write_text(configured(way, port, places))
            quiet = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "error"]
            command = [str(ENVOY), "-c", str(place / "envoy.yaml"), *quiet]
            pids[name] = life.enter_context(setups.running(command, core, place, port)).pid
        yield Bench(ports, pids, asked.pid, places.admin, load_core)


def sidecar(directory: Path, places: Places) -> list[str]:
    """The command of a sidecar with roomy accounts and quotas."""
    command = setups.sidecar(directory, places.check, places.admin, {"roomy": setups.ROOMY})
    file = directory / "headcount.yaml"
    settings: dict[str, Any] = json.loads(file.read_text())
    settings["tenants"]["default"]["gateway"]["envoy"] = {"quotas": {"organisation": {"*": QUOTA}}}
    file.write_text(json.dumps(settings))
    return command


def wrk(made: Bench, name: str, connections: int, seconds: float) -> dict[str, float]:
    """One run of the load; every request must pass."""
    command = ["taskset", "-c", str(made.load_core), "wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s"]
    done = subprocess.run(
        [*command, "-s", str(SCRIPT), f"http://127.0.0.1:{made.ports[name]}/"],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if found["stopped"] or found["failed"]:
        raise SystemExit(f"{name}: {found}")
    return found


def turn(made: Bench, name: str, seconds: float) -> Turn:
    """Warm one Envoy up, measure its throughput, then its latency."""
    wrk(made, name, CONNECTIONS, 1)
    before = asyncio.run(setups.metric(made.admin, "headcount_checks_total"))
    spent = cpu_seconds(made.pids[name]) + cpu_seconds(made.sidecar)
    busy = wrk(made, name, CONNECTIONS, seconds)
    spent = cpu_seconds(made.pids[name]) + cpu_seconds(made.sidecar) - spent
    verdicts = asyncio.run(setups.metric(made.admin, "headcount_checks_total")) - before
    quiet = wrk(made, name, QUIET, max(seconds / 3, 1))
    count = busy["requests"]
    return Turn(count / busy["seconds"], spent / count * 1e6, verdicts / count, quiet["p50"], quiet["p99"])


def report(rounds: list[dict[str, Turn]]) -> None:
    """Print medians, and ratios taken round by round."""
    print(f"\n{ACCOUNTS:,} accounts: medians of {len(rounds)} rounds")
    print("| way | requests/s | of plain | CPU µs each | of plain | verdicts each | p50 µs | added | p99 µs | added |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in rounds[0]:
        turns = [each[name] for each in rounds]
        plain = [each["plain"] for each in rounds]
        middle = Turn(*(statistics.median(column) for column in zip(*turns, strict=True)))
        kept = statistics.median(t.rate / p.rate for t, p in zip(turns, plain, strict=True))
        costs = statistics.median(t.cpu / p.cpu for t, p in zip(turns, plain, strict=True))
        added = [
            statistics.median(getattr(t, q) - getattr(p, q) for t, p in zip(turns, plain, strict=True))
            for q in ("p50", "p99")
        ]
        throughput = f"{middle.rate:,.0f} | {kept:.1%} | {middle.cpu:.1f} | {costs:.1%} | {middle.verdicts:.3f}"
        latency = f"{middle.p50:.0f} | {added[0]:+.0f} | {middle.p99:.0f} | {added[1]:+.0f}"
        print(f"| {WAYS[name].what} | {throughput} | {latency} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each way's turn")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    asked = parser.parse_args()
    print(describe())
    chosen = ["plain", *(name for name in asked.ways if name != "plain")]
    with tempfile.TemporaryDirectory() as place, bench(Path(place), chosen) as made:
        rounds = []
        for number in range(asked.rounds):
            names = chosen[:: -1 if number % 2 else 1]
            rounds.append({name: turn(made, name, asked.seconds) for name in names})
    report([{name: each[name] for name in chosen} for each in rounds])


if __name__ == "__main__":
    main()
