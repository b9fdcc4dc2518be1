"""What asking Headcount costs HAProxy: `python -m benchmarks.spoe_overhead [--haproxy .venv/haproxy/haproxy --newer]`.

HAProxy with one thread proxies to an API, plainly and with the shipped configuration, in turns. HAProxy and the sidecar
share one core; the client and the API, which is another HAProxy that answers by itself, have the other. Each of 1,000
keys stays far from its limits. The table has medians; the ratio is taken in each pair.
"""

import contextlib
import json
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import uvloop

from benchmarks.http_check import _free_port as free_port
from benchmarks.http_check import _wait_for as wait_for
from benchmarks.http_check import cores, pinned
from benchmarks.http_load import Sample, cycle, load

SHIPPED = Path(__file__).parents[1] / "plugins" / "haproxy"
DEFAULTS = "defaults\n    mode http\n    timeout connect 5s\n    timeout client 60s\n    timeout server 60s\n"
API = "frontend api\n    bind 127.0.0.1:8000\n    http-request return status 200 content-type text/plain string ok\n"
PLAIN = (
    "frontend front\n    bind 127.0.0.1:8080\n    option forwardfor\n    default_backend api\n"
    "backend api\n    server api 127.0.0.1:8000\n"
)
ONE_THREAD = "global\n    nbthread 1\n"
KEYS = 1000
TURNS = ("plain", "asking", "Headcount")  # the last asks as the second does, and looks at the sidecar's CPU
ROOMY = {"rate": 1e6, "burst": 1e9, "daily": 1e9}
SETTINGS = {
    "log": {"decisions": 0.0},
    "tenants": {
        "default": {
            "plans": {"free": dict.fromkeys(("trusted", "standard", "limited", "restricted", "blocked"), ROOMY)},
            "unconfirmed": ROOMY,
        }
    },
}


class Places(NamedTuple):
    """Ports: of both HAProxies, of the sidecar and of the API."""

    plain: int
    asking: int
    check: int
    admin: int
    spoe: int
    api: int


def requests() -> list[bytes]:
    """One request by each key."""
    return [
        b"GET /v1/messages HTTP/1.1\r\nHost: api.example\r\nUser-Agent: bench/1\r\nAccept: */*\r\n"
        b"Authorization: Bearer sk-%d\r\n\r\n" % number
        for number in range(KEYS)
    ]


def with_ports(text: str, front: int, places: Places) -> str:
    ports = {"8080": front, "8473": places.spoe, "8000": places.api}
    return re.sub(r"\b(?:8080|8473|8000)\b", lambda found: str(ports[found[0]]), text)


def write(directory: Path, places: Places, shipped: str) -> None:
    """Write every configuration; the shipped one gets one thread, as the plain one has."""
    asking = (SHIPPED / shipped).read_text().replace("global\n", ONE_THREAD, 1)
    texts = {
        "api.cfg": (DEFAULTS + API, places.api),
        "plain.cfg": (ONE_THREAD + DEFAULTS + PLAIN, places.plain),
        "asking.cfg": (asking, places.asking),
        "spoe.cfg": ((SHIPPED / "spoe.cfg").read_text(), places.asking),
    }
    for name, (text, front) in texts.items():
        (directory / name).write_text(with_ports(text, front, places))
    (directory / "headcount.yaml").write_text(json.dumps(SETTINGS))  # JSON is YAML


@contextlib.contextmanager
def running(directory: Path, places: Places, haproxy: str) -> Iterator[dict[str, tuple[int, int]]]:
    """Start everything on its core; give what to ask, and whose CPU counts: a port and a process."""
    near, far = cores()
    program = str(Path(sys.executable).with_name("headcount"))
    headcount = [program, "serve", "--state", ":memory:", "--config", str(directory / "headcount.yaml")]
    headcount += [
        f"--{name}=127.0.0.1:{getattr(places, port)}" for name, port in (("listen", "check"), ("admin", "admin"))
    ]
    headcount += [f"--spoe=127.0.0.1:{places.spoe}"]
    commands = [
        (far, places.api, [haproxy, "-f", str(directory / "api.cfg")]),
        (near, places.spoe, headcount),
        (near, places.plain, [haproxy, "-f", str(directory / "plain.cfg")]),
        (near, places.asking, [haproxy, "-f", str(directory / "asking.cfg")]),
    ]
    with contextlib.ExitStack() as life:
        found = {}
        for core, port, command in commands:
            process = subprocess.Popen(["taskset", "-c", str(core), *command], stderr=subprocess.DEVNULL)
            life.callback(process.wait, 20)
            life.callback(process.terminate)
            wait_for(port, process)
            found[port] = (port, process.pid)
        asking = found[places.asking]
        yield {"plain": found[places.plain], "asking": asking, "Headcount": (asking[0], found[places.spoe][1])}


@click.command()
@click.option("--haproxy", default="haproxy", show_default=True, help="The program.")
@click.option("--newer", is_flag=True, help="The program is 3.1 or later.")
@click.option("--pairs", default=7, show_default=True)
@click.option("--seconds", default=2.0, show_default=True, help="Of each turn.")
@click.option("--connections", default=32, show_default=True)
def main(haproxy: str, newer: bool, pairs: int, seconds: float, connections: int) -> None:  # noqa: FBT001 - a flag
    """Compare HAProxy that asks Headcount with HAProxy that does not."""
    places, rounds = Places(*[free_port() for _ in Places._fields]), list[dict[str, Sample]]()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as life:
        write(Path(name), places, "haproxy-3.1.cfg" if newer else "haproxy.cfg")
        life.enter_context(pinned(cores()[1]))
        servers = life.enter_context(running(Path(name), places, haproxy))
        asked = cycle(requests())
        for number in range(pairs):
            turn = TURNS if number % 2 == 0 else TURNS[::-1]
            rounds.append({one: uvloop.run(load(servers[one], connections, seconds, asked=asked)) for one in turn})
    version = subprocess.run([haproxy, "-v"], capture_output=True, text=True, check=True).stdout.split(" 20")[0]
    print(f"{version}, {connections} connections, {pairs} pairs of {seconds:g} s\n")
    print("| what | requests/s | its CPU µs each | p99 ms |\n| --- | ---: | ---: | ---: |")
    for one in TURNS:
        row = [statistics.median(getattr(each[one], field) for each in rounds) for field in Sample._fields]
        print(f"| {one} | {row[0]:,.0f} | {row[1]:.0f} | {row[2]:.2f} |")
    ratio = statistics.median(each["asking"].rate / each["plain"].rate for each in rounds)
    print(f"\nasking: {ratio:.1%} of plain (median of {pairs} pairs)")


if __name__ == "__main__":
    main()
