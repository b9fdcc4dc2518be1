"""How the newcomers' reserves are shared: a max-min level for each, from what was asked of it today and the day before.

No account gets more of a reserve in a day than its level, and an account that wants less gets what it wants.
"""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from reputation.hydra.book import Book
from reputation.hydra.fairness import water_level
from reputation.hydra.families import DAY
from reputation.hydra.sightings import Sighting

MOST_DRAWING = 200_000
"""Accounts of which a day's draws are remembered; above it the others draw at the level of these."""


class Draws:
    """What each account asked of the reserves since midnight (UTC), granted or not."""

    def __init__(self) -> None:
        self.day = -1
        self.asked: dict[str, dict[str, float]] = {}
        self._accounts = 0

    def add(self, sightings: Iterable[Sighting]) -> None:
        """Add up what sightings drew on; what is older than the day counts for it too."""
        for one in sightings:
            if one.part is None:
                continue
            of = self.asked.setdefault(one.part, {})
            if one.account not in of:
                if self._accounts >= MOST_DRAWING:
                    continue
                self._accounts += 1
            of[one.account] = of.get(one.account, 0.0) + one.cost

    def erase(self, account: str) -> None:
        """Drop what an account asked of them."""
        for asked in self.asked.values():
            self._accounts -= asked.pop(account, None) is not None

    def turn(self, day: int) -> dict[str, dict[str, float]]:
        """Begin a day, and return what was asked before it."""
        asked, self.asked, self._accounts, self.day = self.asked, {}, 0, day
        return asked


def times(trusted: int, accounts: int) -> float:
    """Return how many reserves there are for so many accounts above suspicion in use: one for each `accounts`.

    What newcomers need grows with a tenant's customers. A hydra cannot make accounts above suspicion.
    """
    return float(max(trusted // accounts, 1)) if accounts else 1.0


def share(draws: Draws, book: Book, reserves: Mapping[str, float], now: float) -> dict[str, float]:
    """Return the levels of now, in units a day: what the draws of the last day allow, and those of today so far.

    The level of a reserve that had enough for all is its size. reserves: size of each, in units a day.
    """
    today = math.floor(now / DAY)
    if draws.day < 0:  # a linker that has just begun did not see the day before
        draws.day = today
    if draws.day != today:
        asked = draws.turn(today)
        if book.leveled != today:
            book.levels = {part: _level(asked.get(part, {}), size) for part, size in reserves.items()}
            book.leveled = today
    return {
        part: min(book.levels.get(part, size), _level(draws.asked.get(part, {}), size))
        for part, size in reserves.items()
    }


def _level(asked: Mapping[str, float], size: float) -> float:
    return min(water_level(np.array([*asked.values()]), size), size)
