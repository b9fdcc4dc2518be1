"""Whether accounts are used as people use them. What is usual is learnt from proven accounts and payers."""

from functools import cached_property

import numpy as np

from reputation.hydra.columns import Floats, Ints
from reputation.hydra.families import DAY, HOUR
from reputation.hydra.ledger import PAYER, PROVEN, Ledger
from reputation.hydra.shape import (
    FEWEST_MEMBERS,
    FEWEST_PEOPLE,
    FEWEST_REQUESTS,
    Shape,
    by_one_clock,
    may_be_of_one_place,
    shape_of,
)

NIGHTS = 1.0
"""Days of use from which on a member's hours say whether it sleeps: one that is hours old seems to."""


class Residents:
    """Compares the use of groups with that of people, in one epoch."""

    def __init__(self, ledger: Ledger, now: float) -> None:
        self._ledger, self._now = ledger, now

    @classmethod
    def seen_by(cls, ledger: Ledger) -> "Residents":
        """Those of the hour that the ledger has reached."""
        return cls(ledger, (ledger.hour + 1) * HOUR)

    def live_at(self, net: int, members: Ints) -> bool:
        """Whether a group's use is that of people who live by one clock. No if the use of people is not known.

        If too few of the group were seen for a night, it must not be surely even, and all accounts seen in the network
        must not sleep otherwise.
        """
        people = self.people
        if people is None:
            return False
        shape = self.shape(members)
        if shape is not None:
            return by_one_clock(shape, people)
        daily, count = self._since_first_seen(members)
        if len(count) < FEWEST_MEMBERS:
            return False
        table = self._ledger.pairs["net"]
        around = self.shape(table.accounts[table.values == net])
        undisputed = around is None or by_one_clock(around, people)
        return undisputed and may_be_of_one_place(daily, count, people.spread)

    def shape(self, members: Ints) -> Shape | None:
        """Return the shape of a group's use; None if too few of its members were seen for a night."""
        return self._shape(members, FEWEST_MEMBERS, NIGHTS)

    @cached_property
    def known(self) -> bool:
        """Whether the shape of people is known; it is computed only for a group that is large enough to have one."""
        ledger = self._ledger
        people = np.flatnonzero(ledger.flagged(PROVEN | PAYER) & (ledger.column("first") <= self._now))
        return int((ledger.by_hour[people].sum(axis=1) >= FEWEST_REQUESTS).sum()) >= FEWEST_PEOPLE

    @cached_property
    def people(self) -> Shape | None:
        """The shape of people's use; None if too few are proven or pay."""
        return self._shape(np.flatnonzero(self._ledger.flagged(PROVEN | PAYER)), FEWEST_PEOPLE)

    def _since_first_seen(self, members: Ints) -> tuple[Floats, Floats]:
        """Return requests a day in the time since each account was first seen, and of how many they are counted."""
        count = self._ledger.requests[members].astype(np.float64)
        used = np.maximum(self._now - self._ledger.column("first")[members], HOUR)
        enough = count >= FEWEST_REQUESTS
        return count[enough] / (used[enough] / DAY), count[enough]

    def _shape(self, accounts: Ints, fewest: int, nights: float = 0.0) -> Shape | None:
        ledger = self._ledger
        days: Floats = (self._now - ledger.column("first")[accounts]) / DAY
        return shape_of(ledger.by_hour[accounts].astype(np.float64), days, fewest, nights)
