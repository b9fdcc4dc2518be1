"""Relays: accounts of any age whose handshake contradicts their user agent, that move between homes in several
countries, and that share work more evenly than people do.

Each of the three is common alone. Antivirus programs and the gateways of companies rewrite handshakes, travellers move,
and a class works evenly. What is usual is learnt from all others, so it is safe to be old.
"""

import numpy as np

from reputation.hydra.columns import LOW, Ints, Mask, distinct
from reputation.hydra.cores import COMPONENT_ODDS, OF_A_RELAY, Group
from reputation.hydra.counting import FEWEST
from reputation.hydra.divergence import divergence
from reputation.hydra.families import FOR_HIRE
from reputation.hydra.ledger import Ledger
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.overt import Places, hired
from reputation.hydra.shape import FEWEST_PEOPLE
from reputation.hydra.software import software
from reputation.hydra.surprise import Pools
from reputation.hydra.table import Items
from reputation.hydra.waves import even

FOREIGN = 1 / 2
"""Share of a product's trusted users below which a handshake is not the product's own. Bought accounts are among the
trusted, so hardly any would be too strict."""
ELSEWHERE = FOR_HIRE - {"residential_proxy"}
"""Networks that people use in other countries than their own, so that they seem to move."""


def relays(items: Items, ledger: Ledger, pools: Pools, places: Places, settings: LinkerSettings) -> list[Group]:
    """Return the relays as groups, none if a family that makes one is switched off."""
    settled = ~hired(ledger, ELSEWHERE)
    people = np.flatnonzero(pools.trusted & settled & (ledger.requests[: ledger.size] > 0))
    if len(people) < FEWEST_PEOPLE or {"relays", "software", "rotation", "load"} & set(settings.without):
        return []
    found = even(_moving(items, ledger, pools, settled, settings), ledger, people)
    return [
        Group(members, np.full(len(members), COMPONENT_ODDS), OF_A_RELAY)
        for members, left_alone in zip(found, places.excused(found).tolist(), strict=True)
        if not left_alone
    ]


def _moving(items: Items, ledger: Ledger, pools: Pools, settled: Mask, settings: LinkerSettings) -> list[Ints]:
    """Return for each handshake the suspects that move between homes, if too many of those who borrow it do."""
    moves = np.zeros(len(settled), bool)
    moves[items.accounts[items.rows_of_kinds("crossing", "roaming")]] = True
    borrowed = _borrowed(items, ledger, pools)
    own = pools.base & settled
    own[np.concatenate([*borrowed, np.zeros(0, np.int64)])] = False
    usual = np.array([(moves[own].sum() + 1.0) / (own.sum() + 2.0)])
    found = []
    for wearers in borrowed:
        inside = wearers[settled[wearers] & pools.suspects[wearers]]
        share = np.array([moves[inside].sum() / max(len(inside), 1)])
        sure = (share >= settings.lift * usual) & (len(inside) * divergence(share, usual) >= settings.nats)
        if sure[0] and moves[inside].sum() >= FEWEST:
            found.append(inside[moves[inside]])
    return found


def _borrowed(items: Items, ledger: Ledger, pools: Pools) -> list[Ints]:
    """Return for each handshake the accounts that show it with products whose trusted users mostly show others."""
    rows = items.rows_of_kinds("client")
    accounts, held = items.accounts[rows], items.items[rows]
    pairs, spot = np.unique(held, return_inverse=True)
    names = [ledger.clients.names[value] for value in items.value[pairs].tolist()]
    handshake, product = (_numbered([part(name) for name in names]) for part in (_handshake, _product))
    trusted = pools.trusted[accounts]
    users = distinct(accounts[trusted] << LOW | product[spot[trusted]])
    of_product = np.bincount(users & ((1 << LOW) - 1), minlength=len(pairs))[product]
    foreign = np.bincount(spot[trusted], minlength=len(pairs)) + 1 <= FOREIGN * (of_product + 1)
    shown = distinct(handshake[spot[foreign[spot]]] << LOW | accounts[foreign[spot]])
    cuts = np.flatnonzero(np.diff(shown >> LOW)) + 1
    return [part & ((1 << LOW) - 1) for part in np.split(shown, cuts) if len(part) >= FEWEST]


def _numbered(names: list[str]) -> Ints:
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)


def _handshake(name: object) -> str:
    return str(name[0]) if isinstance(name, tuple) else ""


def _product(name: object) -> str:
    return software(str(name[1])) if isinstance(name, tuple) else ""
