"""Graphs of accounts that share what strangers do not: a session, a device, a card, several rare addresses, or a
handshake that no other account has.

A component is a candidate only; it needs other families besides the one that drew its edges (see `cores`).
"""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from reputation.hydra.columns import Ints, Mask, numbered, run_lengths, run_starts, sorted_together, spans
from reputation.hydra.conversations import moves
from reputation.hydra.counting import FEWEST
from reputation.hydra.families import FAMILIES, FAMILY, INDEX
from reputation.hydra.items import UNHEARD_OF
from reputation.hydra.ledger import Ledger
from reputation.hydra.sightings import Part
from reputation.hydra.table import Items

MEETINGS = 3
"""Rare addresses, each in a different /16 (IPv6: /32), on which two accounts must meet: a home, a phone and work are
shared by couples and colleagues, but then work is a crowded address."""


class Identity(NamedTuple):
    """A kind whose values identify one machine, person or purse; a value on more than `most` accounts identifies none.

    links_proven: whether it links proven accounts too; part: what these rings are called where they are switched off.
    """

    part: Part
    kind: str
    most: int
    links_proven: bool


SOFTWARE = FAMILIES.index("software")
CONTENT = FAMILIES.index("content")
IDENTITIES = (
    Identity("session_rings", "session", 64, True),
    Identity("device_rings", "device", 64, True),
    Identity("card_rings", "card", 128, False),
)
CROWD = 12


def candidates(
    items: Items, ledger: Ledger, pools: tuple[Mask, Mask, Mask], without: Collection[str] = ()
) -> list[tuple[int, Ints]]:
    """All components of FEWEST accounts or more, each with the family that drew it.

    pools: suspects; accounts that a session or a device may link; trusted accounts. without: parts switched off.
    """
    suspects, linkable, trusted = pools
    found = [
        (FAMILY[INDEX[identity.kind]], component)
        for identity in IDENTITIES
        if identity.part not in without
        for component in identity_components(items, linkable if identity.links_proven else suspects, identity)
    ]
    if "fingerprints" not in without:
        found += [(SOFTWARE, component) for component in fingerprint_components(items, suspects, trusted)]
    if "meetings" not in without:
        meetings = meeting_components(items, suspects, _operators(items, ledger))
        found += [(FAMILY[INDEX["host"]], component) for component in meetings]
    if not {"content", "conversation_rings"} & set(without):
        found += [(CONTENT, part) for part in conversation_components(items, ledger, linkable)]
    return found


def identity_components(items: Items, suspects: Mask, identity: Identity) -> list[Ints]:
    """Accounts connected by values of one identifying kind, in components of FEWEST or more."""
    accounts, held = _held(items, identity.kind, suspects)
    sizes = np.bincount(held, minlength=len(items.kind))[held]
    shared = (sizes >= 2) & (sizes <= identity.most)
    return components(*_stars(accounts[shared], held[shared]))


def conversation_components(items: Items, ledger: Ledger, linkable: Mask) -> list[Ints]:
    """Accounts that conversations moved between, in components of FEWEST or more."""
    relayed = np.zeros(len(linkable), bool)
    relayed[items.accounts[items.rows_of_kinds("relayed")]] = True
    return components(*moves(ledger).between(linkable & relayed))


def fingerprint_components(items: Items, suspects: Mask, trusted: Mask) -> list[Ints]:
    """For each TLS fingerprint that hardly any trusted account has, of those that show one, its suspects if they are
    FEWEST or more."""
    rows = items.rows_of_kinds("ja4")
    accounts, held, width = items.accounts[rows], items.items[rows], len(items.kind)
    established, suspected = trusted[accounts], suspects[accounts]
    wearers = np.zeros(len(trusted), bool)
    wearers[accounts[established]] = True
    known = np.bincount(held[established], minlength=width) + 1 > UNHEARD_OF * (int(wearers.sum()) + 2)
    strange = ~known & (np.bincount(held[suspected], minlength=width) >= FEWEST)
    shown = strange[held] & suspected
    cuts = run_starts(held[shown])[1:]
    return [part for part in np.split(accounts[shown], cuts) if len(part)]


def meeting_components(items: Items, suspects: Mask, operator: Ints) -> list[Ints]:
    """Accounts that met pairwise on rare addresses of three operators. operator: each address item's, or -1."""
    accounts, held = _held(items, "host", suspects)
    sizes = np.bincount(held, minlength=len(items.kind))[held]
    rare = (sizes >= 2) & (sizes <= CROWD) & (operator[held] >= 0)
    accounts, held = accounts[rare], held[rare]
    first, second = _together(held)
    who, where = accounts, operator[held]
    if not len(first):
        return []
    size = int(who.max()) + 1
    pairs, met = sorted_together(who[first] * size + who[second], where[first])
    fresh = np.append(True, (pairs[1:] != pairs[:-1]) | (met[1:] != met[:-1]))
    pairs = pairs[fresh]  # one row for each operator on which two met
    starts = run_starts(pairs)
    often = pairs[starts[run_lengths(starts, len(pairs)) >= MEETINGS]]
    return components(often // size, often % size)


def components(first: Ints, second: Ints) -> list[Ints]:
    """Connected components of FEWEST or more (a household has fewer), by spreading the least label until it settles."""
    nodes, ends = numbered(np.concatenate([first, second]))
    left, right = ends[: len(first)], ends[len(first) :]
    label = np.arange(len(nodes))
    while len(nodes):
        before = label.copy()
        np.minimum.at(label, left, label[right])
        np.minimum.at(label, right, label[left])
        label = label[label]
        if np.array_equal(before, label):
            break
    order = np.argsort(label, kind="stable")
    cuts = np.flatnonzero(np.diff(label[order])) + 1
    return [nodes[part] for part in np.split(order, cuts) if len(part) >= FEWEST]


def _operators(items: Items, ledger: Ledger) -> Ints:
    """For each address where people are a number for its /16 or /32, within which accounts meet only once.

    In data centres the customers of one service meet, on its machines.
    """
    operator = np.full(len(items.kind), -1)
    wide: dict[str, int] = {}
    hosts = np.flatnonzero(items.kind == INDEX["host"])
    for item in hosts[ledger.inhabited("host", items.value[hosts])]:
        name = ledger.name_of("host", int(items.value[item]))
        cut = ":" if ":" in name else "."
        operator[item] = wide.setdefault(cut.join(name.split(cut)[:2]), len(wide))
    return operator


def _held(items: Items, kind: str, among: Mask) -> tuple[Ints, Ints]:
    """The accounts `among` that hold values of a kind, and the items: by item, and of one item by account."""
    rows = items.rows_of_kinds(kind)
    rows = rows[among[items.accounts[rows]]]
    return items.accounts[rows], items.items[rows]


def _stars(accounts: Ints, held: Ints) -> tuple[Ints, Ints]:
    """Edges from each value's first holder to its others. held: sorted."""
    starts = np.append(True, held[1:] != held[:-1])[: len(held)]
    centre = accounts[np.flatnonzero(starts)][np.cumsum(starts) - 1] if len(held) else accounts
    return centre, accounts


def _together(groups: Ints) -> tuple[Ints, Ints]:
    """All pairs of rows of one group; groups is sorted and its runs are short."""
    row = np.arange(len(groups))
    following = np.searchsorted(groups, groups, side="right") - row - 1
    return np.repeat(row, following), spans(row + 1, following)
