"""The cost of Headcount for nginx: leases compared with the same nginx without Headcount, and with auth_request.

    python -m benchmarks.nginx_leases [--pairs 7] [--seconds 6] [--keys 20 10000] [--before ANOTHER/CHECKOUT]

Needs wrk, nginx, libnginx-mod-http-lua and lua-cjson. nginx (one worker) and the sidecar share one core; the load and
the API have the other. In each round every nginx has its turn, so that a machine that gets slower slows all of them;
ratios are taken in each round. No account reaches its limit. Latencies are of two connections, so that nothing queues.
Throughput is nginx's own only while its core is full. Where it is not (`core` below 90%: the load's core is busy with
something else), count the processor time, which says what a full core would carry: of nginx and the sidecar, and of
nginx alone. `idle` has the header lines of leases and a Lua handler that does nothing: nothing in Lua can be faster.
`lean` has leases and tells neither the API nor the client of a request that passes.
`before` has the configuration and the Lua of another checkout.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks import nginx_setups as setups
from benchmarks.machine import describe

SCRIPT = Path(__file__).with_name("nginx_keys.lua")
NAMES = ("plain", "idle", "leases", "lean", "auth_request")
LEASING = ("leases", "lean", "before")
COLUMNS = (
    *("nginx", "requests/s", "of plain", "core", "CPU µs", "of plain by CPU", "nginx CPU µs", "of plain by nginx CPU"),
    "checks a request",
    *("p50 µs", "added", "p99 µs", "added"),
)
WARM = 6
"""Seconds in which leases that ended during the others' turns are renewed, as in traffic that never pauses."""
STEADY = 0.025
"""Checks a request at which the leases of a long run have grown; 12 runs of five seconds to come there at most."""
CONNECTIONS, QUIET = 64, 2


class Turn(NamedTuple):
    """One nginx's turn: requests a second, checks a request, microseconds of processor a request, latencies in them.

    The processor times, of nginx and of the sidecar with its linker, say what the machine's other work hides.
    """

    rate: float
    checks: float
    nginx: float
    sidecar: float
    p50: float
    p99: float

    @property
    def cpu(self) -> float:
        return self.nginx + self.sidecar

    @property
    def core(self) -> float:
        """The share of their core that nginx and the sidecar used."""
        return self.rate * self.cpu / 1e6


class Bench(NamedTuple):
    ports: dict[str, int]
    pids: dict[str, int]
    sidecar: int
    admin: int
    load_core: int
    drawn: Path


@contextlib.contextmanager
def bench(directory: Path, keys: list[setups.Key], before: Path | None = None) -> Iterator[Bench]:
    """Everything started: the API, the sidecar with its accounts, each nginx."""
    core, load_core = setups.cores()
    listen, admin = setups.free_port(), setups.free_port()
    texts = setups.texts() | (setups.before(before) if before else {})
    ports = {name: setups.free_port() for name in texts}
    drawn = directory / "keys.txt"
    drawn.write_text("".join(f"{key.key} {key.address} {key.weight:.6f}\n" for key in keys))
    with contextlib.ExitStack() as life:
        api = life.enter_context(setups.api(directory, load_core))
        command = setups.sidecar(directory, listen, admin, {"roomy": setups.ROOMY})
        sidecar = life.enter_context(setups.running(command, core, directory, listen)).pid
        asyncio.run(setups.push(admin, keys, "roomy"))
        pids = {}
        for name, text in texts.items():
            configured = setups.configured(text, listen=ports[name], sidecar=listen, api=api)
            command = setups.nginx(directory, name, configured)
            pids[name] = life.enter_context(setups.running(command, core, directory, ports[name])).pid
        yield Bench(ports, pids, sidecar, admin, load_core, drawn)


