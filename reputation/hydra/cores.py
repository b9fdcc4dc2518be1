"""Cores: cells and components put together into groups, and groups grown until nothing joins."""

from typing import NamedTuple

import numpy as np

from reputation.hydra import growth
from reputation.hydra.background import Background
from reputation.hydra.columns import Floats, Ints, Mask, runs, spans
from reputation.hydra.divergence import divergence
from reputation.hydra.families import FAMILIES
from reputation.hydra.linker_settings import LIFT
from reputation.hydra.surprise import Cell

OVERLAP = 0.3
"""Two cells are one core when the smaller has this share of its members in the other."""
CORROBORATION = 12.0
"""Nats that another family must add to a component: ln(10^4 values looked at) + 3."""
COMPONENT_ODDS = float(np.log(200.0))
SAMPLED = 64
SLACK = 1e-9
"""Relative error that no order of additions reaches."""
LOYAL = 7.0
"""Nats, ln(1000), by which a core's own member must look like the core; newcomers must overcome a prior besides."""
LOYAL_TO_A_WAVE = 5.0
"""Nats, ln(150), of time and rhythm, or synchrony: use is also as even as no people's, see `waves` and `crews`."""
LOAD = FAMILIES.index("load")
OF_A_RELAY = frozenset(map(FAMILIES.index, ("software", "rotation", "load")))
"""The families of a relay, whose members were each chosen by all three, see `relays`."""
ROUNDS = 3


class Group(NamedTuple):
    """members: accounts, sorted; odds: log odds that each belongs; families: numbers of the families that show it."""

    members: Ints
    odds: Floats
    families: frozenset[int]


def from_cells(cells: list[Cell], family: Ints, size: int) -> list[Group]:
    """Cells that overlap become one core; the strongest come first and take the others in."""
    label = np.full(size, -1)
    odds = np.zeros(size)
    families: list[set[int]] = []
    for cell in cells:
        group = _home(label[cell.members], len(cell.members))
        if group < 0 and (label[cell.members] >= 0).all():
            continue  # all of it is in other cores, and not enough in one
        if group < 0:
            group = len(families)
            families.append(set())
        families[group] |= {int(family[item]) for item in cell.items}
        free = cell.members[label[cell.members] < 0]
        label[free] = group
        mine = cell.members[label[cell.members] == group]
        odds[mine] = np.maximum(odds[mine], cell_odds(cell))
    return [
        Group(np.flatnonzero(label == number), odds[label == number], frozenset(shown))
        for number, shown in enumerate(families)
    ]


def cell_odds(cell: Cell) -> float:
    """Log odds that a member of the cell is no stranger: strangers expected in it are 1/lift of it, at most."""
    return float(np.log(max(cell.lift - 1.0, 0.1)) + np.log(len(cell.members)))


def corroborated(component: Ints, by: int, known: Background) -> Group | None:
    """A component drawn by one family is a core if two other families show it too, or one where `by` identifies."""
    begin, end = (np.searchsorted(known.items.accounts, component, side) for side in ("left", "right"))
    held, count = runs(np.sort(known.items.items[spans(begin, end - begin)]))
    share = count / len(component)
    # no account is expected to hold a value less often than all are: what that leaves out, the mean leaves out too
    likely = _strong(len(component), share, known.general[held] * (1.0 - SLACK))
    needed = 2 - (by in growth.IDENTIFYING)
    if len(set(known.family[held[likely]].tolist()) - {by}) < needed:
        return None
    held, share = held[likely], share[likely]
    strong = _strong(len(component), share, _expected(component, held, known))
    families = frozenset(known.family[held[strong]].tolist()) - {by}
    if len(families) < needed:
        return None
    return Group(component, np.full(len(component), COMPONENT_ODDS), families | {by})


def without_others(ring: Group, accused: Mask) -> Group:
    """A ring without those who had first what draws it; accused: whom it is evidence against."""
    there = accused[ring.members]
    return ring._replace(members=ring.members[there], odds=ring.odds[there])


