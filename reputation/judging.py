"""What one revision of a tenant makes of a check: evidence to score, score to tier. Pure."""

from reputation.events import Reason
from reputation.facts import Facts
from reputation.hydra.links import Cluster
from reputation.identity import Who
from reputation.policy import TIERS, deserved_tier
from reputation.score import Score, add_up
from reputation.signals.seen import Seen
from reputation.tenants import Tenant

HARD_SIGNALS = frozenset({"outcomes_against", "disputes", "declines"})
"""Evidence that nobody else can cause: without any of it an account is limited, never challenged or denied."""

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
    return add_up(tenant.prior, found)


def tier_by(tenant: Tenant, who: Who, score: Score, cluster: Cluster | None, previous: int) -> int:
    """Choose the tier: never below a payer's floor, and milder than a stop without hard evidence."""
    policy, least = tenant.policy, 0 if cluster is None else STANDING_TIERS[cluster.standing]
    tier = deserved_tier(policy, score.log_odds, score.own, previous, least=least, payer=who.payer)
    if tier > policy.strictest_allowing and not has_hard_evidence(score.reasons, who.facts):
        return policy.strictest_allowing
    return tier


def has_hard_evidence(reasons: list[Reason], facts: Facts) -> bool:
    if facts.payment is not None and facts.payment.status in ("failed", "disputed"):
        return True
    return any(reason.signal in HARD_SIGNALS for reason in reasons)
