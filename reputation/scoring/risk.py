"""Risk: points of evidence add up to it, and a policy turns it into a tier, and the tier into limits. Pure.

`risk = 100 · sigmoid(prior + Σ weight · points)`. Adding log-odds is naive Bayes; the cap a family has is
what keeps features that go together from being counted as if they were independent.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from reputation.limits.bucket import Limit
from reputation.scoring.tiers import Allowance, TierRule
from reputation.wire.messages import Reason, Tier

TIERS: tuple[Tier, ...] = ("trusted", "standard", "limited", "restricted", "blocked")
STANDARD: Final = TIERS.index("standard")


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


Found = list[tuple[Family, list[Reason]]]
"""Raw points by family, before weight and cap."""


class Score:
    """`log_odds` is the sum of the reasons' points; `own` is the sum without families caused by others.

    hard: whether hard evidence is among the own reasons. found: the raw points of each family that has any.
    """

    __slots__ = ("found", "hard", "log_odds", "own", "reasons")

    def __init__(self, log_odds: float, own: float, reasons: list[Reason], found: Found, *, hard: bool = False) -> None:
        self.log_odds: Final = log_odds
        self.own: Final = own
        self.reasons: Final = reasons
        self.found: Final = found
        self.hard: Final = hard


def risk(log_odds: float) -> float:
    """Turn log-odds into a risk between 0 and 100."""
    return 100.0 / (1.0 + math.exp(-log_odds))


def log_odds(risk_: float) -> float:
    """Turn a risk between 0 and 100, exclusive, into log-odds."""
    return math.log(risk_ / (100.0 - risk_))


def weigh(family: Family, found: list[Reason]) -> list[Reason]:
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


def add_up(prior: float, found: Found) -> Score:
    """Add the prior and each family's raw points."""
    reasons = [Reason("prior", prior)]
    total = own = prior
    hard = False
    for family, raw in found:
        is_own, hard_signals = family.own, family.hard
        for reason in weigh(family, raw):
            points = reason.points
            reasons.append(reason)
            total += points
            if is_own:
                own += points
                hard = hard or (bool(hard_signals) and reason.signal in hard_signals)
    return Score(total, own, reasons, found, hard=hard)


def counterfactual(reasons: Sequence[Reason], bound: float) -> list[tuple[str, float]]:
    """The single signals that, if silent, would bring the log-odds below `bound`: (signal, log-odds then)."""
    total = sum(reason.points for reason in reasons)
    without = ((r.signal, total - r.points) for r in reasons if r.signal != "prior" and r.points > 0)
    return sorted((pair for pair in without if pair[1] < bound <= total), key=lambda pair: pair[1])


class Limits:
    """An allowance as its two buckets; made once a configuration, shared by all accounts."""

    __slots__ = ("burst", "daily")

    def __init__(self, burst: Limit, daily: Limit) -> None:
        self.burst: Final = burst
        self.daily: Final = daily

    def times(self, factor: float) -> "Limits":
        """Return the same allowance, so many times over."""
        if factor == 1.0:
            return self
        return Limits(*[Limit(one.rate * factor, one.burst * factor) for one in (self.burst, self.daily)])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Limits) and self.burst == other.burst and self.daily == other.daily

    def __hash__(self) -> int:
        return hash((self.burst, self.daily))


class Policy:
    """Compiled tables. bounds[i] is the log-odds where tier i begins; tier 0 begins at minus infinity.

    strictest_allowing: the last tier before any that challenges or denies.
    """

    __slots__ = ("bounds", "default_plan", "limits", "margin", "payer_plan", "rules", "strictest_allowing")

    def __init__(
        self, bounds: tuple[float, ...], margin: float, rules: tuple[TierRule, ...],
        limits: dict[str, tuple[Limits, ...]], default_plan: str, payer_plan: str, strictest_allowing: int,
    ) -> None:  # fmt: skip
        self.bounds: Final = bounds
        self.margin: Final = margin
        self.rules: Final = rules
        self.limits: Final = limits
        self.default_plan: Final = default_plan
        self.payer_plan: Final = payer_plan
        self.strictest_allowing: Final = strictest_allowing


def compile_policy(
    tiers: Mapping[Tier, TierRule], plans: Mapping[str, Mapping[Tier, Allowance]], margin: float, paid: str
) -> Policy:
    """Make the tables of a tenant's settings; the first plan named is the one for accounts without a plan."""
    rules = tuple(tiers[name] for name in TIERS)
    limits = {
        plan: tuple(
            Limits(Limit(a.rate, a.burst), Limit(a.daily / 86_400.0, a.daily)) for a in (row[name] for name in TIERS)
        )
        for plan, row in plans.items()
    }
    default = next(iter(plans))
    return Policy(
        bounds=(-math.inf, *[log_odds(rule.from_risk) for rule in rules[1:]]),
        margin=margin,
        rules=rules,
        limits=limits,
        default_plan=default,
        payer_plan=paid if paid in plans else default,
        strictest_allowing=next((i for i, rule in enumerate(rules) if rule.decision != "allow"), len(rules)) - 1,
    )


def tier_of(policy: Policy, log_odds_: float, previous: int) -> int:
    """Choose a tier with hysteresis: stricter at the bound, milder only `margin` log-odds below it.

    previous: index of the last tier, or -1 for an account not seen before.
    """
    tier = len(policy.bounds) - 1
    while log_odds_ < policy.bounds[tier]:
        tier -= 1
    if tier >= previous:
        return tier
    while previous > tier and log_odds_ < policy.bounds[previous] - policy.margin:
        previous -= 1
    return previous


def deserved_tier(policy: Policy, log_odds_: float, own: float, previous: int, *, least: int, payer: bool) -> int:
    """Choose a tier by all the evidence, but never below a payer's floor.

    own: log-odds without what others can cause. least: the mildest tier under a cluster's status.
    """
    tier = max(tier_of(policy, log_odds_, previous), least)
    if tier > STANDARD and payer:
        tier = min(tier, max(STANDARD, tier_of(policy, own, -1)))
    return tier


def plan_of(policy: Policy, plan: str | None, *, payer: bool) -> str:
    """Choose the row of limits: the account's plan if it is a known one, else by whether money settled."""
    if plan is not None and plan in policy.limits:
        return plan
    return policy.payer_plan if payer else policy.default_plan