def _strong(members: int, share: Floats, expected: Floats) -> Mask:
    strong: Mask = (members * divergence(share, expected) >= CORROBORATION) & (share >= LIFT * expected)
    return strong


def _expected(component: Ints, held: Ints, known: Background) -> Floats:
    """The mean over members of what is expected of accounts like each."""
    some = component[:SAMPLED]
    alike, first, which = known.alike(some)
    expected = known.expected(np.repeat(some[first], len(held)), np.tile(held, len(alike))).reshape(len(alike), -1)
    total: Floats = np.cumsum(expected[which], axis=0)[-1]  # one after the other: a sum would group them
    return total / len(some)


def grown(groups: list[Group], known: Background, suspects: Mask, rounds: int = ROUNDS) -> list[Group]:
    """Let each group take in who looks like it, and groups that look like each other become one."""
    for _ in range(rounds):
        groups = sorted(groups, key=lambda group: (-len(group.members), int(group.members[0])))
        taken = [_taken(group, known, suspects) for group in groups]
        # a group may have lost all its members: none of them looked like the rest
        grown_now = merged([group for group in taken if len(group.members)])
        if sum(len(group.members) for group in grown_now) == sum(len(group.members) for group in groups):
            return grown_now
        groups = grown_now
    return groups


def _taken(group: Group, known: Background, suspects: Mask) -> Group:
    """The group with those who look like it, without those of its own who do not look like the rest of it."""
    core = growth.signature(group.members, known)
    looks = growth.likeness_of(core, known, group.members, suspects)
    stay = looks.accounts[loyal(looks, wave=LOAD in group.families)] if group.families != OF_A_RELAY else group.members
    strangers = np.setdiff1d(group.members, stay)
    accounts, odds = growth.passing(looks, core.size, suspects)
    members = np.setdiff1d(np.union1d(group.members, accounts), strangers)
    best = np.full(len(members), -np.inf)
    for some, theirs in ((group.members, group.odds), (accounts, odds)):
        there = np.isin(some, members)
        spots = np.searchsorted(members, some[there])
        best[spots] = np.maximum(best[spots], theirs[there])
    return Group(members, best, group.families)


def loyal(looks: growth.Likeness, *, wave: bool) -> Mask:
    """Which accounts look enough like their group. In a wave or crew, even use is the third family."""
    enough: Mask = growth.several(looks) & (looks.nats >= LOYAL)
    if wave:
        enough |= (looks.families >= growth.FEW_FAMILIES - 1) & looks.driven & (looks.nats >= LOYAL_TO_A_WAVE)
    return enough


def merged(groups: list[Group]) -> list[Group]:
    """Each account goes to the first group that holds it; a group mostly held by another joins that one."""
    size = 1 + max((int(group.members[-1]) for group in groups), default=0)
    label = np.full(size, -1)
    odds = np.full(size, -np.inf)
    families: list[frozenset[int]] = []
    for group in groups:
        home = _home(label[group.members], len(group.members))
        if home < 0:
            home = len(families)
            families.append(frozenset())
        families[home] |= group.families
        label[group.members[label[group.members] < 0]] = home
        odds[group.members] = np.maximum(odds[group.members], group.odds)
    return [
        Group(np.flatnonzero(label == number), odds[label == number], shown)
        for number, shown in enumerate(families)
        if (label == number).any()
    ]


def _home(labels: Ints, members: int) -> int:
    """The label that holds at least OVERLAP of the members, or -1."""
    held = labels[labels >= 0]
    if not len(held):
        return -1
    counts = np.bincount(held)
    best = int(counts.argmax())
    return best if counts[best] >= OVERLAP * members else -1


def family_names(families: frozenset[int]) -> tuple[str, ...]:
    return tuple(FAMILIES[number] for number in sorted(families))
