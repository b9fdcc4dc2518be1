"""The purse of a cluster: one allowance for all of its members together, in units a day.

Covert evidence gives a typical day. Members that share one thing openly, and show nothing that this does not explain,
have the entry allowance of their best member. Seats of people on one credit card or in one organisation add a typical
day each. What each member has earned comes before the purse (see `earned`).
"""

from collections.abc import Collection
from functools import cached_property

import numpy as np

from reputation.hydra.columns import Floats, Ints, Mask, numbered
from reputation.hydra.families import DAY
from reputation.hydra.ledger import PAYER, PROVEN, Ledger
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.overt import SHARE, Places
from reputation.hydra.shape import FEWEST_MEMBERS, FEWEST_PEOPLE, FEWEST_REQUESTS, Shape, like_people, shape_of
from reputation.hydra.sightings import GIVEN
from reputation.hydra.table import Items
from reputation.hydra.tenure import allowance

DISGUISED = 0.2
"""Share of members in disguise up to which a cluster may be overt: a proxy of a company disguises some."""
ACTIVE = 7 * DAY
"""A member that was not seen for so long has no seat."""
NIGHTS = 1.0
"""Days of use from which on a member's hours say whether it sleeps: one that is hours old seems to."""
COMPANY = frozenset({"network", "payment", "organisation", "time", "geography"})
"""Families that one invoice or one organisation explains: its card, its sign-up, homes on a few operators."""
IMAGE = frozenset({"device", "software", "model", "content", "organisation", "time"})
"""Families that one disk image explains."""
ROOM = frozenset({"network", "software", "model", "content", "pivot", "organisation", "time"})
"""Families that one room explains."""


class Purses:
    """Sizes purses in one epoch. typical: units a day of a typical account; items: what the epoch saw, if it did."""

    def __init__(
        self, ledger: Ledger, settings: LinkerSettings, places: Places, typical: float, items: Items | None, now: float
    ) -> None:
        self._ledger, self._settings, self._places = ledger, settings, places
        self._typical, self._now = typical, now
        self._disguised: Mask = np.zeros(ledger.size, bool)
        if items is not None:
            self._disguised[items.accounts[items.rows_of_kinds("disguise")]] = True

    def size(self, members: Ints, families: Collection[str]) -> float:
        """Return a cluster's allowance."""
        typical = self._settings.purse * self._typical
        if not len(members) or self._disguised[members].mean() > DISGUISED:
            return typical
        company = self._one_company(members)
        shared = ((company, COMPANY), (self._one_device(members), IMAGE), (self._places.one(members), ROOM))
        explained = frozenset[str]().union(*(some for shares, some in shared if shares))
        if not explained.issuperset(families):
            return typical
        seats = min(self._seats(members), self._settings.seats) if company else 0
        return max(float(self._entry[members].max()), typical) + seats * self._typical

    def quota(self, members: Ints, alone: Floats, *, old: bool) -> float:
        """Return the allowance of an organisation, whatever links its members; 0 for none.

        There is none while neither people's shape nor that of many members is known.
        alone: units a day that each member would have without it; old: whether the organisation is established.
        """
        active = self._active(members)
        of_people = self._of_people(active) if self._people_known else None
        if of_people is None and not old:
            return 0.0
        units = max(float(self._entry[members].max()), self._settings.purse * self._typical, float(alone.max()))
        units = max(units, float(self._full[members].max())) if old else units
        if of_people is not False:
            units = max(units, float(alone.sum()) + min(len(active), self._settings.seats) * self._typical)
        return units if np.isfinite(units) else 0.0

    def alone(self, members: Ints) -> Floats:
        """Return what facts give each member by itself, in units a day; infinite where a proven one's is not known."""
        proven = (self._ledger.flags[members] & PROVEN) != 0
        units: Floats = np.where(proven, self._full[members], self._entry[members])
        return units

    @cached_property
    def _full(self) -> Floats:
        """What each account would have if it were proven, in units a day; infinite where it is not known."""
        plans = self._settings.plans
        kinds, kind = numbered(self._ledger.number_column("plan") + 1)
        other = plans.full.get(plans.default_plan, np.inf)
        full: Floats = np.array([plans.full.get(self._ledger.name_of("plan", n - 1), other) for n in kinds.tolist()])
        return full[kind]

    def _one_company(self, members: Ints) -> bool:
        """Whether one undisputed credit card or one organisation holds four fifths of the members."""
        ints = self._ledger.ints
        if (ints["disputes"][members] > 0).any():
            return False
        credit = ints["funding"][members] == self._ledger.names["funding"].ids.get("credit", -2)
        card = np.where(credit, ints["card"][members], -1).astype(np.int64)
        return _alike(card) or _alike(ints["organisation"][members].astype(np.int64))

    def _one_device(self, members: Ints) -> bool:
        table = self._ledger.pairs["device"]
        devices = table.values[table.rows_of(members)]
        return bool(len(devices)) and int(np.bincount(devices).max()) >= SHARE * len(members)

    def _seats(self, members: Ints) -> int:
        """Count the members in use, if their use has the shape of people's."""
        active = self._active(members)
        return len(active) if self._of_people(active) else 0

    def _active(self, members: Ints) -> Ints:
        return members[self._in_use[members]]

    @cached_property
    def _in_use(self) -> Mask:
        ledger = self._ledger
        in_use: Mask = ledger.column("last") >= self._now - ACTIVE
        in_use &= ledger.requests[: ledger.size] >= FEWEST_REQUESTS
        return in_use

    def _of_people(self, active: Ints) -> bool | None:
        """Whether use has the shape of people's; None: not known. That of a few is too little to judge."""
        if len(active) < FEWEST_MEMBERS:
            return True
        shape, people = self._shape(active, FEWEST_MEMBERS, NIGHTS), self._people
        return None if shape is None or people is None else like_people(shape, people)

    @cached_property
    def _people_known(self) -> bool:
        """Whether the shape of people is known; it is computed only for a group that is large enough to have one."""
        ledger = self._ledger
        people = np.flatnonzero(ledger.flagged(PROVEN | PAYER) & (ledger.column("first") <= self._now))
        return int((ledger.by_hour[people].sum(axis=1) >= FEWEST_REQUESTS).sum()) >= FEWEST_PEOPLE

    @cached_property
    def _people(self) -> Shape | None:
        return self._shape(np.flatnonzero(self._ledger.flagged(PROVEN | PAYER)), FEWEST_PEOPLE)

    def _shape(self, accounts: Ints, fewest: int, nights: float = 0.0) -> Shape | None:
        ledger = self._ledger
        days: Floats = (self._now - ledger.column("first")[accounts]) / DAY
        return shape_of(ledger.by_hour[accounts].astype(np.float64), days, fewest, nights)

    @cached_property
    def _entry(self) -> Floats:
        """The entry allowance of each account by its plan, without what its money buys: that is earned.

        The plan counts also where nothing has settled: the first invoice of a company may still be open.
        """
        plans, name_of = self._settings.plans, self._ledger.name_of
        given, plan = (self._ledger.number_column(name) for name in ("given", "plan"))
        kinds, kind = numbered((plan + 1) << len(GIVEN) | given)
        known = [(name_of("plan", (n >> len(GIVEN)) - 1), n & (1 << len(GIVEN)) - 1) for n in kinds.tolist()]
        units: Floats = np.array([allowance(plans, *each) for each in known])
        return units[kind]


def _alike(values: Ints) -> bool:
    """Whether four fifths have the same value; -1 is none."""
    held = values[values >= 0]
    return bool(len(held)) and int(np.bincount(held).max()) >= SHARE * len(values)
