"""Accounts, clusters and decisions as plain objects, for the admin API."""

from typing import Any

import msgspec

from reputation.admin.sentences import binding_of, sentence_of
from reputation.engine.identity import is_established
from reputation.engine.limiter import TenantLimiter
from reputation.engine.verdicts import StoredRequest
from reputation.hydra.links import Cluster, organisations_of
from reputation.limits.bucket import Bucket, settled
from reputation.scoring.risk import TIERS, counterfactual
from reputation.state.crowds import Row
from reputation.state.facts import PROFILE, Facts, ReadFacts
from reputation.state.history import failures
from reputation.wire.errors import NotFound
from reputation.wire.ids import printed, time_of
from reputation.wire.messages import Verdict


def account_view(account: str, row: Row, tenant: TenantLimiter, now: float) -> dict[str, Any]:
    """Everything known of an account; keys in their stored form."""
    facts, read = row.facts, ReadFacts(row.facts, tenant.tenant.settings.standards)
    payer = read.is_payer(now)
    membership, organisations = tenant.links.members.get(account), organisations_of(tenant.links)
    return {
        "id": account,
        "tenant": tenant.tenant.name,
        **(facts_view(facts) or {}),
        "payment": _payment_view(row, now),
        "payer": payer,
        "proven": read.is_proven(
            now, row.days, payer=payer, organised=is_established(read.organisation, organisations)
        ),
        "tier": TIERS[row.tier] if row.tier >= 0 else None,
        "buckets": {name: _bucket(b, now) for name, b in (("burst", row.burst), ("daily", row.daily)) if b},
        "cluster": None if membership is None else {"id": membership[0], "confidence": membership[1]},
    }


def facts_view(facts: Facts | None) -> dict[str, Any] | None:
    """Return the pushed facts of an account, with keys in their stored form; None without facts."""
    if facts is None:
        return None
    profile = {name: msgspec.to_builtins(getattr(facts, name)) for name in PROFILE}
    return {**profile, "keys": [printed(key) for key in facts.keys], "external": dict(facts.external)}


def _payment_view(row: Row, now: float) -> Any:
    """The payment facts, with the declines of 30 days from billing's events if they are more."""
    payment, many = row.facts.payment, failures(row.outcomes, now)
    if payment is not None and many > (payment.declines_30d or 0):
        payment = msgspec.structs.replace(payment, declines_30d=many)
    return msgspec.to_builtins(payment)


def _bucket(bucket: Bucket, now: float) -> dict[str, float]:
    return {"rate": bucket.limit.rate, "burst": bucket.limit.burst, "remaining": settled(bucket, now)}


def clusters_view(tenant: TenantLimiter) -> dict[str, Any]:
    """All clusters, the largest first, without their evidence."""
    ranked = sorted(tenant.links.clusters.values(), key=lambda c: (-c.size, c.id))
    return {
        "tenant": tenant.tenant.name,
        "at": tenant.links.at,
        "typical_daily_use": tenant.links.typical_daily_use,
        "clusters": [_cluster(cluster) for cluster in ranked],
    }


def _cluster(cluster: Cluster) -> dict[str, Any]:
    names = ("id", "since", "size", "confidence", "families", "standing", "demand", "level")
    return {name: getattr(cluster, name) for name in names}


def cluster_view(tenant: TenantLimiter, id_: str) -> dict[str, Any]:
    """One cluster with its page of evidence. Raises NotFound."""
    cluster = tenant.links.clusters.get(id_)
    if cluster is None:
        raise NotFound(f"no current cluster has the id {id_!r}")
    members = [[name, confidence] for name, (owner, confidence) in tenant.links.members.items() if owner == id_]
    names = ("kind", "value", "family", "members", "share", "nats", "holders")
    evidence = [{name: getattr(e, name) for name in names} | {"words": in_words(e, cluster)} for e in cluster.evidence]
    return _cluster(cluster) | {"evidence": evidence, "members": sorted(members), "drawn": cluster.drawn}


def in_words(evidence: Any, cluster: Cluster) -> str:
    """Tell one line of evidence in plain words."""
    return (
        f"{evidence.members} of {cluster.size} members have the {evidence.kind} {evidence.value}, "
        f"which {evidence.share:.2%} of other accounts have"
    )


def decisions_view(tenant: TenantLimiter, most: int) -> dict[str, Any]:
    """Return the newest verdicts, newest first."""
    return {"decisions": [msgspec.to_builtins(verdict) for _, verdict in tenant.verdicts.newest(most)]}


def asked_view(asked: StoredRequest) -> dict[str, Any]:
    """Return the stored parts of a recent verdict's request."""
    return {"account": asked.account, "ip": asked.ip, "route": asked.route, "cost": asked.cost}


def decision_view(tenant: TenantLimiter, asked: StoredRequest, verdict: Verdict) -> dict[str, Any]:
    """Return a verdict, its request, and the changes for a milder verdict."""
    policy, tier = tenant.tenant.policy, TIERS.index(verdict.tier)
    milder = counterfactual(verdict.reasons, policy.bounds[tier]) if tier else []
    return {
        "verdict": msgspec.to_builtins(verdict),
        "request": asked_view(asked),
        "at": time_of(verdict.id),
        "sentence": sentence_of(verdict),
        "binding": binding_of(verdict),
        "milder_without": [{"signal": signal, "log_odds": log_odds} for signal, log_odds in milder],
        "tier_begins_at": None if tier == 0 else policy.bounds[tier],
    }
