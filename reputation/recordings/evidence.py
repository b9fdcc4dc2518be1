"""Recorded decisions as evidence by account: unweighted points, and the accounts caught with given weights."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from reputation.config.tenants import Tenant
from reputation.recordings.columns import Decisions, Floats, Ints, Mask
from reputation.recordings.decisions import EXCEPTED
from reputation.recordings.effects import CAUGHT
from reputation.recordings.rescore import LEAST, payers
from reputation.tuning.labels import LabelWord


class Evidence(Struct, frozen=True):
    """Decisions of labelled accounts. points: decisions x families, raw sums; account: a decision's row in `abusive`.

    payer, linked: whether evidence of others cannot break a floor here, and whether a cluster's status catches alone.
    own: the families whose evidence no other account can cause.
    An account that is caught early weighs more than one that is caught at last, so decisions are what is counted.
    """

    families: tuple[str, ...]
    points: Floats
    account: Ints
    payer: Mask
    linked: Mask
    abusive: Mask
    own: frozenset[str]

    def of(self, accounts: Mask) -> "Evidence":
        """The same of some accounts alone."""
        rows = accounts[self.account]
        numbers = np.cumsum(accounts) - 1
        return Evidence(
            self.families, self.points[rows], numbers[self.account[rows]], self.payer[rows], self.linked[rows],
            self.abusive[accounts], self.own,
        )  # fmt: skip

    def shares(self) -> Floats:
        """Return the weight of each decision: every account has the same total, regardless of its requests."""
        found: Floats = 1.0 / np.bincount(self.account, minlength=len(self.abusive))[self.account]
        return found


class Weighting(Struct, frozen=True):
    """The result of a fit: weights and caps in the order of the families, and the prior."""

    weights: Floats
    caps: Floats
    prior: float


def weighting_of(tenant: Tenant, families: Sequence[str]) -> Weighting:
    """A revision's own weights."""
    found = [tenant.families[name] for name in families]
    return Weighting(np.array([f.weight for f in found]), np.array([f.cap for f in found]), tenant.prior)


def gather(parts: Sequence[Decisions], labels: Mapping[int, LabelWord], tenant: Tenant) -> Evidence:
    """Evidence of the labelled accounts among decisions; those under an exception are left out."""
    families = tuple(name for name in tenant.families if all(name in part.families for part in parts))
    kept = [_part(part, labels, tenant, families) for part in parts]
    names = np.concatenate([one[0] for one in kept]) if kept else np.empty(0, dtype=np.uint64)
    accounts, rows = np.unique(names, return_inverse=True)
    columns = [np.concatenate([one[i] for one in kept]) for i in (1, 2, 3)] if kept else [np.empty((0, 0))] * 3
    abusive = np.array([labels[int(name)] == "abuse" for name in accounts], dtype=bool)
    points, payer, linked = columns[0], columns[1].astype(bool), columns[2].astype(bool)
    own = frozenset(name for name in families if tenant.families[name].own)
    return Evidence(families, points, rows, payer, linked, abusive, own)


def _part(
    part: Decisions, labels: Mapping[int, LabelWord], tenant: Tenant, families: Sequence[str]
) -> tuple[Ints, Floats, Mask, Mask]:
    known = np.array(list(labels), dtype=np.uint64)
    rows = np.isin(part.numbers["account"], known) & ~part.flag(EXCEPTED)
    points = np.stack([part.families[name].points[rows].sum(axis=1) for name in families], axis=1)
    linked = LEAST[part.numbers["standing"][rows]] >= CAUGHT
    return part.numbers["account"][rows], points, payers(part, tenant)[rows], linked


def judged(evidence: Evidence, weighting: Weighting) -> Floats:
    """Each decision's log-odds without the prior, as far as they count; infinite where a cluster's status catches."""
    caps = weighting.caps
    parts = np.clip(evidence.points * weighting.weights, -caps, caps)
    own = parts[:, [name in evidence.own for name in evidence.families]].sum(axis=1)
    total = parts.sum(axis=1)
    counted = np.where(evidence.payer, np.minimum(total, own), total)
    return np.where(evidence.linked & ~evidence.payer, np.inf, counted)


def rates(evidence: Evidence, weighting: Weighting, tenant: Tenant) -> tuple[float, float]:
    """Recall and false alarms: the shares of abusers' and good accounts' decisions in `limited` or stricter."""
    hit = judged(evidence, weighting) + weighting.prior >= tenant.policy.bounds[CAUGHT]
    abusive, shares = evidence.abusive[evidence.account], evidence.shares()
    recall = (shares * (hit & abusive)).sum() / max(int(evidence.abusive.sum()), 1)
    alarms = (shares * (hit & ~abusive)).sum() / max(int((~evidence.abusive).sum()), 1)
    return float(recall), float(alarms)


def prior_for(evidence: Evidence, weighting: Weighting, tenant: Tenant, alarms: float) -> float:
    """The highest prior with at most a share `alarms` of good accounts' decisions caught."""
    good = ~evidence.abusive[evidence.account]
    log_odds, shares = judged(evidence, weighting)[good], evidence.shares()[good]
    order = np.argsort(-log_odds, kind="stable")
    over = np.cumsum(shares[order]) / max(int((~evidence.abusive).sum()), 1) > alarms + 1e-9
    bound = tenant.policy.bounds[CAUGHT]
    if not over.any():
        return bound
    first = float(log_odds[order][int(over.argmax())])
    return bound if first == np.inf else bound - first - 1e-6
