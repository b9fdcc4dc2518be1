"""The table that turns risk and plan into a tier, and a tier into limits. Pure."""

import math
from collections.abc import Mapping
from typing import Final

from reputation.limits.bucket import Limit
from reputation.scoring.score import log_odds
from reputation.scoring.tiers import Allowance, TierRule
from reputation.wire.messages import Tier

__all__ = [
    "STANDARD", "TIERS", "Allowance", "Limits", "Policy", "TierRule", "compile_policy", "deserved_tier", "plan_of",
    "tier_of",
]  # fmt: skip

TIERS: tuple[Tier, ...] = ("trusted", "standard", "limited", "restricted", "blocked")
STANDARD = TIERS.index("standard")


class Limits:
    """An allowance as the two buckets that enforce it; made once a configuration, shared by all accounts."""

    __slots__ = ("burst", "daily")

    def __init__(self, burst: Limit, daily: Limit) -> None:
        self.burst: Final = burst
        self.daily: Final = daily

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Limits) and self.burst == other.burst and self.daily == other.daily

    def __hash__(self) -> int:
        return hash((self.burst, self.daily))


class Policy:
    """Compiled tables. bounds[i] is the log-odds at which tier i begins; tier 0 begins at minus infinity.

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

    own: log-odds without what others can cause. least: the mildest tier that a cluster's standing leaves.
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
