"""The memory of a sidecar and of its linker in floods of made-up accounts, against the bounds that are configured.

`python -m benchmarks.memory_flood` starts a sidecar on loopback, plays one flood after the other into it, and prints
the resident memory of both processes. docs/reliability.md has what it printed.
"""

import argparse
import http.client
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.shared_servers import HEADCOUNT, Processes, free_ports

ITEMS = 250
"""Checks of one batch."""
MEGA = 1_048_576
LONG = 250
"""Characters of the long names of a flood; the longest that a check may have are 256."""


class Used(NamedTuple):
    """Resident memory in bytes; `peak` is the most that the linker ever had."""

    sidecar: int
    linker: int
    peak: int


def item(draw: random.Random, number: int, *, facts: bool, names: int) -> dict[str, Any]:
    """One check of an account that nobody has seen before. names: characters of what a client can choose."""

    def name(kind: str) -> str:
        return f"{kind}{number}-{draw.getrandbits(64):x}".ljust(names, "x")

    client = {
        "ip": f"{draw.randrange(11, 200)}.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(256)}",
        "ja4": f"t13d{draw.getrandbits(48):012x}",
        "user_agent": name("agent/"),
        "device": name("device-"),
        "session": name("session-"),
    }
    call = {"model": name("model-")[:60], "content": [f"{draw.getrandbits(64):016x}" for _ in range(8)]}
    if not facts:
        return {"account": {"key": name("sk-")}, "client": client, "request": call}
    payment = {"status": "ok", "fingerprint": name("card-"), "iin": "411111", "issuer_country": "US"}
    signup = {
        "at": 1_790_000_000 + number,
        "ip": client["ip"],
        "ja4": client["ja4"],
        "user_agent": client["user_agent"],
    }
    account = {
        "id": name("acct-"), "created_at": 1_790_000_000 + number, "plan": "free", "verified": ["email"],
        "payment": payment, "email_domain": f"{number}.example", "signup": signup,
        "organisation": {"id": name("org-"), "verified": False},
    }  # fmt: skip
    return {"account": account, "client": client, "request": call}


FLOODS: dict[str, dict[str, Any]] = {
    "made-up keys": {"facts": False, "names": 0},
    "made-up keys, long names": {"facts": False, "names": LONG},
    "accounts with facts": {"facts": True, "names": 0},
    "accounts with facts, long names": {"facts": True, "names": LONG},
}


class Running(NamedTuple):
    """A sidecar that answers: its process, and its ports."""

    pid: int
    check: int
    admin: int


@contextmanager
def running(directory: Path, settings: dict[str, Any]) -> Iterator[Running]:
    """Start a sidecar with a configuration, and end it."""
    check, admin = free_ports(2)
    (directory / "headcount.yaml").write_text(json.dumps(settings))  # JSON is YAML
    options = ["--listen", f"127.0.0.1:{check}", "--admin", f"127.0.0.1:{admin}", "--state", ":memory:"]
    processes = Processes(directory)
    try:
        process = processes.start(HEADCOUNT, "serve", "--config", str(directory / "headcount.yaml"), *options)
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            try:
                ask(admin, "GET", "/readyz")
            except OSError:
                time.sleep(0.1)
            else:
                yield Running(process.pid, check, admin)
                return
        raise SystemExit((directory / "0.log").read_text())
    finally:
        processes.close()


def children_of(pid: int) -> list[int]:
    """The processes that any thread of this one started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(one) for children in lists for one in children.read_text().split()]


def resident(pid: int) -> int:
    """Resident memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def highest(pid: int) -> int:
    """The most resident memory that a process ever had, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def used(sidecar: int) -> Used:
    """What a sidecar and its linker take now."""
    linkers = children_of(sidecar)
    return Used(resident(sidecar), sum(map(resident, linkers)), sum(map(highest, linkers)))


def ask(port: int, method: str, path: str, body: Any = None) -> bytes:
    """One call to a listener."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        return connection.getresponse().read()
    finally:
        connection.close()


def metric(admin: int, name: str) -> float:
    """The sum of a metric over its labels."""
    lines = ask(admin, "GET", "/metrics").decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.partition("{")[0].partition(" ")[0] == name)


def flood(check: int, accounts: int, kind: dict[str, Any], seed: int) -> Iterator[int]:
    """Ask for so many new accounts, in batches; yield how many were asked for."""
    draw = random.Random(seed)
    connection = http.client.HTTPConnection("127.0.0.1", check, timeout=60)
    for begin in range(0, accounts, ITEMS):
        items = [item(draw, begin + i, **kind) for i in range(min(ITEMS, accounts - begin))]
        connection.request("POST", "/v1/check/batch", json.dumps(items))
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"status {answer.status}: {answer.read()[:200]!r}")
        answer.read()
        yield begin + len(items)
    connection.close()


def wait_for_epochs(admin: int, more: int, within: float) -> None:
    """Wait until the linker has finished so many more epochs."""
    first, end = metric(admin, "headcount_linker_epochs_total"), time.monotonic() + within
    while metric(admin, "headcount_linker_epochs_total") < first + more and time.monotonic() < end:
        time.sleep(0.5)


def play(settings: dict[str, Any], accounts: int, seed: int, kinds: list[str], tell: Callable[[str], object]) -> None:
    """Play floods into one sidecar and print what it takes after each."""
    with tempfile.TemporaryDirectory() as directory, running(Path(directory), settings) as sidecar:
        pid, check, admin = sidecar.pid, sidecar.check, sidecar.admin
        wait_for_epochs(admin, 1, 60)
        tell("| flood | accounts | sidecar MB | linker MB | linker at most MB | crowded | left out by the linker |")
        tell("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        _print(tell, "before", 0, used(pid), admin)
        for kind in kinds:
            for asked in flood(check, accounts, FLOODS[kind], seed):
                if asked % max(accounts // 4 // ITEMS * ITEMS, ITEMS) == 0:
                    _print(tell, kind, asked, used(pid), admin)
            wait_for_epochs(admin, 2, 120)
            _print(tell, f"{kind}, two epochs later", accounts, used(pid), admin)


def _print(tell: Callable[[str], object], kind: str, asked: int, now: Used, admin: int) -> None:
    figures = [f"{value / MEGA:.0f}" for value in now]
    lost = [metric(admin, name) for name in ("headcount_crowded_total", "headcount_linker_crowded")]
    tell(f"| {kind} | {asked:,} | {' | '.join(figures)} | {' | '.join(f'{one:,.0f}' for one in lost)} |")


def main() -> None:
    """Read the command line, and play."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000, help="new accounts of each flood")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--settings", default="{}", help="the configuration, as JSON")
    parser.add_argument("--floods", nargs="*", default=list(FLOODS), choices=list(FLOODS))
    given = parser.parse_args()
    play(
        json.loads(given.settings), given.accounts, given.seed, given.floods,
        lambda line: print(line, flush=True, file=sys.stdout),
    )  # fmt: skip


if __name__ == "__main__":
    main()
