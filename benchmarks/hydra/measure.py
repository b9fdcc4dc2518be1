"""Print what the default configuration costs honest accounts and lets through of hydras, on a few small worlds.

python -m benchmarks.hydra.measure --quick
python -m benchmarks.hydra.measure --worlds L3,charity,throw_away --honest 3000 --heads 600 --days 7 --seeds 1,2,3

A world is a level or strategy of a hydra, or a population of honest look-alikes without a hydra, or both with a +, such
as drain_ja4+rare_client. A variant of the hydra is a part too, such as L4+slow, and so is `gatherings`. With several
seeds the leak, the heads linked and the price are means; what honest accounts lose is that of the worst seed.

*Beyond* is the leak beyond one allowance: (let through - what one new free account may take in those days - what the
heads' settled money pays for) / wanted. *Day* is the newcomer's day of each plan at the end, with the accounts that it
is learnt from: a week has none, so try --days 45 --honest 200 --heads 40. *Plain* is what a limit of 200 requests a day
for each account does in the same world: the leak, the price of a million, and the honest requests stopped.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.hydra import scoring, truth, worlds
from benchmarks.hydra.attackers import LADDER, STRATEGIES, VARIANTS
from benchmarks.hydra.baselines import BASELINES, replay
from benchmarks.hydra.populations import LOOKALIKES
from benchmarks.hydra.runs import NO_HYDRA, PRODUCT, System, default_system, verdicts_of
from benchmarks.hydra.scoring import Report
from benchmarks.hydra.table import mean, percent, plain
from benchmarks.hydra.world import Spec, make, stream

GATHERINGS = "gatherings"
PLAIN = "account 200/day"
"""The limit of today that hydras are compared with."""
ALIASES = {"agency": "freelancer"}
"""The population of one person with many clients' accounts; `agency` is a gathering of the ordinary classes."""
WORLDS = (NO_HYDRA, GATHERINGS, *LOOKALIKES, *LADDER, *STRATEGIES)
QUICK = ("--honest", "600", "--heads", "120", "--days", "4")
ALLOWANCE = 200.0
"""Requests a day of a new free account, before any voters."""
PER_USD = 1000.0
"""Requests that a settled dollar pays for."""
WORTH_A_LINE = 0.0005
"""Share of a class's requests from which on it is named."""


class _Money(Struct):
    settled_usd: float | None = None
    settled_30d_usd: float | None = None


class _Facts(Struct):
    """Of an account line: whose money it is."""

    kind: str | None = None
    id: str | None = None
    payment: _Money | None = None


class Beyond(Struct, frozen=True):
    """asked: requests that the hydra wanted; passed: let through; paid: those that its money pays for."""

    asked: int
    passed: float
    paid: float
    days: int

    @property
    def leak(self) -> float:
        """The leak beyond one allowance; 0 where less was let through than that."""
        return max(self.passed - ALLOWANCE * self.days - self.paid, 0.0) / self.asked


class Day(Struct, frozen=True):
    """A plan's newcomer's day in units, and the number of accounts that it is learnt from."""

    day: float
    voters: int


class _Summary(Struct):
    """Of a replay: what it says at the end."""

    newcomers: dict[str, dict[str, Day]]


class Measured(Struct, frozen=True):
    """A world's report, the leak beyond one allowance and a plain limit's report if it has a hydra, and the
    newcomer's days by plan."""

    report: Report
    beyond: Beyond | None
    plain: Report | None
    days: dict[str, Day]


_facts = msgspec.json.Decoder(_Facts)


def settled(lines: Iterable[bytes], heads: set[str]) -> float:
    """US dollars that the heads settled, by the last line about each."""
    money: dict[str, float] = {}
    for raw in lines:
        if b'"settled_usd"' not in raw:
            continue
        line = _facts.decode(raw)
        if line.kind == "account" and line.id in heads and line.payment is not None:
            money[line.id] = max(money.get(line.id, 0.0), line.payment.settled_usd or 0.0)
    return sum(money.values())


def spec_of(name: str, like: Spec) -> Spec:
    """The world that a name stands for. Raises argparse.ArgumentTypeError for a name that is none."""
    parts = [ALIASES.get(part, part) for part in name.split("+") if part != NO_HYDRA]
    levels = tuple(part for part in parts if part in LADDER or part in STRATEGIES)
    populations = tuple(part for part in parts if part in LOOKALIKES)
    variants = tuple(part for part in parts if part in VARIANTS)
    if len(levels) + len(populations) + len(variants) + parts.count(GATHERINGS) < len(parts):
        raise argparse.ArgumentTypeError(
            f"{name!r} is no world; parts are levels, strategies, variants, populations and {GATHERINGS}"
        )
    return msgspec.structs.replace(
        like, levels=levels, populations=populations, variants=variants, heads=like.heads if levels else 0,
        gatherings=GATHERINGS in parts,
    )  # fmt: skip


