"""Surprise, counted by hand: each cell of small populations with its expected shares, lift and nats; each threshold."""

import math
from itertools import combinations

import numpy as np
import pytest

from reputation.hydra.families import FAMILY
from reputation.hydra.surprise import COMMON, PRIOR_WEIGHT, TRUSTED_ENOUGH, Pools, surprising
from tests.hydra.crowd import items

KINDS = ("ja4", "asn", "iin", "signup_day", "device")


def random_population(seed, size=200):
    """A few habits that several share in part; pools that overlap in every way, as they do beside linked accounts."""
    rng = np.random.default_rng(seed)
    base = rng.random(size) < 0.9
    trusted = base & (rng.random(size) < 0.4)
    suspects = ~trusted & (rng.random(size) < 0.8)
    held = {}
    for n in range(size):
        habit, faithful = int(rng.integers(4)), 0.3 if trusted[n] else 0.6
        values = [habit if rng.random() < faithful else int(rng.integers(4, 9 + i)) for i in range(len(KINDS))]
        held[n] = [(kind, value) for kind, value in zip(KINDS, values, strict=True) if rng.random() < 0.95]
    return items(held, size), Pools(suspects, base, base & ~trusted, trusted)


def kl(share, expected):
    if share <= expected:
        return 0.0
    rest = (1 - share) * math.log((1 - share) / (1 - expected)) if share < 1 else 0.0
    return share * math.log(share / expected) + rest


class Counted:
    """The definition, in sets."""

    def __init__(self, held, pools):
        self.holders = [frozenset(held.accounts[held.items == i].tolist()) for i in range(len(held.kind))]
        self.family = [FAMILY[kind] for kind in held.kind]
        self.pools = [frozenset(np.flatnonzero(pool).tolist()) for pool in pools]
        suspects, base, *_ = self.pools
        self.others = base - suspects
        most = COMMON * max(len(self.others), TRUSTED_ENOUGH)
        self.worth = [
            i for i, who in enumerate(self.holders) if len(who & suspects) >= 5 and len(who & self.others) <= most
        ]

    def cells(self):
        suspects = self.pools[0]
        for three in combinations(self.worth, 3):
            who = frozenset.intersection(*[self.holders[i] for i in three]) & suspects
            if len({self.family[i] for i in three}) == 3 and len(who) >= 5:
                ways = [self.judged(who, three[turn], *[i for i in three if i != three[turn]]) for turn in range(3)]
                yield three, who, ways

    def judged(self, who, value, left, right):
        v, a, b = (self.holders[i] for i in (value, left, right))
        suspects, base, fresh, trusted = self.pools
        expected = 0.0
        for pool in (base, fresh):
            neither = len(pool & v) - len(pool & v & a) - len(pool & v & b) + len(who & base)
            outside = len(pool - a - b)
            expected = max(expected, (max(neither, 0) + 0.5) / (outside + 1.0))
        if len(trusted) >= TRUSTED_ENOUGH:
            general = (len(trusted & v) + 0.5) / (len(trusted) + 1.0)
            for other in (a, b):
                among = (len(trusted & v & other) + PRIOR_WEIGHT * general) / (len(trusted & other) + PRIOR_WEIGHT)
                expected = max(expected, among)
        expected = min(expected, 1.0)
        between = len(suspects & a & b)
        share = len(who) / between
        return expected, share / expected, between * kl(share, expected)


def told(found):
    return {cell.items: cell for cell in found}


