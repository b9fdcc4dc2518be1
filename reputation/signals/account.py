"""Account: its age, its verifications, and its outcomes."""

import math
from functools import lru_cache

from reputation.signals.seen import Seen
from reputation.wire.messages import Reason

CAP = 4.0
OWN_EVIDENCE = True
HARD_EVIDENCE = frozenset({"outcomes_against"})
HOUR = 3600.0

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
_AGE_KNOTS = tuple((math.log(hours * HOUR), points) for hours, points in AGE_POINTS)

VERIFIED_POINTS = {"email": -0.1, "phone": -0.4, "identity": -1.2}
AGAINST_POINTS = 0.8  # a mark is half an outcome: a report of abuse or a chargeback is two
FOR_POINTS = -0.3
MOST_MARKS = 6


def age_points(age: float) -> float:
    """Points for an age in seconds; a creation in the future counts as brand-new."""
    x = math.log(max(age, 1.0))
    before_x, before = _AGE_KNOTS[0]
    if x <= before_x:
        return before
    for knot, points in _AGE_KNOTS[1:]:
        if x <= knot:
            return before + (points - before) * (x - before_x) / (knot - before_x)
        before_x, before = knot, points
    return before


def ago(seconds: float) -> str:
    """Say an age in its largest whole unit."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return _created(int(seconds // size), unit)
    return "created just now"


@lru_cache(4096)
def _created(many: int, unit: str) -> str:
    return f"created {many} {unit} ago"


@lru_cache(1024)
def _verification(verified: tuple[str, ...]) -> Reason:
    points = math.fsum(VERIFIED_POINTS[what] for what in set(verified))  # exact, so in whatever order
    return Reason("verification", points, "verified " + ", ".join(verified))


def evidence(seen: Seen, now: float) -> list[Reason]:
    facts = seen.facts
    found = []
    if facts.created_at is not None:
        age = now - facts.created_at
        found.append(Reason("account_age", age_points(age), ago(age)))
    if facts.verified:
        found.append(_verification(facts.verified))
    organisation = facts.organisation
    if seen.organised and organisation is not None and organisation.verified:
        found.append(Reason("organisation", -1.0, "member of a verified organisation"))
    marks = seen.marks
    if marks.against:
        points = AGAINST_POINTS * min(marks.against, MOST_MARKS)
        found.append(Reason("outcomes_against", points, "chargebacks, declines or reports of abuse"))
    if marks.in_favour:
        found.append(Reason("outcomes_for", FOR_POINTS * min(marks.in_favour, MOST_MARKS), "good outcomes"))
    return found
