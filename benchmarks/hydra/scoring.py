"""Score verdicts against the truth: the leak, the honest accounts stopped, the accounts linked."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any

import msgspec
from msgspec import Struct

from benchmarks.hydra import costs
from benchmarks.hydra.attackers import attacker
from benchmarks.hydra.clock import DAY, START
from benchmarks.hydra.truth import Fact, Truth


class Named(Struct, frozen=True):
    id: str


class Asked(Struct, frozen=True):
    """Of an account in a check line: enough to know whose it is."""

    id: str | None = None
    key: str | None = None


class Line(Struct, frozen=True):
    """Of a line of a world: check lines have no `kind`."""

    at: float
    kind: str | None = None
    account: Asked | str | None = None


class Judged(Struct, frozen=True):
    """Of a verdict: all that scoring looks at."""

    decision: str
    cluster: Named | None = None


class Report(Struct, frozen=True):
    """One system on one world. Shares are 0 to 1; None where nothing is there to divide by.

    leak: of the hydra's wishes, let through; leak_by_day the same day by day. first_stop: median of the
    requests a head got before its first stop (None: most were never stopped). honest_linked: were ever in a
    cluster; heads_linked: were in one at their last request. clusters: how many held heads, for one actor.
    nat_against_homes: stops of carrier_nat by those of homes, None where neither was stopped. newcomers_stopped:
    of honest accounts that signed up while the world ran; victims_stopped, victims_linked: of those that the hydra
    aims at. dollars: what the hydra paid in all.
    """

    leak: float | None
    leak_by_day: list[float | None]
    first_stop: float | None
    honest_stopped: float
    payers_stopped: float
    stopped_by_class: dict[str, float]
    honest_linked: float
    honest_linked_by_class: dict[str, float]
    heads_linked: float | None
    clusters: int
    nat_against_homes: float | None
    dollars_per_million: float | None
    honest_checks: int
    hydra_checks: int
    newcomers_stopped: float | None = None
    victims_stopped: float | None = None
    victims_linked: float | None = None
    dollars: float | None = None


class Tally:
    """Counts verdicts one by one; `report` says what they come to."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._owner = {key: name for name, fact in truth.accounts.items() for key in fact.keys}
        self._asked: Counter[str] = Counter()
        self._stopped: Counter[str] = Counter()
        self._before_stop: dict[str, int] = {}
        self._ever: set[str] = set()
        self._now: dict[str, str | None] = {}
        self._days: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])

    def enrol(self, name: str, fact: Fact) -> None:
        """An account that joined while the world ran (an attacker's replacement)."""
        self._truth.accounts[name] = fact
        self._owner |= dict.fromkeys(fact.keys, name)

    def owner(self, asked: Asked) -> str:
        """The account that a check names by its id or key. KeyError: the truth does not know it."""
        return asked.id if asked.id is not None else self._owner[asked.key or ""]

    def add(self, name: str, at: float, verdict: Judged) -> None:
        stopped = verdict.decision != "allow"
        if stopped and name not in self._before_stop:
            self._before_stop[name] = self._asked[name]
        self._asked[name] += 1
        self._stopped[name] += stopped
        self._now[name] = verdict.cluster.id if verdict.cluster else None
        if verdict.cluster:
            self._ever.add(name)
        if self._truth.accounts[name].label == "hydra":
            day = self._days[int((at - START) // DAY)]
            day[0] += 1
            day[1] += not stopped

    def report(self, wanted: int | None = None) -> Report:
        """`wanted`: the hydra's wishes, where it asked more often than that (a closed loop)."""
        honest = {n: f for n, f in self._truth.accounts.items() if f.label == "honest"}
        heads = [n for n, f in self._truth.accounts.items() if f.label == "hydra"]
        sent = sum(self._asked[n] for n in heads)
        passed = sent - sum(self._stopped[n] for n in heads)
        victims = [n for n, f in honest.items() if f.victim]
        by_class = {k: self._rate([n for n, f in honest.items() if f.klass == k]) for k in _classes(honest)}
        return Report(
            leak=passed / (wanted or sent) if sent else None,
            leak_by_day=[days[1] / days[0] if days[0] else None for _, days in sorted(self._days.items())],
            first_stop=self._first_stop([n for n in heads if self._asked[n]]),
            honest_stopped=self._rate(honest),
            payers_stopped=self._rate([n for n, f in honest.items() if f.payer]),
            stopped_by_class=by_class,
            honest_linked=_share(len(self._ever & honest.keys()), len(honest)),
            honest_linked_by_class={
                k: _share(
                    sum(n in self._ever for n, f in honest.items() if f.klass == k),
                    sum(f.klass == k for f in honest.values()),
                )
                for k in _classes(honest)
            },
            heads_linked=sum(self._now.get(n) is not None for n in heads) / len(heads) if heads else None,
            clusters=len({self._now.get(n) for n in heads} - {None}),
            nat_against_homes=_ratio(by_class.get("carrier_nat", 0.0), by_class.get("home", 0.0)),
            dollars_per_million=self._cost(len(heads), sent, passed),
            honest_checks=sum(self._asked[n] for n in honest),
            hydra_checks=sent,
            newcomers_stopped=self._rate([n for n, f in honest.items() if f.created >= START]),
            victims_stopped=self._rate(victims) if victims else None,
            victims_linked=_share(len(self._ever & set(victims)), len(victims)) if victims else None,
            dollars=self._paid(len(heads), sent),
        )

    def _rate(self, names: Iterable[str]) -> float:
        chosen = list(names)
        return _share(sum(self._stopped[n] for n in chosen), sum(self._asked[n] for n in chosen))

    def _first_stop(self, heads: list[str]) -> float | None:
        if not heads:
            return None
        found = median(self._before_stop.get(n, math.inf) for n in heads)
        return None if math.isinf(found) else float(found)

    def _cost(self, heads: int, sent: int, passed: int) -> float | None:
        world = self._truth.world
        if len(world.levels) != 1:
            return None
        return costs.per_million(attacker(world.levels[0], world.variants), heads, sent, passed, self._weeks)

    def _paid(self, heads: int, sent: int) -> float | None:
        world = self._truth.world
        if len(world.levels) != 1:
            return None
        return costs.dollars(attacker(world.levels[0], world.variants), heads, sent, self._weeks)

    @property
    def _weeks(self) -> float:
        return max(1.0, self._truth.world.days / 7)


def _classes(honest: dict[str, Fact]) -> list[str]:
    return sorted({fact.klass for fact in honest.values()})


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _ratio(part: float, whole: float) -> float | None:
    if whole == 0:
        return None if part == 0 else math.inf
    return part / whole


Plain = dict[str, Any]
_line = msgspec.json.Decoder(Line)
_judged = msgspec.json.Decoder(Judged)


def asked(lines: Iterable[bytes]) -> Iterator[tuple[float, Asked]]:
    """(time, account) of each check among a world's lines."""
    for raw in lines:
        line = _line.decode(raw)
        if line.kind is None and isinstance(line.account, Asked):
            yield line.at, line.account


def score(truth: Truth, lines: Iterable[bytes], verdicts: Iterable[bytes]) -> Report:
    """The report for a world's lines and a verdict line for each check among them.

    ValueError: more or fewer verdicts than checks. msgspec.ValidationError: a verdict without a decision.
    """
    tally = Tally(truth)
    for (at, account), verdict in zip(asked(lines), verdicts, strict=True):
        tally.add(tally.owner(account), at, _judged.decode(verdict))
    return tally.report()


def judge(truth: Truth, judged: Iterable[tuple[Plain, Plain | None]]) -> Report:
    """The report for pairs of line and verdict as an engine in this process gives them."""
    tally = Tally(truth)
    for line, verdict in judged:
        if "kind" not in line and verdict is not None:
            name = tally.owner(msgspec.convert(line["account"], Asked))
            tally.add(name, line["at"], msgspec.convert(verdict, Judged))
    return tally.report()
