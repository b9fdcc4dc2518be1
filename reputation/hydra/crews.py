"""Crews: accounts that signed up together, work in step by day and by night, and share work more evenly than people.

Each of these is common alone. A class or a shift sleeps, and unrelated programs do not work evenly. The users of one
application, each in a place of their own, are no crew, and accounts on networks for hire are left out. A place explains
no crew: people in one place sleep too.
"""

import numpy as np

from reputation.hydra.columns import Floats, Ints, Mask
from reputation.hydra.cores import COMPONENT_ODDS, Group
from reputation.hydra.counting import FEWEST
from reputation.hydra.families import FAMILIES, INDEX
from reputation.hydra.ledger import Ledger
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.overt import hired, one_program
from reputation.hydra.rhythm import NIGHT, daily_use
from reputation.hydra.shape import FEWEST_PEOPLE, SHARE, spread_of, surely_even
from reputation.hydra.surprise import Pools
from reputation.hydra.synchrony import usual_hours
from reputation.hydra.table import Items
from reputation.hydra.waves import crowded

OF_A_CREW = frozenset(map(FAMILIES.index, ("time", "synchrony", "load")))
SYNCHRONY = FAMILIES.index("synchrony")


def crews(items: Items, ledger: Ledger, pools: Pools, settings: LinkerSettings) -> list[Group]:
    """Return the crews as groups, none if a family that makes one is switched off."""
    known = items.known[SYNCHRONY]
    if not known.any() or {"crews", "time", "synchrony", "load"} & set(settings.without):
        return []
    lived_in = known & ~hired(ledger)
    people = np.flatnonzero(lived_in & pools.trusted)
    if len(people) < FEWEST_PEOPLE:
        return []
    patterns = np.flatnonzero(items.kind == INDEX["in_step"]).tolist()
    every = np.arange(len(items.kind))
    drawn = [one for p in patterns for one in crowded(items, lived_in & pools.suspects, settings, every == p)]
    found = [members for members in drawn if len(members) >= FEWEST and not _application(ledger, members)]
    driven = _driven(found, ledger, people) if found else []
    return [Group(members, np.full(len(members), COMPONENT_ODDS), OF_A_CREW) for members in driven]


def _application(ledger: Ledger, members: Ints) -> bool:
    """Whether most of these accounts use one program, each on a network of its own."""
    table = ledger.pairs["net"]
    nets = len(np.unique(table.values[table.rows_of(members)]))
    return 2 * nets >= len(members) and one_program(ledger, members)


def _driven(groups: list[Ints], ledger: Ledger, people: Ints) -> list[Ints]:
    """Return the groups whose use is more even than people's, and whose nights are more like their days."""
    night = usual_hours(ledger)
    usual, slept = spread_of(*_use(ledger, people)), _at_night(ledger, people, night.klass, night.night)
    awake = slept + SHARE * (NIGHT / 24 - slept)
    return [
        members
        for members in groups
        if surely_even(*_use(ledger, members), usual) and _at_night(ledger, members, night.klass, night.night) > awake
    ]


def _use(ledger: Ledger, accounts: Ints) -> tuple[Floats, Floats]:
    """Return the requests a day of accounts, and of how many requests they are counted."""
    return daily_use(ledger, accounts), ledger.requests[accounts].astype(np.float64)


def _at_night(ledger: Ledger, accounts: Ints, klass: Ints, night: Mask) -> float:
    """Return the share of busy bins that lie in the quietest hours of each account's country."""
    bins = ledger.bins.of(accounts)
    return float((bins & night[klass[accounts]]).sum() / bins.sum())
