"""The cost of the check listener, compared with other servers, on one core over loopback TCP.

    python -m benchmarks.http_check [--rounds 5] [--seconds 2] [--sidecar 'headcount serve --listen {listen}']

Servers are pinned to one core and the client to another. In every round each server has its turn, so that a
machine that gets slower meanwhile slows all of them; the table has medians, and ratios are taken in each round.
"""

import argparse
import contextlib
import json
import os
import shlex
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import uvloop

from benchmarks.http_load import Sample, load
from benchmarks.http_servers import LABELS, NEW_HEADS, SERVERS, YARDSTICK, serve


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(name: str, port: int, sidecar: str) -> list[str]:
    if name != "sidecar":
        return [sys.executable, "-m", "benchmarks.http_check", "--serve", name, f"127.0.0.1:{port}"]
    places = {"listen": f"127.0.0.1:{port}", "admin": f"127.0.0.1:{_free_port()}"}
    return [part.format(**places) for part in shlex.split(sidecar)]


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.1)
    raise SystemExit(f"{process.args!r} does not listen on port {port}")


@contextlib.contextmanager
def running(names: list[str], sidecar: str, core: int) -> Iterator[dict[str, tuple[int, int]]]:
    """Start every server on its core; give its port and process id."""
    processes: list[subprocess.Popen[bytes]] = []
    found: dict[str, tuple[int, int]] = {}
    try:
        for name in names:
            if name == NEW_HEADS:
                found[name] = found["listener"]
                continue
            port = _free_port()
            process = subprocess.Popen(
                ["taskset", "-c", str(core), *_command(name, port, sidecar)], stderr=subprocess.DEVNULL
            )
            processes.append(process)
            _wait_for(port, process)
            found[name] = (port, process.pid)
        yield found
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cores() -> tuple[int, int]:
    """The server's core and the client's; the same one where there is no other."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def measure(names: list[str], options: argparse.Namespace) -> list[dict[str, Sample]]:
    """Give every server its turn, `rounds` times."""
    server_core, client_core = options.cores
    rounds = []
    with pinned(client_core), running(names, options.sidecar, server_core) as servers:
        for number in range(options.rounds):
            turn = names if number % 2 == 0 else names[::-1]
            rounds.append(
                {
                    name: uvloop.run(
                        load(servers[name], options.connections, options.seconds, new_heads=name == NEW_HEADS)
                    )
                    for name in turn
                }
            )
    return rounds


def summary(names: list[str], rounds: list[dict[str, Sample]]) -> list[dict[str, Any]]:
    """Medians over the rounds; ratios are medians of each round's ratio."""

    def ratio(name: str, other: str) -> float:
        return statistics.median(each[name].rate / each[other].rate for each in rounds)

    return [
        {
            "server": name,
            "what": LABELS[name],
            "rate": round(statistics.median(each[name].rate for each in rounds)),
            "cpu_us": round(statistics.median(each[name].cpu for each in rounds), 2),
            "p99_ms": round(statistics.median(each[name].p99 for each in rounds), 3),
            "of_aiohttp": round(ratio(name, YARDSTICK), 3),
            "of_httptools": round(ratio(name, "httptools"), 3),
        }
        for name in names
    ]


def _print(rows: list[dict[str, Any]]) -> None:
    print("| server | answers/s | CPU µs each | p99 ms | of aiohttp | of httptools |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        print(
            f"| {row['what']} | {row['rate']:,} | {row['cpu_us']:.1f} | {row['p99_ms']:.2f} "
            f"| {row['of_aiohttp']:.0%} | {row['of_httptools']:.0%} |"
        )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each server's turn")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--cores", type=int, nargs=2, default=cores(), metavar=("SERVER", "CLIENT"))
    parser.add_argument("--sidecar", default="", help="its command line, with {listen} and {admin} in it")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", nargs=2, metavar=("NAME", "LISTEN"), help="be one of the servers")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    if options.serve:
        serve(*options.serve)
        return
    names = [*SERVERS, NEW_HEADS, *(["sidecar"] if options.sidecar else [])]
    rows = summary(names, measure(names, options))
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        _print(rows)


if __name__ == "__main__":
    main()
