"""Preview of a draft: tiers and risks before and after over the newest decisions, fast enough for a slider.

Unlike a replay it takes each account's tier before a decision as it was recorded, and no buckets: columns alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from reputation.config.tenants import Tenant
from reputation.recordings.columns import Decisions, Ints, Mask
from reputation.recordings.decisions import PAYER
from reputation.recordings.report import Caught, Moved, caught, hexed
from reputation.recordings.rescore import Scored, scored, tiers
from reputation.scoring.risk import TIERS
from reputation.tuning.labels import LabelWord

BINS = 20
MOST_PAYERS = 100


class Side(Struct, frozen=True):
    """One revision's part: decisions by tier, and by risk in `BINS` bins of equal width from 0 to 100."""

    revision: int
    tiers: list[int]
    risk: list[int]
    labelled: Caught


class Preview(Struct, frozen=True):
    """The effect of a draft on the newest decisions. moved: decisions, rows before, columns after, by tier."""

    decisions: int
    accounts: int
    first: float
    last: float
    tiers: tuple[str, ...]
    before: Side
    after: Side
    moved: list[list[int]]
    payers: int
    payers_tightened: int
    payers_loosened: int
    payers_listed: list[Moved]


def preview(parts: Sequence[Decisions], live: Tenant, draft: Tenant, labels: Mapping[int, LabelWord]) -> Preview:
    """Compare a draft with the live revision over decisions."""
    accounts = _joined([part.numbers["account"] for part in parts], np.dtype(np.uint64))
    payer = _joined([part.flag(PAYER) for part in parts], np.dtype(bool))
    at = _joined([part.numbers["at"] for part in parts], np.dtype(float))
    names, rows = np.unique(accounts, return_inverse=True)
    (before, side), (after, other) = (_side(parts, tenant, names, rows, labels) for tenant in (live, draft))
    moved = np.zeros((len(TIERS), len(TIERS)), dtype=np.int64)
    np.add.at(moved, (before, after), 1)
    tightened, loosened = (_accounts_where(payer & rule, rows, len(names)) for rule in (after > before, after < before))
    return Preview(
        decisions=len(accounts),
        accounts=len(names),
        first=float(at.min()) if len(at) else 0.0,
        last=float(at.max()) if len(at) else 0.0,
        tiers=TIERS,
        before=side,
        after=other,
        moved=moved.tolist(),
        payers=int(_accounts_where(payer, rows, len(names)).sum()),
        payers_tightened=int(tightened.sum()),
        payers_loosened=int((loosened & ~tightened).sum()),
        payers_listed=_listed(payer & (after > before), accounts, before, after),
    )


def _joined(columns: Sequence[NDArray[Any]], kind: "np.dtype[Any]") -> NDArray[Any]:
    return np.concatenate(columns) if columns else np.empty(0, dtype=kind)


def _side(
    parts: Sequence[Decisions], tenant: Tenant, names: NDArray[Any], rows: Ints, labels: Mapping[int, LabelWord]
) -> tuple[Ints, Side]:
    found = [scored(part, tenant) for part in parts]
    chosen = [tiers(one, tenant, part.numbers["previous"]) for one, part in zip(found, parts, strict=True)]
    tier = np.concatenate(chosen) if chosen else np.empty(0, dtype=np.int64)
    worst = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(worst, rows, tier)
    labelled = caught(labels, dict(zip(names.tolist(), worst.tolist(), strict=True))) if labels else caught({}, {})
    return tier, Side(tenant.revision, np.bincount(tier, minlength=len(TIERS)).tolist(), _bins(found), labelled)


def _bins(found: Sequence[Scored]) -> list[int]:
    """Decisions by risk. Only for drawing, so a last bit of the exponential does not matter."""
    edges = np.linspace(0, 100, BINS + 1)
    risks = [100.0 / (1.0 + np.exp(-one.log_odds)) for one in found]
    counts: list[int] = np.histogram(np.concatenate(risks) if risks else np.empty(0), edges)[0].tolist()
    return counts


def _accounts_where(rule: Mask, rows: Ints, count: int) -> Mask:
    found = np.zeros(count, dtype=bool)
    found[rows[rule]] = True
    return found


def _listed(rule: Mask, accounts: NDArray[Any], before: Ints, after: Ints) -> list[Moved]:
    """Return the payers with the largest moves, each once."""
    found: dict[int, tuple[int, int, int]] = {}
    for account, one, other in zip(accounts[rule].tolist(), before[rule].tolist(), after[rule].tolist(), strict=True):
        known = found.get(account, (0, 0, 0))
        further = other - one > known[1] - known[0]
        found[account] = (one, other, known[2] + 1) if further else (known[0], known[1], known[2] + 1)
    ranked = sorted(found.items(), key=lambda item: (item[1][0] - item[1][1], -item[1][2], item[0]))
    return [Moved(hexed(name), TIERS[one], TIERS[other], n) for name, (one, other, n) in ranked[:MOST_PAYERS]]


class Quality(Struct, frozen=True):
    """The quality of a revision on labelled accounts, by the tiers at the time of its decisions."""

    revision: int
    decisions: int
    labelled: Caught


def quality(parts: Sequence[Decisions], labels: Mapping[int, LabelWord]) -> list[Quality]:
    """Return precision and recall of each revision with decisions, the newest first."""
    columns = {
        name: _joined([p.numbers[name] for p in parts], np.dtype(np.uint64)) for name in ("account", "tier", "revision")
    }
    found = []
    for revision in sorted(set(columns["revision"].tolist()), reverse=True):
        mine = columns["revision"] == revision
        names, rows = np.unique(columns["account"][mine], return_inverse=True)
        worst = np.zeros(len(names), dtype=np.int64)
        np.maximum.at(worst, rows, columns["tier"][mine].astype(np.int64))
        by_name = dict(zip(names.tolist(), worst.tolist(), strict=True))
        found.append(Quality(int(revision), int(mine.sum()), caught(labels, by_name)))
    return found
