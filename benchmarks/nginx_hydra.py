"""Whether a hydra is contained through nginx with leases as it is through /v1/check: one world, played to both.

    python -m benchmarks.nginx_hydra [--level L3] [--seed 1] [--honest 4000] [--heads 2000] [--days 3]

Two live sidecars get the same facts and, at the same recorded times, the same requests: one as POST /v1/check, one
through a real nginx as plugins/nginx/nginx-leases.conf has it. What nginx cannot carry (device, session, model) is left
out of both. All three live by one clock (recorded_clock.py) that goes from second to second of the world, and is never
set forward by more than STEP, so that nginx closes and reports leases as it would. Every --link-every recorded seconds
the world waits until both sidecars have linked again. Needs nginx with Lua, and Debian's faketime.
"""

import argparse
import contextlib
import itertools
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from benchmarks import nginx_setups as setups
from benchmarks.hydra import truth
from benchmarks.hydra.clock import DAY, HOUR, START
from benchmarks.hydra.scoring import Judged, Report, Tally
from benchmarks.hydra.world import Spec, make, stream
from benchmarks.kept_connection import KeptConnection, message
from benchmarks.machine import describe
from benchmarks.recorded_clock import ENVIRONMENT, RecordedClock

STEP = 4.0
"""Seconds that the clock is set forward at most: a lease that ended is reported well within its 10 seconds of grace."""
LONGEST_EPOCH = 300.0
PATIENCE = 1000 * (STEP + 6.0)
"""Milliseconds that nginx waits for its sidecar, by a clock that is set forward meanwhile and on a busy machine."""
HEALTH = message("GET", "/healthz")
COUNTS = message("GET", "/")
METRICS = message("GET", "/metrics")
DECISION = {200: "allow", 429: "throttle", 403: "deny"}
JA4 = "X-JA4"


class Client(Struct, frozen=True):
    """Of a check line's client: what nginx can carry."""

    ip: str
    ja4: str = ""
    user_agent: str = ""


class Call(NamedTuple):
    """One request of the world: when, whose, by which key and from where."""

    at: float
    account: str
    key: str
    client: Client


class Push(NamedTuple):
    """A push of an account's facts by billing."""

    at: float
    account: str
    body: bytes


class Played(NamedTuple):
    """What came of a world: reports of both ways, answers of nginx by status, and what its gate counted."""

    check: Report
    nginx: Report
    statuses: Counter[int]
    gate: dict[str, int]

    @property
    def checks(self) -> float:
        """Checks a request through nginx."""
        return self.gate["checks"] / self.statuses.total()

    @property
    def points(self) -> float:
        """Leak through nginx less leak through /v1/check, in points."""
        return 100 * ((self.nginx.leak or 0.0) - (self.check.leak or 0.0))


class Ports(NamedTuple):
    """Where everything listens: both sidecars, nginx, and the counts of its gate."""

    check: int
    admin: int
    behind: int
    behind_admin: int
    nginx: int
    gate: int


