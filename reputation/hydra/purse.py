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
from reputation.hydra.floors import money_floors
from reputation.hydra.ledger import PROVEN, Ledger
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.overt import SHARE, Places
from reputation.hydra.residents import Residents
from reputation.hydra.shape import FEWEST_MEMBERS, FEWEST_REQUESTS, like_people
from reputation.hydra.sightings import GIVEN
from reputation.hydra.table import Items
from reputation.hydra.tenure import allowance

DISGUISED = 0.2
"""Share of members in disguise up to which a cluster may be overt: a proxy of a company disguises some."""
ACTIVE = 7 * DAY
"""A member that was not seen for so long has no seat."""
COMPANY = frozenset({"network", "payment", "organisation", "time", "geography"})
"""Families that one invoice or one organisation explains: its card, its sign-up, homes on a few operators."""
IMAGE = frozenset({"device", "software", "model", "content", "organisation", "time"})
"""Families that one disk image explains."""
ROOM = frozenset({"network", "software", "model", "content", "pivot", "organisation", "time"})
"""Families that one room explains."""

CARD = COMPANY | ROOM | {"rotation"}
"""Families that one credit card explains: a company runs one program on its cloud's machines."""


class Purses:
    """Sizes purses in one epoch. typical: units a day of a typical account; items: what the epoch saw, if it did."""

    def __init__(
        self, ledger: Ledger, settings: LinkerSettings, places: Places, typical: float, items: Items | None, now: float
    ) -> None:
        self._ledger, self._settings, self._places = ledger, settings, places
        self._typical, self._now, self._residents = typical, now, Residents(ledger, now)
        self._disguised: Mask = np.zeros(ledger.size, bool)
        if items is not None:
            self._disguised[items.accounts[items.rows_of_kinds("disguise")]] = True

    def size(self, members: Ints, families: Collection[str]) -> float:
        """Return a cluster's allowance."""
        typical = self._settings.purse * self._typical
        if not len(members) or self._disguised[members].mean() > DISGUISED:
            return typical
        card, company = self._one_card(members), self._one_organisation(members)
        image, room = self._one_device(members), self._places.one(members)
        shared = ((card, CARD), (company, COMPANY), (image, IMAGE), (room, ROOM))
        explained = frozenset[str]().union(*(some for shares, some in shared if shares))
        if not explained.issuperset(families):
            return typical
        seats = min(self._seats(members), self._settings.seats) if card or company else 0
        bought = self._left_on_card(members) if card else 0.0
        return max(float(self._entry[members].max()), typical) + seats * self._typical + bought

    def quota(self, members: Ints, alone: Floats, *, old: bool) -> float:
        """Return the allowance of an organisation, whatever links its members; 0 for none.

        There is none while neither people's shape nor that of many members is known.
        alone: units a day that each member would have without it; old: whether the organisation is established.
        """
        active = self._active(members)
        of_people = self._of_people(active) if self._residents.known else None
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

    def _one_card(self, members: Ints) -> bool:
        """Whether one undisputed credit card holds four fifths of the members."""
        ints = self._ledger.ints
        credit = ints["funding"][members] == self._ledger.names["funding"].ids.get("credit", -2)
        return self._undisputed(members) and _alike(np.where(credit, ints["card"][members], -1).astype(np.int64))

    def _one_organisation(self, members: Ints) -> bool:
        """Whether one organisation holds four fifths of the members, and there is no dispute."""
        organisation = self._ledger.ints["organisation"][members].astype(np.int64)
        return self._undisputed(members) and _alike(organisation)

    def _undisputed(self, members: Ints) -> bool:
        return not (self._ledger.ints["disputes"][members] > 0).any()

    def _left_on_card(self, members: Ints) -> float:
        """Return units a day that the money on the members' card buys and that the accounts it came from do not want.

        One account of a company may pay for all of them.
        """
        ledger, plans = self._ledger, self._settings.plans
        cards = ledger.number_column("card")
        held = cards[members]
        on_card = np.flatnonzero(cards == np.bincount(held[held >= 0]).argmax())
        money, wanted = money_floors(ledger, on_card, plans, self._now), ledger.demand()[on_card]
        return float(np.maximum(money - wanted, 0.0).sum())

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
        shape, people = self._residents.shape(active), self._residents.people
        return None if shape is None or people is None else like_people(shape, people)

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