def wrk(made: Bench, name: str, connections: int, seconds: float) -> dict[str, float]:
    """One run of the load."""
    url = f"http://127.0.0.1:{made.ports[name]}/"
    command = [
        "taskset",
        "-c",
        str(made.load_core),
        "wrk",
        "--timeout",
        "20s",
        "-t1",
        f"-c{connections}",
        f"-d{seconds:.0f}s",
    ]
    environment = {**os.environ, "HEADCOUNT_KEYS": str(made.drawn)}
    done = subprocess.run(
        [*command, "-s", str(SCRIPT), url], env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if found["stopped"] or found["failed"]:  # on a machine that is too busy Headcount may be too late
        print(f"{name}: {found['stopped']:.0f} answers were errors, {found['failed']:.0f} failed; neither counts")
    return found | {"requests": max(found["requests"] - found["stopped"], 1)}


def settle_in(made: Bench) -> None:
    """Let the leases grow to what they are while traffic goes on, as they are between two rounds."""
    for _ in range(12):
        begun, asked = progress(made, "leases")[0], wrk(made, "leases", CONNECTIONS, 5)["requests"]
        if (progress(made, "leases")[0] - begun) / asked < STEADY:
            return


def turn(made: Bench, name: str, seconds: float) -> Turn:
    """Warm one nginx up, measure its throughput, then its latency."""
    wrk(made, name, CONNECTIONS, WARM if name in LEASING else 1)
    begun = progress(made, name)
    busy = wrk(made, name, CONNECTIONS, seconds)
    checks, nginx, sidecar = (end - start for start, end in zip(begun, progress(made, name), strict=True))
    quiet = wrk(made, name, QUIET, max(seconds / 3, 2))
    count = busy["requests"]
    each = nginx / count * 1e6, sidecar / count * 1e6
    return Turn(count / busy["seconds"], checks / count, *each, quiet["p50"], quiet["p99"])


def progress(made: Bench, name: str) -> tuple[float, float, float]:
    """Checks answered, and seconds of processor that nginx and the sidecar used, so far."""
    used = setups.processor_time(made.pids[name]), setups.processor_time(made.sidecar)
    return asyncio.run(setups.metric(made.admin, "headcount_checks_total")), *used


def report(how: str, rounds: list[dict[str, Turn]]) -> None:
    """Print medians, and ratios taken round by round."""
    print(f"\n{how}: medians of {len(rounds)} rounds")
    print(f"| {' | '.join(COLUMNS)} |\n{'| --- ' * len(COLUMNS)}|")
    plain = [each["plain"] for each in rounds]
    for name in rounds[0]:
        turns = [each[name] for each in rounds]
        pairs = list(zip(turns, plain, strict=True))
        middle = Turn(*(statistics.median(column) for column in zip(*turns, strict=True)))
        kept = statistics.median(turn.rate / beside.rate for turn, beside in pairs)
        carried = statistics.median(beside.cpu / turn.cpu for turn, beside in pairs)
        alone = statistics.median(beside.nginx / turn.nginx for turn, beside in pairs)
        core = statistics.median(turn.core for turn in turns)
        p50, p99 = (statistics.median(getattr(t, q) - getattr(p, q) for t, p in pairs) for q in ("p50", "p99"))
        print(
            f"| {name} | {middle.rate:,.0f} | {kept:.1%} | {core:.0%} | {middle.cpu:.1f} | {carried:.1%} "
            f"| {middle.nginx:.1f} | {alone:.1%} | {middle.checks:.4f} "
            f"| {middle.p50:.0f} | {p50:+.0f} | {middle.p99:.0f} | {p99:+.0f} |"
        )
    for what, times in beside_auth_request(rounds).items():
        median, least, most = statistics.median(times), min(times), max(times)
        print(f"leases are {median:.2f} times auth_request by {what} (from {least:.2f} to {most:.2f})")


def beside_auth_request(rounds: list[dict[str, Turn]]) -> dict[str, list[float]]:
    """How many times what auth_request carries, round by round."""
    pairs = [(each["leases"], each["auth_request"]) for each in rounds]
    return {
        "throughput": [leases.rate / asking.rate for leases, asking in pairs],
        "CPU": [asking.cpu / leases.cpu for leases, asking in pairs],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--keys", type=int, nargs="+", default=[20, 10_000])
    parser.add_argument("--before", type=Path)
    parser.add_argument("--keys-as", choices=["uniform", "measured", "both"], default="both")
    asked = parser.parse_args()
    print(describe())
    for how in ("uniform", "measured") if asked.keys_as == "both" else (asked.keys_as,):
        for count in asked.keys:
            keys = setups.keys(count, how)
            with tempfile.TemporaryDirectory() as place, bench(Path(place), keys, asked.before) as made:
                settle_in(made)
                rounds = [{name: turn(made, name, asked.seconds) for name in made.ports} for _ in range(asked.pairs)]
            report(f"{count:,} keys, {how}", rounds)


if __name__ == "__main__":
    main()
