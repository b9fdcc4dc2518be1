"""Points to risk: capped families of evidence, added in log-odds, every one of them a reason.

`risk = 100 · sigmoid(prior + Σ weight · points)`. Adding log-odds is naive Bayes; the cap a family has is
what keeps features that go together from being counted as if they were independent.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from reputation.events import Reason


class Evidence(NamedTuple):
    """What one signal says: raw points in natural log-odds, positive is suspicious, and why in words."""

    signal: str
    points: float
    detail: str | None = None


class Family(NamedTuple):
    """How much a family may count: its tenant's weight, and the largest |sum| of its weighted points."""

    weight: float
    cap: float


class Score(NamedTuple):
    """`log_odds` is the sum of the reasons' points; `own` leaves out the families that others can cause."""

    log_odds: float
    own: float
    reasons: list[Reason]


def risk(log_odds: float) -> float:
    """Turn log-odds into a risk between 0 and 100."""
    return 100.0 / (1.0 + math.exp(-log_odds))


def log_odds(risk_: float) -> float:
    """Turn a risk between 0 and 100, exclusive, into log-odds."""
    return math.log(risk_ / (100.0 - risk_))


def weigh(family: Family, found: Sequence[Evidence]) -> list[Reason]:
    """Weigh one family's evidence and scale it down to the family's cap."""
    weight = family.weight
    if weight == 0.0:
        return []
    total = 0.0
    for evidence in found:
        total += evidence.points
    total = abs(total * weight)
    scale = weight if total <= family.cap else weight * family.cap / total
    return [Reason(name, points * scale, detail) for name, points, detail in found if points]


def add_up(
    prior: float,
    families: Mapping[str, Family],
    found: Mapping[str, Sequence[Evidence]],
    external: frozenset[str],
) -> Score:
    """Add the prior and every family's evidence; `external` names the families that others can cause."""
    reasons = [Reason("prior", prior)]
    total = own = prior
    for name, evidence in found.items():
        for reason in weigh(families[name], evidence):
            reasons.append(reason)
            total += reason.points
            if name not in external:
                own += reason.points
    return Score(total, own, reasons)


def counterfactual(reasons: Sequence[Reason], bound: float) -> list[tuple[str, float]]:
    """Which single signals, were they silent, would bring the log-odds below `bound`: (signal, log-odds then)."""
    total = sum(reason.points for reason in reasons)
    without = ((r.signal, total - r.points) for r in reasons if r.signal != "prior" and r.points > 0)
    return sorted((pair for pair in without if pair[1] < bound <= total), key=lambda pair: pair[1])
