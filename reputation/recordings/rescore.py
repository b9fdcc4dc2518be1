"""Recorded decisions scored by another revision: the same arithmetic in the same order, on columns.

Floating-point sums depend on their order, so each step here follows `score.weigh`, `score.add_up` and `judging.tier_by`
operation by operation; a test holds both to the last bit.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from reputation.config.tenants import Tenant
from reputation.engine.judge import MARGIN, STATUS_TIERS
from reputation.recordings.columns import Decisions, FamilyColumns, Floats, Ints, Mask
from reputation.recordings.decisions import CONDEMNED, DAY, DISPUTED, EXCEPTED, HARD, STATUSES
from reputation.scoring.risk import STANDARD, Family
from reputation.wire.errors import Invalid

LEAST = np.array([STATUS_TIERS.get(status, 0) for status in STATUSES])


class Scored(Struct, frozen=True):
    """A revision's scores of decisions, a row each. bare: the tier of the log-odds alone, before hysteresis.

    floor: the strictest tier for a payer, 4 for other accounts; ceiling: the strictest tier without hard evidence.
    """

    log_odds: Floats
    bare: Ints
    least: Ints
    floor: Ints
    ceiling: Ints
    payer: Mask
    excepted: Mask


def weighed(family: Family, columns: FamilyColumns) -> Floats:
    """Each reason's points after weight and cap, as `score.weigh` has it."""
    total = np.zeros(len(columns.points))
    for place in range(columns.points.shape[1]):
        total = total + columns.points[:, place]
    total = np.abs(total * family.weight)
    scale = np.full(len(total), family.weight)
    capped = total > family.cap
    scale[capped] = family.weight * family.cap / total[capped]
    points: Floats = columns.points * scale[:, None]
    return points


def has_hard_reason(family: Family, columns: FamilyColumns, words: Sequence[str]) -> Mask:
    """Say which decisions have hard evidence of a family; words: the names of the columns' signals."""
    numbers = [number for number, word in enumerate(words) if word in family.hard]
    return np.asarray(np.isin(columns.signals, numbers).any(axis=1))


def scored(decisions: Decisions, tenant: Tenant) -> Scored:
    """Score decisions by a revision. Raises Invalid for a family without records."""
    total = np.full(len(decisions), tenant.prior)
    own = total.copy()
    hard: Mask = decisions.flag(HARD)
    for name, family in tenant.families.items():
        if not family.weight:
            continue
        columns = decisions.families.get(name)
        if columns is None:
            raise Invalid(
                f"{name} was not recorded, because no live revision used it; try it in shadow instead",
                "/settings/weights",
            )
        points = weighed(family, columns)
        for place in range(points.shape[1]):
            total = total + points[:, place]
            if family.own:
                own = own + points[:, place]
        if family.own and family.hard:
            hard |= has_hard_reason(family, columns, decisions.signals)
    marked = decisions.flag(CONDEMNED)
    bound = tenant.policy.bounds[-1]
    points = np.where(marked, np.maximum(np.maximum(bound - total, bound - own), 0.0) + MARGIN, 0.0)
    return _judged(decisions, tenant, total + points, own + points, hard | marked)


def _judged(decisions: Decisions, tenant: Tenant, total: Floats, own: Floats, hard: Mask) -> Scored:
    policy, payer = tenant.policy, payers(decisions, tenant)
    strictest = len(policy.bounds) - 1
    floor = np.where(payer, np.maximum(STANDARD, _bare(policy.bounds, own)), strictest)
    ceiling = np.where(hard, strictest, policy.strictest_allowing)
    least = LEAST[decisions.numbers["standing"]]
    excepted = decisions.flag(EXCEPTED)
    return Scored(total, _bare(policy.bounds, total), least, floor, ceiling, payer, excepted)


def _bare(bounds: tuple[float, ...], log_odds: Floats) -> Ints:
    """The tier for log-odds: the last one with a bound not above them."""
    return np.searchsorted(np.array(bounds), log_odds, side="right") - 1


def payers(decisions: Decisions, tenant: Tenant) -> Mask:
    """The payers by a revision's standards, like `facts.is_payer`; NaN compares as false."""
    standards, numbers = tenant.settings.standards, decisions.numbers
    found: Mask = (
        (numbers["settled"] >= standards.payer_usd)
        & ~decisions.flag(DISPUTED)
        & (numbers["age"] >= standards.payer_days * DAY)
    )
    return found


def tiers(found: Scored, tenant: Tenant, previous: NDArray[np.int8]) -> Ints:
    """The tier of each decision, given the account's tier before it, as `judging.tier_by` has it."""
    bounds, margin = np.array(tenant.policy.bounds), tenant.policy.margin
    kept = previous.astype(np.int64)
    for _ in range(len(bounds) - 1):
        falls = (kept > found.bare) & (found.log_odds < bounds[kept] - margin)
        kept = kept - falls
    tier = np.maximum(np.where(found.bare >= previous, found.bare, kept), found.least)
    return ended(found, tier)


def ended(found: Scored, tier: Ints) -> Ints:
    """Floors, ceilings and exceptions, applied to the tiers from evidence and cluster status."""
    tier = np.minimum(np.minimum(tier, found.floor), found.ceiling)
    return np.where(found.excepted, np.minimum(tier, STANDARD), tier)
