"""CPU of a check over HTTP with full facts in its body, next to a bare aiohttp that decodes and encodes the same JSON.

    python -m benchmarks.http_facts [--accounts 50000] [--rounds 5] [--seconds 2] [--sidecar COMMAND]

The bodies are those of `benchmarks.messages`, of each account in turn; they repeat, or an amount of money is another
each time. Servers have alternating turns, pinned to one core with all that they start; the load has the other core.
Ratios are aiohttp's CPU to that of the sidecar, medians of those of each round, so a busy machine changes them little.
"""

import argparse
import itertools
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import uvloop

from benchmarks.http_check import cores, pinned, running
from benchmarks.http_load import Sample, load
from benchmarks.http_servers import YARDSTICK
from benchmarks.machine import describe
from benchmarks.messages import HEAD, body
from benchmarks.turns import rounds_of

COMMAND = f"{Path(sys.executable).with_name('headcount')} serve --state :memory: --listen {{listen}} --admin {{admin}}"
SIDECAR = "sidecar"


def asked(accounts: int, *, changing: bool) -> Iterator[bytes]:
    """Yield requests without end; they are made before, as far as they repeat."""
    numbers = range(accounts)
    if not changing:
        return itertools.cycle([message(number, 0.0) for number in numbers])
    return (message(number, 0.01 * turn) for turn in itertools.count(1) for number in numbers)


def message(number: int, changed: float) -> bytes:
    made = body(number, 0, changed)
    return HEAD % (len(made), made)


def report(facts: str, rounds: list[dict[str, Sample]]) -> None:
    print(f"\nfacts: {facts}; medians of {len(rounds)} rounds\n")
    print("| server | answers/s | CPU µs each | p99 ms | aiohttp's CPU to its own |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name in rounds[0]:
        rate, cpu, p99 = (statistics.median(column) for column in zip(*[each[name] for each in rounds], strict=True))
        ratio = statistics.median(each[YARDSTICK].cpu / each[name].cpu for each in rounds)
        print(f"| {name} | {rate:,.0f} | {cpu:.1f} | {p99:.2f} | {ratio:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--warm-up", type=float, default=20.0, help="seconds of load before it")
    parser.add_argument("--sidecar", default=COMMAND, help="its command line, with {listen} and {admin} in it")
    options = parser.parse_args()
    print(describe())
    server_core, client_core = cores()
    with pinned(client_core), running([YARDSTICK, SIDECAR], options.sidecar, server_core) as servers:
        for facts in ("same", "changing"):
            requests = {name: asked(options.accounts, changing=facts == "changing") for name in servers}
            uvloop.run(load(servers[SIDECAR], options.connections, options.warm_up, asked=requests[SIDECAR]))

            def turn(name: str, requests: dict[str, Iterator[bytes]] = requests) -> Sample:
                return uvloop.run(load(servers[name], options.connections, options.seconds, asked=requests[name]))

            report(facts, rounds_of(options.rounds, list(servers), turn))


if __name__ == "__main__":
    main()