def measured(spec: Spec, system: System) -> Measured:
    """Play one world; the system prints its summary as JSON. Raises Failed if the command does."""
    with tempfile.TemporaryDirectory(prefix="measure-") as folder:
        lines = Path(folder) / "world.jsonl"
        world = make(spec)
        heads = {account.id for account in world.hydra.accounts}
        truth.write(world, truth.beside(lines))
        worlds.write(stream(world), lines)
        verdicts, _ = verdicts_of(system, lines)
        with lines.open("rb") as asked, verdicts.open("rb") as answered:
            report = scoring.score(truth.read(truth.beside(lines)), asked, answered)
        days = learnt_days(verdicts.with_suffix(".log"))
        if report.leak is None:
            return Measured(report, None, None, days)
        with lines.open("rb") as asked:
            money = settled(asked, heads)
        with lines.open("rb") as asked:
            judged = replay(map(msgspec.json.decode, asked), BASELINES[PLAIN]())
            limited = scoring.judge(truth.read(truth.beside(lines)), judged)
    paid = money * PER_USD * min(spec.days / 30, 1.0)
    beyond = Beyond(report.hydra_checks, report.leak * report.hydra_checks, paid, spec.days)
    return Measured(report, beyond, limited, days)


def learnt_days(log: Path) -> dict[str, Day]:
    """Return the newcomer's days at the end of a replay, from the summary in the last line that it printed."""
    summary = msgspec.json.decode(log.read_bytes().splitlines()[-1], type=_Summary)
    return summary.newcomers["default"]


def row(name: str, found: Sequence[Measured]) -> str:
    """One line of the table for a world's seeds, and the classes that were stopped."""
    reports = [one.report for one in found]
    cells = [
        name, percent(mean(report.leak for report in reports)),
        percent(mean(None if one.beyond is None else one.beyond.leak for one in found)),
        percent(mean(report.heads_linked for report in reports)),
        plain(mean(report.dollars_per_million for report in reports)),
        finely(_worst(report.honest_stopped for report in reports)),
        finely(_worst(report.payers_stopped for report in reports)),
        finely(_worst(report.newcomers_stopped for report in reports)),
        finely(_worst(report.victims_stopped for report in reports)),
        percent(_worst(report.honest_linked for report in reports)),
        ", ".join(f"{plan} {one.day:g} ({one.voters})" for plan, one in found[-1].days.items()),
        ", ".join(f"{klass} {percent(share)}" for klass, share in _classes(reports)) or "-",
        _limited([one.plain for one in found if one.plain is not None]),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _limited(reports: Sequence[Report]) -> str:
    """Say what a plain limit does."""
    if not reports:
        return "-"
    leak, price = (mean(getattr(one, name) for one in reports) for name in ("leak", "dollars_per_million"))
    return f"{percent(leak)}, {plain(price)} $, {percent(_worst(one.honest_stopped for one in reports))}"


def finely(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.3f}%"


def _worst(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _classes(reports: Sequence[Report]) -> list[tuple[str, float]]:
    """Classes that were stopped, each in its worst seed; the worst class first."""
    names = dict.fromkeys(klass for report in reports for klass in report.stopped_by_class)
    worst = {klass: max(report.stopped_by_class.get(klass, 0.0) for report in reports) for klass in names}
    return sorted(((k, share) for k, share in worst.items() if share >= WORTH_A_LINE), key=lambda entry: -entry[1])


HEAD = (
    "| world | leak | beyond | heads linked | $ a million | honest stopped | payers | newcomers | victims "
    "| honest linked | day (voters) | classes | plain |\n|" + " --- |" * 13
)


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m benchmarks.hydra.measure", description=__doc__.splitlines()[0])
    options.add_argument("--worlds", default=",".join(WORLDS), help="comma-separated")
    options.add_argument("--honest", type=int, default=3000)
    options.add_argument("--heads", type=int, default=600)
    options.add_argument("--days", type=int, default=7)
    options.add_argument("--seeds", default="1", help="comma-separated")
    options.add_argument("--jobs", type=int, default=1, help="worlds at a time, each in two processes")
    options.add_argument("--view", default="full")
    options.add_argument("--content", action="store_true", help="with SimHashes of the prompts' shapes")
    options.add_argument("--config", type=Path, help="a configuration; else the default one")
    options.add_argument("--quick", action="store_true", help=f"as {' '.join(QUICK)}")
    return options


def main(arguments: list[str] | None = None) -> None:
    given = list(sys.argv[1:] if arguments is None else arguments)
    chosen = parser().parse_args([*QUICK, *given] if "--quick" in given else given)
    like = Spec(honest=chosen.honest, heads=chosen.heads, days=chosen.days, view=chosen.view, content=chosen.content)
    named = [(name, spec_of(name, like)) for name in chosen.worlds.split(",")]
    seeds = [int(seed) for seed in chosen.seeds.split(",")]
    print(HEAD, flush=True)
    system = System(PRODUCT, default_system(chosen.config).command + " --json")
    specs = [msgspec.structs.replace(spec, seed=seed) for _, spec in named for seed in seeds]
    found = _all(specs, system, chosen.jobs)
    for name, _ in named:
        print(row(name, [next(found) for _ in seeds]), flush=True)


def _all(specs: Sequence[Spec], system: System, jobs: int) -> Iterator[Measured]:
    """Play worlds, in order."""
    if jobs == 1:
        yield from (measured(spec, system) for spec in specs)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(measured, specs, [system] * len(specs))


if __name__ == "__main__":
    main()
