"""The instructions that nginx runs for a request, with leases and without: a busy machine does not change them.

    python -m benchmarks.nginx_instructions [--keys 2 400] [--requests 8000] [--before ANOTHER/CHECKOUT]

Needs valgrind, nginx, libnginx-mod-http-lua and lua-cjson. The kernel's work is not counted, which is half of what a
request costs and the same for all. Under valgrind nginx is some 30 times slower, so leases are renewed more often for a
request than in `benchmarks.nginx_leases`; with two keys that is seldom enough. Many keys have small leases, and what
they cost more than two keys is what checks cost. The sidecar's CPU for a check is that of the same time.
"""

import argparse
import asyncio
import contextlib
import re
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks import nginx_setups as setups
from benchmarks.machine import describe

CLIENTS = 8
LEAST_CHECKS = 0.01
"""Checks a request from which on their cost is more than noise."""
TOTAL = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)
COUNTING = ["valgrind", "--tool=callgrind", "--smc-check=all-non-file"]


class Count(NamedTuple):
    """Of one request: nginx's instructions and the checks; and the sidecar's microseconds of CPU for a check."""

    instructions: float
    checks: float
    sidecar: float


class Place(NamedTuple):
    """Where an nginx runs: its files, its port, the sidecar's process and admin port."""

    directory: Path
    port: int
    sidecar: int
    admin: int


async def load(port: int, count: int, keys: list[setups.Key]) -> None:
    """Send so many requests of all keys in turn."""
    clients = [keys[number::CLIENTS] or [keys[number % len(keys)]] for number in range(CLIENTS)]
    await asyncio.gather(*(_client(port, count // CLIENTS, several) for several in clients))


async def _client(port: int, count: int, keys: list[setups.Key]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in range(count):
        key = keys[number % len(keys)]
        headers = f"Host: api\r\nAuthorization: Bearer {key.key}\r\nX-Forwarded-For: {key.address}"
        writer.write(f"GET /v1/messages HTTP/1.1\r\n{headers}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if found is None or not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(head.decode())
        await reader.readexactly(int(found[1]))
    writer.close()


def control(pid: int, what: str) -> None:
    subprocess.run(["callgrind_control", what, str(pid)], capture_output=True, check=True)


def counted(command: list[str], place: Place, count: int, keys: list[setups.Key]) -> Count:
    """Count for one request, after as many requests that compile what is used."""
    counts = place.directory / f"counts-{place.port}"
    one = [*command[:-1], f"{command[-1]} master_process off;"]
    whole = [*COUNTING, f"--callgrind-out-file={counts}", *one]
    with setups.running(whole, setups.cores()[0], place.directory, place.port) as nginx:
        asyncio.run(load(place.port, count, keys))
        control(nginx.pid, "-z")
        checks, used = asked(place), setups.processor_time(place.sidecar)
        asyncio.run(load(place.port, count, keys))
        control(nginx.pid, "-d")
        checks, used = asked(place) - checks, setups.processor_time(place.sidecar) - used
    return Count(total(Path(f"{counts}.1").read_text()) / count, checks / count, used / max(checks, 1) * 1e6)


def asked(place: Place) -> float:
    return asyncio.run(setups.metric(place.admin, "headcount_checks_total"))


def total(dump: str) -> int:
    """The instructions that a file of callgrind sums up to."""
    return int(TOTAL.findall(dump)[-1])


def run(directory: Path, many: int, requests: int, before: Path | None) -> dict[str, Count]:
    """Count for every configuration, one after the other."""
    listen, admin = setups.free_port(), setups.free_port()
    keys = setups.keys(many, "uniform")
    texts = setups.texts() | (setups.before(before) if before else {})
    found = {}
    with contextlib.ExitStack() as life:
        core, other = setups.cores()
        api = life.enter_context(setups.api(directory, other))
        command = setups.sidecar(directory, listen, admin, {"roomy": setups.ROOMY})
        sidecar = life.enter_context(setups.running(command, core, directory, listen)).pid
        asyncio.run(setups.push(admin, keys, "roomy"))
        for name, text in texts.items():
            place = Place(directory, setups.free_port(), sidecar, admin)
            configured = setups.configured(text, listen=place.port, sidecar=listen, api=api)
            found[name] = counted(setups.nginx(directory, name, configured), place, requests, keys)
    return found


def report(many: int, found: dict[str, Count], few: dict[str, Count]) -> None:
    """Print a line for each nginx; `few`: the same with few keys, without which a check's cost is not known."""
    print(f"\n{many} keys\n| nginx | instructions a request | more than plain | checks a request | "
          "instructions a check | sidecar's CPU a check |\n| --- | ---: | ---: | ---: | ---: | ---: |")  # fmt: skip
    for name, count in found.items():
        more = count.instructions - found["plain"].instructions
        check = _of_a_check(count, few.get(name))
        print(f"| {name} | {count.instructions:,.0f} | {more:,.0f} | {count.checks:.4f} | {check} |")


def _of_a_check(count: Count, few: Count | None) -> str:
    if few is None or count.checks - few.checks < LEAST_CHECKS:
        return "|"
    each = (count.instructions - few.instructions) / (count.checks - few.checks)
    return f"{each:,.0f} | {count.sidecar:.0f} µs"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--keys", type=int, nargs="+", default=[2, 400])
    made.add_argument("--requests", type=int, default=8000)
    made.add_argument("--before", type=Path)
    return made


def main() -> None:
    print(describe())
    given = parser().parse_args()
    few: dict[str, Count] = {}
    for many in given.keys:
        with tempfile.TemporaryDirectory() as place:
            found = run(Path(place), many, given.requests, given.before)
        report(many, found, few)
        few = few or found


if __name__ == "__main__":
    main()
