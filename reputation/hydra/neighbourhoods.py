"""Budgets for unproven accounts that share something narrow, so that who is too careful to be linked gets a share.

A neighbourhood's budget follows its honest baseline: accounts established there (proven, or not linked and not known
to be younger than a fortnight), the newcomers that such a place has elsewhere, threefold, and a floor that a full room
of beginners fits in. Values that a large part of the established accounts have are never keys: a budget on a common
browser would let a hydra drain everybody's. Only neighbourhoods that use more than half of their budget are listed, so
a check's lookup mostly finds nothing.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from reputation.hydra.columns import LOW, Floats, Ints, Mask, joined
from reputation.hydra.fairness import water_level
from reputation.hydra.families import DAY, HOUR, INDEX, KINDS
from reputation.hydra.ledger import Ledger
from reputation.hydra.links import Budget, Neighbourhood

CROWD = 8
"""Fewer unproven accounts than this are no neighbourhood: their own limits suffice."""
FLOOR = 200.0
"""Typical daily uses that any neighbourhood may draw: forty people in a room, each with five days' work in one."""
MARGIN = 3.0
ESTABLISHED = 14 * DAY
COMMON = 0.02
"""A value that this share of established accounts has is no narrow neighbourhood."""
MOST = 20_000


class _Place(NamedTuple):
    """Rows (account, value) of one kind of neighbourhood, and how a value is written in a key.

    present: the rows of accounts that were there; the others belong there and raise no budget.
    """

    accounts: Ints
    values: Ints
    key: Callable[[int], Neighbourhood]
    common: float
    present: Mask | None = None


class Residents(NamedTuple):
    """unproven: accounts whose demand counts; established: accounts that a baseline is learnt from.

    An account whose age nobody tells is established, as a missing fact is neutral: where no ages are known nobody would
    be, everybody's browser would be rare, and all of its users would share a budget for newcomers.
    """

    unproven: Mask
    established: Mask


def residents(ledger: Ledger, suspects: Mask, base: Mask, trusted: Mask, now: float) -> Residents:
    settled = trusted | (base & ~(ledger.column("created") > now - ESTABLISHED))
    return Residents(suspects & base, settled)


def budgets(
    ledger: Ledger, who: Residents, typical: float, now: float, belongs: dict[int, int] | None = None
) -> dict[Neighbourhood, Budget]:
    """The neighbourhoods that use over half of their budget, the busiest first if there are too many.

    belongs: accounts, and the network that each belongs to wherever it is.
    """
    demand = ledger.demand()
    found: list[tuple[Neighbourhood, Budget]] = []
    for place in _places(ledger, now, belongs or {}):
        found += _crowded(place, who, demand, typical)
    found.sort(key=lambda entry: (-entry[1].members, entry[0]))
    return dict(found[:MOST])


def _crowded(place: _Place, who: Residents, demand: Floats, typical: float) -> list[tuple[Neighbourhood, Budget]]:
    width = int(place.values.max(initial=0)) + 1
    awake = who.unproven & (demand > 0)
    members = np.bincount(place.values[awake[place.accounts]], minlength=width)
    established = who.established[place.accounts] & (True if place.present is None else place.present)
    settled = np.bincount(place.values[established], minlength=width)
    wanted = np.bincount(place.values, weights=np.where(awake, demand, 0.0)[place.accounts], minlength=width)
    fresh = int((awake & ~who.established).sum()) / max(int(who.established.sum()), 1)
    uses = FLOOR + MARGIN * settled * (1.0 + fresh)
    narrow = settled <= np.maximum(place.common * who.established.sum(), 2.0)
    chosen = np.flatnonzero((members >= CROWD) & narrow & (wanted > uses * typical / 2))
    return [(place.key(int(v)), _budget(place, int(v), awake, demand, float(uses[v]) * typical)) for v in chosen]


def _budget(place: _Place, value: int, awake: Mask, demand: Floats, capacity: float) -> Budget:
    there = place.accounts[place.values == value]
    there = there[awake[there]]
    return Budget(capacity, len(there), water_level(demand[there], capacity))


def _places(ledger: Ledger, now: float, belongs: dict[int, int]) -> list[_Place]:
    at = _seen(ledger, "net", 1.0, now)
    there = np.array([*belongs.keys()], np.int64) << LOW | np.array([*belongs.values()], np.int64)
    present = at.accounts << LOW | at.values
    pairs = joined(present, there)
    were = np.zeros(len(pairs), bool)
    were[np.searchsorted(pairs, present)] = True
    nets = at._replace(accounts=pairs >> LOW, values=pairs & ((1 << LOW) - 1), present=were)
    return [_signups(ledger, now), nets, _seen(ledger, "ja4", COMMON, now), _issuers(ledger)]


def _seen(ledger: Ledger, kind: str, common: float, now: float) -> _Place:
    table = ledger.pairs[kind]
    fresh = table.last >= now - KINDS[INDEX[kind]].window
    accounts, values = table.accounts[fresh], table.values[fresh]
    return _Place(accounts, values, lambda value: (kind, ledger.name_of(kind, value)), common)


def _issuers(ledger: Ledger) -> _Place:
    column = ledger.number_column("iin")
    accounts = np.flatnonzero(column >= 0)
    return _Place(accounts, column[accounts], lambda value: ("iin", ledger.name_of("iin", value)), COMMON)


def _signups(ledger: Ledger, now: float) -> _Place:
    """Accounts of the last week by network operator and hour of sign-up."""
    table = ledger.pairs["asn"]
    made = ledger.column("created")[table.accounts]
    young = made >= now - 7 * DAY
    accounts = table.accounts[young]
    pair = table.values[young] << LOW | (made[young] // HOUR).astype(np.int64)
    pairs, values = np.unique(pair, return_inverse=True)

    def key(value: int) -> Neighbourhood:
        asn, hour = int(pairs[value]) >> LOW, int(pairs[value]) & ((1 << LOW) - 1)
        return ("signup", ledger.name_of("asn", asn), str(hour))

    return _Place(accounts, values, key, 1.0)
