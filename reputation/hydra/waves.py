"""Waves: accounts that signed up together, do not sleep where people live, and share work more evenly than people do.

Each of the three is common alone. A wave is left alone if one program explains it, or one place (see `overt`).
"""

import numpy as np

from reputation.hydra.columns import Ints, Mask
from reputation.hydra.cores import COMPONENT_ODDS, Group
from reputation.hydra.counting import FEWEST
from reputation.hydra.divergence import divergence
from reputation.hydra.families import FAMILIES, INDEX
from reputation.hydra.ledger import Ledger
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.overt import Places, one_program
from reputation.hydra.rhythm import SLEEPLESS, daily_use
from reputation.hydra.shape import FEWEST_PEOPLE, spread_of, surely_even
from reputation.hydra.surprise import Pools
from reputation.hydra.table import Items

OF_A_WAVE = frozenset(map(FAMILIES.index, ("time", "rhythm", "load")))
NEAR = 0.5
"""Octaves of daily use from a wave's median up to which an account belongs to it."""
RHYTHM = FAMILIES.index("rhythm")
_TIMES = ("signup_hour", "signup_day", "signup_week")


def waves(items: Items, ledger: Ledger, pools: Pools, places: Places, settings: LinkerSettings) -> list[Group]:
    """Return the waves as groups, none if a family that makes one is switched off."""
    known = items.known[RHYTHM]
    people = np.flatnonzero(known & pools.trusted)
    if len(people) < FEWEST_PEOPLE or {"waves", "time", "rhythm", "load"} & set(settings.without):
        return []
    groups = crowded(items, known & pools.suspects, settings, items.kind == INDEX["sleepless"])
    found = [near for near in even(groups, ledger, people) if not one_program(ledger, near)]
    return [
        Group(members, np.full(len(members), COMPONENT_ODDS), OF_A_WAVE)
        for members, left_alone in zip(found, places.excused(found).tolist(), strict=True)
        if not left_alone
    ]


def even(groups: list[Ints], ledger: Ledger, people: Ints) -> list[Ints]:
    """Return, of groups whose use is more even than people's, the members near the median of each."""
    usual = spread_of(daily_use(ledger, people), ledger.requests[people].astype(np.float64))
    found = []
    for members in groups:
        daily = daily_use(ledger, members)
        if not surely_even(daily, ledger.requests[members].astype(np.float64), usual):
            continue
        near = members[np.abs(np.log2(daily / np.median(daily))) <= NEAR]
        if len(near) >= FEWEST:
            found.append(near)
    return found


def crowded(items: Items, pool: Mask, settings: LinkerSettings, odd: Mask) -> list[Ints]:
    """Return, for each bin of sign-up times where too many of the pool hold an `odd` item, those of it who do."""
    holders = np.zeros(len(pool), bool)
    holders[items.accounts[items.rows_of(np.flatnonzero(odd))]] = True
    rows = items.rows_of_kinds(*_TIMES)
    rows = rows[pool[items.accounts[rows]]]
    held, who = items.items[rows], items.accounts[rows]
    count = np.bincount(held, minlength=len(items.kind))
    share = np.bincount(held[holders[who]], minlength=len(items.kind)) / np.maximum(count, 1)
    usual = np.full(len(share), SLEEPLESS)
    crowded = (share >= settings.lift * usual) & (count * divergence(share, usual) >= settings.nats)
    return [np.sort(who[(held == item) & holders[who]]) for item in np.flatnonzero(crowded).tolist()]
