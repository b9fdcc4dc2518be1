"""What accounts have earned: units a day that no evidence about other accounts can take from them.

What was let through is kept as one byte an account and day (UTC), on a logarithmic scale. An account's floor follows
from the days before the evidence against it began, and from its money.
"""

import math
from collections.abc import Mapping

import numpy as np

from reputation.hydra.book import Floor
from reputation.hydra.columns import Floats
from reputation.hydra.families import DAY
from reputation.limits.money import dollars_a_day

KEPT = 30
"""Days of use that are kept of each account."""
STEPS = 8.0
"""Steps of the scale for each factor of e: a byte is at most an eighth above what was used."""
QUANTILE = 0.9
STANDS = 30
"""Days for which a floor stands as it was found, after its account was last linked."""


def scaled(units: Floats) -> np.ndarray:
    """Return bytes for units of a day: 0 for none, and never less than was used."""
    steps = np.ceil(STEPS * np.log1p(np.maximum(units, 0.0)) - 1e-9)
    return np.minimum(steps, 255).astype(np.uint8)


def unscaled(kept: np.ndarray) -> Floats:
    """Return the units that bytes stand for, or steps between them."""
    units: Floats = np.expm1(kept.astype(np.float64) / STEPS)
    return units


class Days:
    """What was let through of each account: KEPT days in a ring, and the day that runs."""

    def __init__(self) -> None:
        self.day = self.begun = -1  # the day that runs, and the first one of which all is known
        self.kept = np.zeros((1024, KEPT), np.uint8)
        self.today = np.zeros(1024, np.float64)
        self.best = np.zeros(1024, np.uint8)  # the busiest day of an account's first fortnight, see `newcomers`

    def grow(self) -> None:
        """Double the room."""
        self.kept = np.concatenate([self.kept, np.zeros_like(self.kept)])
        self.today = np.concatenate([self.today, np.zeros_like(self.today)])
        self.best = np.concatenate([self.best, np.zeros_like(self.best)])

    def add(self, accounts: np.ndarray, at: Floats, units: Floats) -> None:
        """Add units that were let through; what is older than the day that runs counts for it too."""
        days = (at // DAY).astype(np.int64)
        for day in np.unique(days).tolist():
            self.turn(day)
            now = days == day
            np.add.at(self.today, accounts[now], units[now])

    def turn(self, day: int) -> None:
        """Keep the day that ran, if another has begun; days between were days without use."""
        if self.day < 0:
            self.day = self.begun = day
        if day <= self.day:
            return
        self.kept[:, self.day % KEPT] = scaled(self.today)
        self.today[:] = 0.0
        for quiet in range(max(self.day + 1, day - KEPT), day):
            self.kept[:, quiet % KEPT] = 0
        self.day = day

    def release(self, numbers: np.ndarray) -> None:
        """Forget accounts."""
        self.kept[numbers], self.today[numbers], self.best[numbers] = 0, 0.0, 0

    def usual(self, number: int) -> float:
        """Return the 90th percentile of an account's days with use, of the day that runs if there is no other."""
        days = self.kept[number]
        return _usual(days[days > 0]) if days.any() else float(self.today[number])

    def usual_before(self, number: int, day: int) -> float:
        """Return the 90th percentile of an account's days with use before a day; 0 without any."""
        dates = self.day - 1 - (self.day - 1 - np.arange(KEPT)) % KEPT
        days = self.kept[number][dates < day]
        return _usual(days[days > 0]) if days.any() else 0.0


def _usual(active: np.ndarray) -> float:
    rank = math.ceil(QUANTILE * len(active)) - 1
    return float(unscaled(np.sort(active)[rank : rank + 1])[0])


def by_money(settled: float, settled_30d: float, age: float, per_usd: float) -> float:
    """Return units a day for settled dollars; NaN is not known, age is in seconds."""
    dollars, lately, seconds = (None if math.isnan(one) else one for one in (settled, settled_30d, age))
    return per_usd * dollars_a_day(dollars, lately, seconds)


def by_use(usual: float, settled: float, newcomer: float, per_usd: float) -> float:
    """Return units a day for a proven account's or payer's use, at most what its money or a newcomer's day allows."""
    paid = 0.0 if math.isnan(settled) else per_usd * settled
    return min(usual, max(newcomer, paid))


def kept_floors(floors: Mapping[str, Floor], linked: set[str], now: float) -> dict[str, Floor]:
    """Return the floors that still stand: of linked accounts, and for STANDS days after."""
    return {name: floor for name, floor in floors.items() if name in linked or now - floor.linked <= STANDS * DAY}
