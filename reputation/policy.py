"""The table that turns risk and plan into a tier, and a tier into limits. Pure."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from reputation.bucket import Limit
from reputation.events import Tier
from reputation.score import log_odds

ActionWord = Annotated[str, Meta(pattern="^[A-Za-z0-9_.:-]{1,64}$")]

TIERS: tuple[Tier, ...] = ("trusted", "standard", "limited", "restricted", "blocked")
STANDARD = TIERS.index("standard")


class Allowance(Struct, frozen=True, forbid_unknown_fields=True):
    """What one plan gets in one tier: `rate` units a second up to `burst`, and `daily` units a day."""

    rate: Annotated[float, Meta(gt=0, le=1e9, description="Units a second.")]
    burst: Annotated[float, Meta(ge=1, le=1e9, description="Units at once.")]
    daily: Annotated[float, Meta(ge=1, le=1e12, description="Units a day.")]


class TierRule(Struct, frozen=True, forbid_unknown_fields=True):
    """What a tier means: the risk it begins at, what is decided, and what the upstream is asked to do."""

    from_risk: Annotated[float, Meta(ge=0, le=100, description="Risk at which the tier begins.")]
    decision: Annotated[
        Literal["allow", "challenge", "deny"],
        Meta(description="What a check in this tier is told; `throttle` is the limits' to say."),
    ] = "allow"
    actions: Annotated[tuple[ActionWord, ...], Meta(description="What the upstream is asked to do.")] = ()


class Limits(Struct, frozen=True):
    """An allowance as the two buckets that enforce it; made once a configuration, shared by all accounts."""

    burst: Limit
    daily: Limit


class Policy(Struct, frozen=True):
    """Compiled tables. bounds[i] is the log-odds at which tier i begins; tier 0 begins at minus infinity.

    strictest_allowing: the last tier before any that challenges or denies.
    """

    bounds: tuple[float, ...]
    margin: float
    rules: tuple[TierRule, ...]
    limits: Mapping[str, tuple[Limits, ...]]
    default_plan: str
    payer_plan: str
    strictest_allowing: int


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
        bounds=(-math.inf, *(log_odds(rule.from_risk) for rule in rules[1:])),
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