class Player:
    """Plays a world to both ways, each request at its second and answered before the next one."""

    def __init__(self, ports: Ports, clock: RecordedClock, found: truth.Truth, every: float) -> None:
        self._check, self._nginx = KeptConnection(ports.check), KeptConnection(ports.nginx)
        self._gate, self._behind = KeptConnection(ports.gate), KeptConnection(ports.behind)
        self._admins = [KeptConnection(ports.admin), KeptConnection(ports.behind_admin)]
        self._clock, self._every = clock, every
        self._tallies = Tally(found), Tally(found)
        self._statuses: Counter[int] = Counter()
        self._links = START + every
        self._epochs = [0.0, 0.0]

    def play(self, world: Iterable[Call | Push], until: float) -> Played:
        """Play it all; `until`: when the world ends."""
        self._wait_for_links()
        for second, group in itertools.groupby(world, key=lambda entry: entry.at // 1):
            self._reach(second)
            for entry in group:
                if isinstance(entry, Call):
                    self._ask(entry)
                else:
                    self._push(entry)
            self._quiet()
        self._reach(until + 2 * STEP)  # its gate adds its counts up once a second
        gate = json.loads(re.findall(rb"{.*}", self._gate.ask(COUNTS)[1])[0])
        return Played(self._tallies[0].report(), self._tallies[1].report(), self._statuses, gate)

    def _reach(self, second: float) -> None:
        while (now := self._clock.now()) < second:
            self._clock.reach(min(second, now + STEP))
            self._quiet()
            if self._clock.now() >= self._links:
                self._wait_for_links()
                self._links = self._clock.now() + self._every

    def _quiet(self) -> None:
        """Return after nginx has sent its background reports, and its sidecar has read them."""
        self._gate.ask(COUNTS)
        self._behind.ask(HEALTH)

    def _wait_for_links(self) -> None:
        before, deadline = self._epochs, time.monotonic() + LONGEST_EPOCH
        while any(now <= then for now, then in zip(self._linked(), before, strict=True)):
            if time.monotonic() > deadline:
                raise SystemExit(f"a sidecar did not link within {LONGEST_EPOCH:.0f} s")
            time.sleep(0.05)
        self._epochs = self._linked()

    def _linked(self) -> list[float]:
        """Epochs of each sidecar."""
        texts = [admin.ask(METRICS)[1] for admin in self._admins]
        return [float(re.findall(rb"^headcount_linker_epochs_total (\S+)$", text, re.MULTILINE)[0]) for text in texts]

    def _push(self, push: Push) -> None:
        for admin in self._admins:
            admin.send(message("PUT", f"/v1/accounts/{push.account}", body=push.body))
        for admin in self._admins:
            status, said = admin.answer()
            if status >= 300:
                raise SystemExit(said.decode())

    def _ask(self, call: Call) -> None:
        client = call.client
        body = msgspec.json.encode({"account": {"key": call.key}, "client": client})
        headers = {"Authorization": f"Bearer {call.key}", "X-Forwarded-For": client.ip, "User-Agent": client.user_agent}
        self._check.send(message("POST", "/v1/check", body=body))
        self._nginx.send(message("GET", "/", {**headers, JA4: client.ja4}))
        answered, said = self._check.answer()
        status, _ = self._nginx.answer()
        if answered != 200 or status not in DECISION:
            raise SystemExit(f"{call}: {answered} {said.decode()}, nginx {status}")
        self._statuses[status] += 1
        self._tallies[0].add(call.account, call.at, msgspec.json.decode(said, type=Judged))
        self._tallies[1].add(call.account, call.at, Judged(DECISION[status]))


def entries(spec: Spec, until: float) -> Iterator[Call | Push]:
    """Requests and facts of a world in order of time, as far as both ways can tell of them."""
    keys: dict[str, str] = {}
    for at, raw in stream(make(spec)):
        if at >= until:
            return
        line = msgspec.json.decode(raw)
        kind = line.pop("kind", None)
        if kind == "account":
            name = line.pop("id")
            keys[name] = line["keys"][0]
            del line["at"]
            yield Push(at, name, msgspec.json.encode(line))
        elif kind is None:
            name = line["account"]["id"]
            yield Call(at, name, keys[name], msgspec.convert(line["client"], Client))


def sidecar(listen: int, admin: int, every: float) -> list[str]:
    """The command of a sidecar as it comes, but for how often it links."""
    addresses = ["--listen", f"127.0.0.1:{listen}", "--admin", f"127.0.0.1:{admin}"]
    ours = [sys.executable, "-m", "benchmarks.recorded_sidecar", f"{every:g}"]
    return [*ours, "serve", "--state", ":memory:", *addresses]


def configured(listen: int, behind: int, api: int) -> tuple[str, int]:
    """nginx-leases.conf with these ports and a header for the JA4, and the port of its gate's counts."""
    text = setups.configured(setups.texts()["leases"], listen=listen, sidecar=behind, api=api)
    text = text.replace(
        '-- ja4_header = "CloudFront-Viewer-JA4-Fingerprint"', f'ja4_header = "{JA4}", timeout = {PATIENCE:g}'
    )
    kept = "".join(f"env {name};\n" for name in ENVIRONMENT)
    gate = re.findall(r"listen 127\.0\.0\.1:(\d+);\s*default_type", text)[0]
    return text.replace("events {", f"{kept}events {{", 1), int(gate)


@contextlib.contextmanager
def live(directory: Path, clock: RecordedClock, every: float) -> Iterator[Ports]:
    """Two sidecars, and nginx before one of them, by this clock while the block lasts."""
    core, other = setups.cores()
    check, admin, behind, behind_admin, listen = (setups.free_port() for _ in range(5))
    with contextlib.ExitStack() as life:
        api = life.enter_context(setups.api(directory, other))
        text, gate = configured(listen, behind, api)
        for port, its_admin, its_core in ((check, admin, other), (behind, behind_admin, core)):
            command = clock.command(sidecar(port, its_admin, every))
            life.enter_context(setups.running(command, its_core, directory, port))
        command = clock.command(setups.nginx(directory, "nginx", text))
        life.enter_context(setups.running(command, core, directory, listen))
        yield Ports(check, admin, behind, behind_admin, listen, gate)


def run(directory: Path, asked: argparse.Namespace) -> Played:
    """Start everything and play the world that was asked for."""
    spec = Spec(asked.seed, asked.honest, asked.heads, (asked.level,), days=asked.days)
    until = START + min(asked.days * DAY, asked.hours * HOUR)
    clock = RecordedClock(directory, START - 1)
    with live(directory, clock, asked.link_every) as ports:
        return Player(ports, clock, truth.of(make(spec)), asked.link_every).play(entries(spec, until), until)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--level", default="L3")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--honest", type=int, default=4000)
    made.add_argument("--heads", type=int, default=2000)
    made.add_argument("--days", type=int, default=3)
    made.add_argument("--hours", type=float, default=float("inf"), help="of these days, if not all")
    made.add_argument("--link-every", type=float, default=900.0)
    return made


def row(name: str, report: Report) -> str:
    """The table's line for one way of asking."""
    days = ", ".join("-" if day is None else f"{day:.1%}" for day in report.leak_by_day)
    worst = max(report.stopped_by_class.items(), key=lambda found: found[1])
    return (
        f"| {name} | {report.leak or 0:.2%} | {days} | {report.honest_stopped:.3%} | {report.payers_stopped:.3%} "
        f"| {worst[0]} {worst[1]:.2%} |"
    )


def main() -> None:
    asked = parser().parse_args()
    print(describe())
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        came = run(Path(place), asked)
    print(
        f"{asked.level}, seed {asked.seed}: {asked.honest:,} honest accounts made {came.check.honest_checks:,} "
        f"requests, {asked.heads:,} heads {came.check.hydra_checks:,}; played in {time.monotonic() - begun:,.0f} s"
    )
    print(
        "| way | leak | by day | honest stopped | payers stopped | worst class |\n| --- | --- | --- | --- | --- | --- |"
    )
    print(row("/v1/check", came.check), row("nginx with leases", came.nginx), sep="\n")
    print(
        f"through nginx {came.points:+.2f} points of leak; {came.checks:.3f} checks a request; "
        f"statuses {dict(sorted(came.statuses.items()))}; its gate {came.gate}"
    )


if __name__ == "__main__":
    main()
