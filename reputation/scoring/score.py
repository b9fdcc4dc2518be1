"""Points to risk: capped families of evidence, added in log-odds, every one of them a reason.

`risk = 100 · sigmoid(prior + Σ weight · points)`. Adding log-odds is naive Bayes; the cap a family has is
what keeps features that go together from being counted as if they were independent.
"""

import math
from collections.abc import Sequence
from typing import Final

from reputation.wire.messages import Reason


class Family:
    """How much a family may count: its tenant's weight, and the largest |sum| of its weighted points.

    own: whether no other account can cause its evidence. hard: signals of an own family on which a stop may rest;
    without any of them an account is limited at worst.
    """

    __slots__ = ("cap", "hard", "own", "weight")

    def __init__(self, weight: float, cap: float, *, own: bool = False, hard: frozenset[str] = frozenset()) -> None:
        self.weight: Final = weight
        self.cap: Final = cap
        self.own: Final = own
        self.hard: Final = hard

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Family) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[float, float, bool, frozenset[str]]:
        return self.weight, self.cap, self.own, self.hard


class Score:
    """`log_odds` is the sum of the reasons' points; `own` is the sum without families that others can cause.

    hard: whether hard evidence is among the own reasons.
    """

    __slots__ = ("hard", "log_odds", "own", "reasons")

    def __init__(self, log_odds: float, own: float, reasons: list[Reason], *, hard: bool = False) -> None:
        self.log_odds: Final = log_odds
        self.own: Final = own
        self.reasons: Final = reasons
        self.hard: Final = hard


def risk(log_odds: float) -> float:
    """Turn log-odds into a risk between 0 and 100."""
    return 100.0 / (1.0 + math.exp(-log_odds))


def log_odds(risk_: float) -> float:
    """Turn a risk between 0 and 100, exclusive, into log-odds."""
    return math.log(risk_ / (100.0 - risk_))


def weigh(family: Family, found: Sequence[Reason]) -> Sequence[Reason]:
    """Weigh one family's raw points and scale them down to the family's cap."""
    weight, cap = family.weight, family.cap
    total = 0.0
    for reason in found:
        total += reason.points
    total = abs(total * weight)
    scale = weight if total <= cap else weight * cap / total
    if scale == 1.0:
        return found
    return [Reason(reason.signal, reason.points * scale, reason.detail) for reason in found]


def add_up(prior: float, found: Sequence[tuple[Family, Sequence[Reason]]]) -> Score:
    """Add the prior and each family's raw points."""
    reasons = [Reason("prior", prior)]
    total = own = prior
    hard = False
    for family, raw in found:
        for reason in weigh(family, raw):
            reasons.append(reason)
            total += reason.points
            if family.own:
                own += reason.points
                hard = hard or reason.signal in family.hard
    return Score(total, own, reasons, hard=hard)


def counterfactual(reasons: Sequence[Reason], bound: float) -> list[tuple[str, float]]:
    """Which single signals, were they silent, would bring the log-odds below `bound`: (signal, log-odds then)."""
    total = sum(reason.points for reason in reasons)
    without = ((r.signal, total - r.points) for r in reasons if r.signal != "prior" and r.points > 0)
    return sorted((pair for pair in without if pair[1] < bound <= total), key=lambda pair: pair[1])
