"""Weights fitted to labels: regularised logistic regression, judged by cross-validation, never applied.

Examples are decisions, every account weighing the same, except those decided by a cluster's status in any case.
What comes out is a draft like any other; its prior is chosen so that as much of what good accounts ask is caught as the
live revision catches, and its gain is what it catches more of abusers that it was not fitted to. Needs [suggest].
"""

from typing import Any

import numpy as np
from msgspec import Struct

from reputation.config.tenants import MOST_LOG_ODDS, Tenant
from reputation.recordings.columns import Floats, Ints, Mask
from reputation.recordings.evidence import Evidence, Weighting, prior_for, rates, weighting_of
from reputation.scoring.risk import STANDARD
from reputation.wire.errors import Invalid

FEWEST = 20
"""Labelled accounts of each kind below which a fit says nothing."""
FOLDS = 5
STRENGTH = 1.0
"""Inverse of the L2 penalty, where all examples weigh as much as there are accounts."""
MOST_EXAMPLES = 40
"""Decisions of one account that are fitted to, evenly spaced."""
MOST_WEIGHT, MOST_CAP, LOWEST_PRIOR = 5.0, 10.0, -8.0


class Rates(Struct, frozen=True):
    """The shares of abusers' and good accounts' requests caught, with equal weight for every account."""

    recall: float
    false_alarms: float


class Suggestion(Struct, frozen=True):
    """A draft and its value. before, after: on accounts not used in each fit, mean of the folds."""

    settings: dict[str, Any]
    abusers: int
    good: int
    before: Rates
    after: Rates
    silent: list[str]


def suggest(evidence: Evidence, tenant: Tenant) -> Suggestion:
    """Fit weights to labelled accounts. Raises Invalid if too few are labelled."""
    abusers = int(evidence.abusive.sum())
    good = len(evidence.abusive) - abusers
    if min(abusers, good) < FEWEST:
        raise Invalid(
            f"the recorded accounts have {abusers} labels abuse and {good} labels good; "
            f"{FEWEST} of each are needed: headcount label ACCOUNT abuse or good, or --csv",
        )
    live = weighting_of(tenant, evidence.families)
    before, after = _validated(evidence, tenant, live)
    found = _rounded(fitted(evidence, tenant, live), evidence, tenant, live)
    silent = [n for n, w in zip(evidence.families, found.weights, strict=True) if not w]
    return Suggestion(_settings(found, evidence, tenant), abusers, good, before, after, silent)


def fitted(evidence: Evidence, tenant: Tenant, live: Weighting) -> Weighting:
    """Fit weights, scaled so scores keep their present spread, and the prior at equal false alarms.

    A family with the same points for all accounts keeps its weight: nothing is known against it.
    """
    rows = _examples(evidence)
    points, abusive = evidence.points[rows], evidence.abusive[evidence.account[rows]]
    varied = points.std(axis=0) > 0
    weights = np.zeros(len(live.weights))
    weights[varied] = _coefficients(points[:, varied], abusive, evidence.shares()[rows])
    if not weights.any():
        return live
    now = np.clip(points * live.weights, -live.caps, live.caps)[:, varied].sum(axis=1)
    scale = now.std() / max((points * weights).sum(axis=1).std(), 1e-9)
    weights = np.where(varied, np.clip(weights * scale, 0, MOST_WEIGHT), live.weights)
    reach = np.quantile(np.abs(points), 0.99, axis=0) * weights
    caps = np.where(varied, np.minimum(np.maximum(live.caps, reach), MOST_CAP), live.caps)
    return _with_prior(Weighting(weights, caps, live.prior), evidence, tenant, live)


def _examples(evidence: Evidence) -> Ints:
    """Rows for the fit: those decided by weights, a few of each account."""
    rows = np.flatnonzero(~evidence.linked | evidence.payer)
    counts = np.bincount(evidence.account[rows], minlength=len(evidence.abusive))
    order = np.argsort(evidence.account[rows], kind="stable")
    starts = np.cumsum(counts) - counts
    place = np.arange(len(rows)) - np.repeat(starts, counts)
    step = np.maximum(np.repeat(counts, counts) // MOST_EXAMPLES, 1)
    found: Ints = rows[order][place % step == 0]
    return found


def _with_prior(found: Weighting, evidence: Evidence, tenant: Tenant, live: Weighting) -> Weighting:
    _, alarms = rates(evidence, live, tenant)
    prior = prior_for(evidence, found, tenant, alarms)
    highest = np.nextafter(tenant.policy.bounds[STANDARD + 1], -np.inf)  # above it a payer's floor would not hold
    return Weighting(found.weights, found.caps, float(np.clip(prior, LOWEST_PRIOR, highest)))


def _coefficients(points: Floats, abusive: Mask, shares: Floats) -> Floats:
    """Weights of at least 0: families with a negative weight are left out, and the rest is fitted again."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - an extra, for this alone

    weights, kept = np.zeros(points.shape[1]), np.ones(points.shape[1], dtype=bool)
    while kept.any() and abusive.any() and not abusive.all():
        model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=500)
        weights[:] = 0
        weights[kept] = model.fit(points[:, kept], abusive, sample_weight=shares).coef_[0]
        if (weights >= 0).all():
            return weights
        kept = weights > 0
    return np.zeros(points.shape[1])


def _validated(evidence: Evidence, tenant: Tenant, live: Weighting) -> tuple[Rates, Rates]:
    """Recall and false alarms of the live weights and of fits, on accounts not used in each fit."""
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415 - an extra, for this alone

    found = []
    for seen, unseen in StratifiedKFold(FOLDS, shuffle=True, random_state=1).split(evidence.abusive, evidence.abusive):
        learn, judge = (evidence.of(np.isin(np.arange(len(evidence.abusive)), part)) for part in (seen, unseen))
        fit = fitted(learn, tenant, live)
        found.append((*rates(judge, live, tenant), *rates(judge, fit, tenant)))
    mean = np.mean(found, axis=0).tolist()
    return Rates(*mean[:2]), Rates(*mean[2:])


def _rounded(found: Weighting, evidence: Evidence, tenant: Tenant, live: Weighting) -> Weighting:
    """Round for readers, then choose the prior again."""
    caps = np.where(found.caps > live.caps, np.ceil(found.caps * 10) / 10, live.caps)
    spare = MOST_LOG_ODDS - abs(LOWEST_PRIOR)
    if caps.sum() > spare:
        caps = np.floor(caps * (spare / caps.sum()) * 10) / 10
    whole = _with_prior(Weighting(np.round(found.weights, 2), caps, found.prior), evidence, tenant, live)
    return Weighting(whole.weights, whole.caps, float(np.floor(whole.prior * 1000) / 1000))


def _settings(found: Weighting, evidence: Evidence, tenant: Tenant) -> dict[str, Any]:
    names = evidence.families
    now = weighting_of(tenant, names)
    caps = {n: float(c) for n, c, known in zip(names, found.caps, now.caps, strict=True) if c != known}
    weights = {n: float(w) for n, w in zip(names, found.weights, strict=True)}
    return {"weights": weights, **({"caps": caps} if caps else {}), "prior": found.prior}


def recall_at(evidence: Evidence, weighting: Weighting, tenant: Tenant, alarms: float) -> float:
    """Recall at the prior with at most a share `alarms` of good accounts' requests caught."""
    prior = prior_for(evidence, weighting, tenant, alarms)
    return rates(evidence, Weighting(weighting.weights, weighting.caps, prior), tenant)[0]
