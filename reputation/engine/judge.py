"""The judgement of a check by one revision: from evidence to score, from score to tier. Pure."""

from reputation.config.tenants import Tenant
from reputation.engine.identity import Who
from reputation.hydra.links import Cluster
from reputation.scoring.policy import TIERS, deserved_tier
from reputation.scoring.score import Score, add_up
from reputation.signals.seen import Seen
from reputation.state.facts import Facts
from reputation.wire.messages import BindingLimit, Reason, Shadow, Verdict

UNLIMITED = float("inf")  # null in JSON: shadow mode answers as if there were no limit
MARKED = "marked"
MARGIN = 1e-6  # log-odds, so that no rounding leaves a sum just below its bound

STANDING_TIERS = {
    "blessed": 0,
    "shared": 0,
    "restricted": TIERS.index("restricted"),
    "challenged": TIERS.index("restricted"),
}
"""The mildest tier that a member can have by its cluster's standing; a payer's floor stands above it."""


def scored(tenant: Tenant, seen: Seen, now: float) -> Score:
    """Ask each family for evidence and add it up by a tenant's weights."""
    found = []
    for signal, family, external in tenant.signals:
        raw = signal(seen, now)
        if raw:
            found.append((family, external, raw))
    score = add_up(tenant.prior, found)
    return condemned(score, tenant.policy.bounds[-1]) if seen.marked else score


def condemned(score: Score, bound: float) -> Score:
    """Let a person's word count for as much as the strictest tier asks: own, hard evidence that no family caps."""
    points = max(bound - score.log_odds, bound - score.own, 0.0) + MARGIN
    reasons = [*score.reasons, Reason(MARKED, points, "a person marked the account as abusive")]
    return Score(score.log_odds + points, score.own + points, reasons, hard=True)


def tier_by(tenant: Tenant, who: Who, score: Score, cluster: Cluster | None, previous: int) -> int:
    """Choose the tier: never below a payer's floor, and milder than a stop without hard evidence."""
    policy, least = tenant.policy, 0 if cluster is None else STANDING_TIERS[cluster.standing]
    tier = deserved_tier(policy, score.log_odds, score.own, previous, least=least, payer=who.payer)
    if tier > policy.strictest_allowing and not has_hard_evidence(score, who.facts):
        return policy.strictest_allowing
    return tier


def has_hard_evidence(score: Score, facts: Facts) -> bool:
    """Say whether there is evidence against the account that no other account can cause."""
    return score.hard or (facts.payment is not None and facts.payment.status in ("failed", "disputed"))


def in_shadow(live: Verdict) -> Verdict:
    """Turn a verdict into a verdict of shadow mode: it lets the request pass, and contains the original decision."""
    shadow = Shadow(live.decision, live.tier, live.limit, live.retry_after, live.actions)
    free = BindingLimit(live.limit.unit, UNLIMITED, UNLIMITED, UNLIMITED, "account")
    return Verdict(
        live.id, live.tenant, live.revision, "shadow", "allow", live.risk, live.tier, free, (), 0.0,
        live.reasons, live.cluster, (), None, live.degraded, shadow, live.allow,
    )  # fmt: skip
