"""What steady use is worth to unproven accounts: a rung of the entry allowance for days of use.

A day counts if it used at least a twentieth of a newcomer's day, and half of what the rung gives. The rung gives at
most twice the 90th percentile of the account's own days with use. So an account that only passes the time with a few
requests a day gains nothing, and nothing soon after it begins to use more.
"""

import math

import numpy as np

from reputation.hydra.columns import Floats, Ints
from reputation.hydra.earned import KEPT, QUANTILE, scaled, unscaled
from reputation.hydra.families import DAY
from reputation.hydra.ledger import CONFIRMED, PROVEN, Ledger
from reputation.hydra.linker_settings import Plans
from reputation.hydra.sightings import GIVEN

LEAST_USE = 1 / 20
"""Part of a newcomer's day that a day must have used to count."""
TIMES = 2.0
MOST = 200_000
"""Accounts for which a rung is published at most: those with the most days that count."""


class Tenure:
    """Rungs as they were found for one day (UTC)."""

    def __init__(self) -> None:
        self.day = -1
        self.rungs: dict[str, float] = {}

    def of(self, ledger: Ledger, plans: Plans, now: float) -> dict[str, float]:
        """Return the rungs of today, in units a day, found once a day from the days before."""
        today = math.floor(now / DAY)
        if self.day != today:
            self.day, self.rungs = today, rungs(ledger, plans)
        return self.rungs


def rungs(ledger: Ledger, plans: Plans) -> dict[str, float]:
    """Return units a day for each account to which its days of use are worth more than the facts known of it."""
    chosen = np.flatnonzero(ledger.flagged(CONFIRMED) & ~ledger.flagged(PROVEN))
    known, kind = allowed(ledger, plans, chosen)
    newcomer = np.array([plans.newcomer.get(name, plans.default) for name, _ in known])[kind]
    best = np.array([allowance(plans, name, bits) for name, bits in known])[kind]
    kept = ledger.days.kept
    counts = (kept[chosen] >= np.maximum(scaled(LEAST_USE * newcomer), 1)[:, None]).sum(axis=1)
    gains = np.flatnonzero(plans.active * newcomer * counts / KEPT > best)
    units = worth(kept[chosen[gains]], counts[gains], plans.active * newcomer[gains])
    more = np.flatnonzero(units > best[gains])
    more = more[np.argsort(-counts[gains[more]], kind="stable")[:MOST]]
    accounts = ledger.accounts.names
    return {str(accounts[chosen[gains[one]]]): round(float(units[one]), 3) for one in more.tolist()}


def worth(days: np.ndarray, counts: Ints, month: Floats) -> Floats:
    """Return units a day for the days of each row, never more than the rows' bytes are sure of.

    counts: days of each row that may count, one at least; month: what as many as are kept give.
    """
    used = unscaled(np.sort(days, axis=1)[:, ::-1] - 1.0)
    number = np.arange(1, KEPT + 1)
    gives = np.where(number <= counts[:, None], np.minimum(month[:, None] * number / KEPT, TIMES * used), 0.0)
    active = (days > 0).sum(axis=1)
    usual = np.take_along_axis(used, (active - np.ceil(QUANTILE * active).astype(np.int64))[:, None], axis=1)[:, 0]
    units: Floats = np.minimum(gives.max(axis=1), TIMES * usual)
    return units


def allowed(ledger: Ledger, plans: Plans, accounts: Ints) -> tuple[list[tuple[str, int]], Ints]:
    """Return the plans with the bits of GIVEN that the allowances of accounts follow from, and which one each has."""
    plan, given = (ledger.number_column(name)[accounts] for name in ("plan", "given"))
    settled = np.fmax(ledger.column("settled")[accounts], ledger.column("settled_30d")[accounts])
    kinds, kind = np.unique(np.stack([plan, settled < plans.plan_usd, given]), axis=1, return_inverse=True)
    found = []
    for number, unsettled, bits in kinds.T.tolist():
        name = ledger.name_of("plan", number)
        found.append((plans.unsettled.get(name, name) if unsettled else name, bits))
    return found, kind.reshape(-1)


def allowance(plans: Plans, plan: str, given: int) -> float:
    """Return the entry allowance for facts alone, in units a day; given: bits of GIVEN."""
    known = plans.entry.get(plan, plans.entry_default)
    return max(
        known.get("email", 0.0), *(known.get(rung, 0.0) for bit, rung in enumerate(GIVEN) if given >> bit & 1), 0.0
    )
