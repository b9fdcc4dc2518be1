"""The judgement of a check by one revision: from evidence to score, from score to tier, and the decision. Pure."""

from typing import Final

from reputation.config.tenants import Tenant
from reputation.engine.denials import Deny
from reputation.engine.entries import denial_decides
from reputation.engine.exceptions import Allow
from reputation.engine.identity import Who
from reputation.engine.shared_budgets import Drawn
from reputation.hydra.links import Cluster
from reputation.limits.take import Taken
from reputation.scoring.risk import TIERS, Score, add_up, deserved_tier
from reputation.signals.seen import Seen
from reputation.signals.signal import no_list
from reputation.state.facts import Facts
from reputation.wire.messages import BindingLimit, Decision, Reason, Request, Shadow, Verdict

UNLIMITED: Final = float("inf")  # null in JSON: shadow mode answers as if there were no limit
MARKED = "marked"
MARGIN = 1e-6  # log-odds, so that no rounding leaves a sum just below its bound

STATUS_TIERS: Final = {
    "blessed": 0,
    "shared": 0,
    "restricted": TIERS.index("restricted"),
    "challenged": TIERS.index("restricted"),
}
"""The mildest tier of a member by its cluster's status; a payer's floor is above it."""


class Listed:
    """The most specific entries of a check on operators' lists. allow, deny: the one that decides, if any."""

    __slots__ = ("allow", "deny", "overruled")

    def __init__(self, allow: Allow | None, deny: Deny | None) -> None:
        denied = denial_decides(allow, deny)
        self.allow: Final = None if denied else allow
        self.deny: Final = deny if denied else None
        self.overruled: Final[Allow | Deny | None] = allow if denied else deny


UNLISTED: Final = Listed(None, None)


class Judged:
    """What one revision says of a check: its score and tier. tier: now; previous: before; listed: on which lists."""

    __slots__ = ("listed", "previous", "score", "tenant", "tier")

    def __init__(self, tenant: Tenant, score: Score, previous: int, tier: int, listed: Listed) -> None:
        self.tenant: Final = tenant
        self.score: Final = score
        self.previous: Final = previous
        self.tier: Final = tier
        self.listed: Final = listed


class Assessed:
    """A check between scoring and taking: its account, tier and rule, and its buckets, as alternatives.

    seen and score are what its reasons were made from; confidence is of its membership in `cluster`. tenant is the
    revision that judges it, previous its tier before, entry the allowance of an unproven account. allow, deny: the
    exception or denial that it falls under; overruled: the one that does not count.
    """

    __slots__ = (
        "allow", "at", "cluster", "confidence", "deny", "drawn", "draws", "entry", "overruled", "previous", "request",
        "score", "seen", "tenant", "tier", "who",
    )  # fmt: skip

    def __init__(
        self, who: Who, request: Request, linked: tuple[Cluster | None, float], seen: Seen, judged: Judged,
        drawn: Drawn, at: float,
    ) -> None:  # fmt: skip
        self.who: Final = who
        self.request: Final = request
        self.cluster: Final = linked[0]
        self.confidence: Final = linked[1]
        self.seen: Final = seen
        self.tenant: Final = judged.tenant
        self.score: Final = judged.score
        self.previous: Final = judged.previous
        self.tier: Final = judged.tier
        self.allow: Final = judged.listed.allow
        self.deny: Final = judged.listed.deny
        self.overruled: Final = judged.listed.overruled
        self.drawn: Final = drawn
        self.draws: Final = drawn.draws
        self.entry: Final = drawn.entry
        self.at: Final = at


def scored(tenant: Tenant, seen: Seen, now: float) -> Score:
    """Ask each family for evidence and add it up by a tenant's weights. Raises TypeError for no list."""
    found = []
    for evidence, family in tenant.signals:
        raw: object = evidence(seen, now)
        if not isinstance(raw, list):
            raise TypeError(no_list(evidence.__module__, raw))
        if raw:
            found.append((family, raw))
    score = add_up(tenant.prior, found)
    return condemned(score, tenant.policy.bounds[-1]) if seen.marked else score


def condemned(score: Score, bound: float) -> Score:
    """Give a person's label the points of the strictest tier: own, hard evidence without a cap of a family."""
    points = max(bound - score.log_odds, bound - score.own, 0.0) + MARGIN
    reasons = [*score.reasons, Reason(MARKED, points, "a person marked the account as abusive")]
    return Score(score.log_odds + points, score.own + points, reasons, score.found, hard=True)


def tier_by(tenant: Tenant, who: Who, score: Score, cluster: Cluster | None, previous: int) -> int:
    """Choose the tier: never below a payer's floor, and milder than a stop without hard evidence."""
    policy, least = tenant.policy, 0 if cluster is None else STATUS_TIERS[cluster.standing]
    tier = deserved_tier(policy, score.log_odds, score.own, previous, least=least, payer=who.payer)
    if tier > policy.strictest_allowing and not has_hard_evidence(score, who.facts):
        return policy.strictest_allowing
    return tier


def has_hard_evidence(score: Score, facts: Facts) -> bool:
    """Say whether there is evidence against the account itself, impossible to cause for another account."""
    return score.hard or (facts.payment is not None and facts.payment.status in ("failed", "disputed"))


def ruled(assessed: Assessed) -> Decision:
    """Decide by the tier's rule; a cluster with evidence besides its links is challenged, except its payers.

    An entry of an operator's list comes before all of this.
    """
    if assessed.deny is not None:
        return "deny"
    rule, cluster = assessed.tenant.policy.rules[assessed.tier], assessed.cluster
    if assessed.allow is None:
        if rule.decision != "allow":
            return rule.decision
        if cluster is not None and cluster.standing == "challenged" and not assessed.who.payer:
            return "challenge"
    return "allow"


def decided(assessed: Assessed, taken: Taken) -> Decision:
    """Decide by the rule, and by the buckets where it lets pass."""
    by_rule = ruled(assessed)
    return "throttle" if by_rule == "allow" and taken.wait else by_rule


def in_shadow(live: Verdict) -> Verdict:
    """Turn a verdict into a verdict of shadow mode: it lets the request pass, and contains the original decision."""
    shadow = Shadow(live.decision, live.tier, live.limit, live.retry_after, live.actions)
    free = BindingLimit(live.limit.unit, UNLIMITED, UNLIMITED, UNLIMITED, "account")
    return Verdict(
        live.id, live.tenant, live.revision, "shadow", "allow", live.risk, live.tier, free, (), 0.0,
        live.reasons, live.cluster, (), None, live.degraded, shadow, live.allow,
        deny=live.deny, overruled=live.overruled,
    )  # fmt: skip
