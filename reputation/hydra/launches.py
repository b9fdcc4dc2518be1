"""Launches: groups that one application, its clouds and its day explain, and whose use is as uneven as people's.

The users of an application that became known today share its software and the hour, and few clouds hold most of
those who run it on a server. A dispatcher's heads share that too, but their work is even.
"""

from functools import cached_property

import numpy as np

from reputation.hydra.columns import Ints
from reputation.hydra.cores import Group
from reputation.hydra.families import DAY, HOUR
from reputation.hydra.ledger import PAYER, PROVEN, Ledger
from reputation.hydra.overt import launched
from reputation.hydra.shape import FEWEST_MEMBERS, FEWEST_PEOPLE, FEWEST_REQUESTS, SHARE, spread_of

SEEN = 0.5
"""Share of a cluster's members whose use must be known to judge it. After a restart few are known at first."""


class Launches:
    """Recognises launches, in one epoch. No group is a launch if fewer than 20 proven accounts and payers made
    three requests."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def without(self, groups: list[Group]) -> list[Group]:
        """Return the groups that are no launches."""
        return [group for group in groups if not launched(group.families) or not self._uneven(group.members)]

    def explain(self, members: Ints, count: int, families: frozenset[int]) -> bool:
        """Whether a cluster that was linked earlier is a launch, or what is left of one.

        members: those in the ledger; count: all of them.
        """
        if not launched(families):
            return False
        seen = int((self._ledger.requests[members] > 0).sum())
        return count < FEWEST_MEMBERS or (seen >= SEEN * count and self._uneven(members))

    @cached_property
    def _usual(self) -> float | None:
        return self._spread(np.flatnonzero(self._ledger.flagged(PROVEN | PAYER)), FEWEST_PEOPLE)

    def _uneven(self, members: Ints) -> bool:
        spread = self._spread(members, FEWEST_MEMBERS)
        return spread is not None and self._usual is not None and spread > SHARE * self._usual

    def _spread(self, accounts: Ints, fewest: int) -> float | None:
        """Return how uneven use is, each account since it was first seen; None if too few made requests."""
        ledger = self._ledger
        count = ledger.requests[accounts].astype(np.float64)
        enough = count >= FEWEST_REQUESTS
        if enough.sum() < fewest:
            return None
        used = np.maximum((ledger.hour + 1) * HOUR - ledger.column("first")[accounts], HOUR)
        return spread_of(count[enough] / (used[enough] / DAY), count[enough])