@pytest.mark.parametrize("seed", range(6))
def test_each_cell_is_what_counting_by_hand_says(seed):
    held, pools = random_population(seed)
    found = told(surprising(held, pools, lift=0.0, nats=0.0))
    counted = {three: (who, ways) for three, who, ways in Counted(held, pools).cells()}
    assert {frozenset(cell.members.tolist()) for cell in found.values()} == {who for who, _ in counted.values()}
    assert len(found) == len({who for who, _ in counted.values()}) > 10
    for three, cell in found.items():
        who, ways = counted[tuple(sorted(three))]
        by_value = dict(zip(sorted(three), ways, strict=True))
        assert frozenset(cell.members.tolist()) == who
        assert cell.shares == pytest.approx([by_value[i][0] for i in three])
        assert cell.lift == pytest.approx(min(lift for _, lift, _ in ways))
        assert cell.nats == pytest.approx(min(nats for _, _, nats in ways), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_of_cells_with_the_same_members_the_strongest_comes_and_the_strongest_comes_first(seed):
    held, pools = random_population(seed)
    found = list(surprising(held, pools, lift=0.0, nats=0.0))
    nats = [cell.nats for cell in found]
    assert nats == sorted(nats, reverse=True)
    strongest = {}
    for _, who, ways in Counted(held, pools).cells():
        strongest[who] = max(strongest.get(who, 0.0), min(weight for _, _, weight in ways))
    for cell in found:
        assert cell.nats == pytest.approx(strongest[frozenset(cell.members.tolist())], abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_a_cell_needs_both_thresholds_and_keeps_them_exactly(seed):
    held, pools = random_population(seed)
    every = list(surprising(held, pools, lift=0.0, nats=0.0))
    lift, nats = sorted(c.lift for c in every)[len(every) // 2], sorted(c.nats for c in every)[len(every) // 2]
    kept = told(surprising(held, pools, lift, nats))
    assert set(kept) == {cell.items for cell in every if cell.lift >= lift and cell.nats >= nats}
    above = told(surprising(held, pools, math.nextafter(lift, 9e9), nats))
    assert {c.items for c in every if c.lift == lift and c.nats >= nats} == set(kept) - set(above)
    above = told(surprising(held, pools, lift, math.nextafter(nats, 9e9)))
    assert {c.items for c in every if c.nats == nats and c.lift >= lift} == set(kept) - set(above)
    assert 0 < len(kept) < len(every)


@pytest.mark.parametrize("seed", range(3))
def test_a_cell_at_a_threshold_is_found_and_one_just_below_it_is_not(seed):
    held, pools = random_population(seed)
    every = list(surprising(held, pools, lift=0.0, nats=0.0))
    for cell in every:
        assert cell.items in told(surprising(held, pools, cell.lift, cell.nats))
        assert cell.items not in told(surprising(held, pools, math.nextafter(cell.lift, 9e9), 0.0))
        assert cell.items not in told(surprising(held, pools, 0.0, math.nextafter(cell.nats, 9e9)))


@pytest.mark.parametrize(("count", "found"), [(29, True), (30, True), (31, False)])
def test_a_value_of_more_than_a_third_of_those_above_suspicion_is_nobodys_mark(count, found):
    """Of ninety: thirty is a third."""
    heads = {n: [("ja4", 90), ("asn", 91), ("iin", 92)] for n in range(20)}
    above = {n: [("ja4", 90 if n < 20 + count else n % 7), ("asn", n % 31), ("iin", n % 23)] for n in range(20, 110)}
    suspects = np.arange(110) < 20
    everybody = np.ones(110, bool)
    cells = surprising(items(heads | above, 110), Pools(suspects, everybody, suspects, ~suspects), lift=0.0, nats=0.0)
    assert bool(list(cells)) == found


@pytest.mark.parametrize(("count", "found"), [(10, True), (11, False)])
def test_few_above_suspicion_count_as_thirty(count, found):
    heads = {n: [("ja4", 90), ("asn", 91), ("iin", 92)] for n in range(20)}
    above = {n: [("ja4", 90), ("asn", n % 31), ("iin", n % 23)] for n in range(20, 20 + count)}
    size = 20 + count
    suspects = np.arange(size) < 20
    everybody = np.ones(size, bool)
    cells = surprising(items(heads | above, size), Pools(suspects, everybody, suspects, ~suspects), lift=0.0, nats=0.0)
    assert bool(list(cells)) == found


@pytest.mark.parametrize("count", [29, 30])
def test_what_trusted_accounts_share_with_one_another_counts_from_thirty_of_them_on(count):
    """A class that they are in too, such as servers on hosting networks with an SDK, is nobody's mark."""
    heads = {n: [("ja4", 90), ("asn", 91), ("iin", 92)] for n in range(10)}
    theirs = {
        n: [("ja4", 90), ("asn", 91), ("iin", n % 5)] if n % 3 == 0 else [("ja4", n % 5)] for n in range(10, 10 + count)
    }
    others = {n: [("ja4", n % 5), ("asn", n % 5), ("iin", n % 5)] for n in range(40, 140)}
    suspects, trusted = np.arange(140) < 10, (np.arange(140) >= 10) & (np.arange(140) < 10 + count)
    pools = Pools(suspects, np.ones(140, bool), ~trusted, trusted)
    (cell,) = surprising(items(heads | theirs | others, 140), pools, lift=0.0, nats=0.0)
    among = (count // 3 + (count % 3 > 0) + PRIOR_WEIGHT * 0.1) / (20 + PRIOR_WEIGHT)
    assert (max(cell.shares) > among / 2) == (count == 30)


@pytest.mark.parametrize(("count", "found"), [(4, False), (5, True)])
def test_five_suspects_are_a_cell(count, found):
    heads = {n: [("ja4", 90), ("asn", 91), ("iin", 92)] for n in range(count)}
    rest = {n: [("ja4", n % 9), ("asn", n % 31), ("iin", n % 23)] for n in range(count, 60)}
    suspects = np.arange(60) < 30
    pools = Pools(suspects, np.ones(60, bool), suspects, ~suspects)
    cells = [c for c in surprising(items(heads | rest, 60), pools, 0.0, 0.0) if set(c.members) == set(range(count))]
    assert bool(cells) == found
