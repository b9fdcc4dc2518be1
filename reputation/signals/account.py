"""Account: its age, its verifications, and its outcomes."""

import math
from functools import lru_cache
from typing import Final

from reputation.signals.seen import Seen
from reputation.wire.messages import Reason

CAP: Final = 4.0
OWN_EVIDENCE: Final = True
HARD_EVIDENCE: Final = frozenset({"outcomes_against"})
HOUR: Final = 3600.0
DAY: Final = 86_400.0

# (age in hours, points), linear in the logarithm of the age between the rows. The sign and the order follow the
# usage tiers of the market (7, 14 and 30 days, field notes in docs/scoring.md); the sizes are starting points.
AGE_POINTS = (
    (1.0, 1.0),
    (24.0, 0.7),
    (7 * 24.0, 0.3),
    (30 * 24.0, 0.0),
    (180 * 24.0, -0.5),
    (400 * 24.0, -0.8),
)
_DAYS: Final = [f"created {days} d ago" for days in range(2000)]
_AGE_KNOTS: Final[list[tuple[float, float]]] = [(math.log(hours * HOUR), points) for hours, points in AGE_POINTS]
_LATER_KNOTS: Final = _AGE_KNOTS[1:]

VERIFIED_POINTS: Final = {"email": -0.1, "phone": -0.4, "identity": -1.2}
AGAINST_POINTS: Final = 0.8  # a mark is half an outcome: a report of abuse or a chargeback is two
FOR_POINTS: Final = -0.3
MOST_MARKS: Final = 6


def age_points(age: float) -> float:
    """Points for an age in seconds; a creation in the future counts as brand-new."""
    x = math.log(max(age, 1.0))
    before_x, before = _AGE_KNOTS[0]
    if x <= before_x:
        return before
    for knot, points in _LATER_KNOTS:
        if x <= knot:
            return before + (points - before) * (x - before_x) / (knot - before_x)
        before_x, before = knot, points
    return before


def ago(seconds: float) -> str:
    """Say an age in its largest whole unit."""
    if seconds >= DAY:
        days = int(seconds // DAY)
        return _DAYS[days] if days < len(_DAYS) else f"created {days} d ago"
    if seconds >= HOUR:
        return f"created {int(seconds // HOUR)} h ago"
    return f"created {int(seconds // 60.0)} min ago" if seconds >= 60.0 else "created just now"


@lru_cache(1024)
def _verification(verified: tuple[str, ...]) -> Reason:
    points = math.fsum(VERIFIED_POINTS[what] for what in set(verified))  # exact, so in whatever order
    return Reason("verification", points, "verified " + ", ".join(verified))


def evidence(seen: Seen, now: float) -> list[Reason]:
    facts = seen.facts
    found = []
    created_at, verified, organisation = facts.created_at, facts.verified, facts.organisation
    if created_at is not None:
        age = now - created_at
        found.append(Reason("account_age", age_points(age), ago(age)))
    if verified:
        found.append(_verification(verified))
    if organisation is not None and organisation.verified and seen.organised:
        found.append(Reason("organisation", -1.0, "member of a verified organisation"))
    marks = seen.marks
    if marks.against:
        points = AGAINST_POINTS * min(marks.against, MOST_MARKS)
        found.append(Reason("outcomes_against", points, "chargebacks, declines or reports of abuse"))
    if marks.in_favour:
        found.append(Reason("outcomes_for", FOR_POINTS * min(marks.in_favour, MOST_MARKS), "good outcomes"))
    return found
