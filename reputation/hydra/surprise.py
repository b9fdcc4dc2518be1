"""Three-way surprise: cells of three values, from three families, that too many accounts share.

A cell is suspicious only if *each* of its values is surprising given the *pair* of the other two. A workshop room
shares its address and its hour of sign-up, but its browsers are as mixed as everybody's: that cell passes.
What is expected of a value is the highest of: its share among accounts that have neither of the other two, in the whole
population and among unproven accounts alone, and its share among trusted accounts that have one of the other two
(servers on hosting networks use SDKs: that is a class, not an actor).

Evidence is Chernoff's bound on the binomial tail, n * KL(x/n || p) nats: the chance of x of n or more
is below exp(-nats).
"""

import hashlib
from typing import NamedTuple

import numpy as np

from reputation.hydra.columns import LOW, Floats, Ints, Mask
from reputation.hydra.items import Items, mined

LIFT = 3.0
"""How much more frequent each value must be than expected: an effect that class habits do not have."""
NATS = 25.0
"""ln(10^6 cells looked at) + 11: below one false cell in 50,000 epochs if accounts were independent."""
FEWEST = 5
COMMON = 1 / 3
"""A value that more than a third of those above suspicion have is nobody's mark."""
TRUSTED_ENOUGH = 30
PRIOR_WEIGHT = 10.0
"""Accounts' worth of the general share mixed into a share among few trusted ones."""
MOST_ROWS = 30_000_000
MANY_ROWS = 3_000_000
"""From so many rows on, pairs that nothing draws together are left out; below it every triple is looked at."""
PAIR_LIFT, PAIR_NATS = 1.5, 8.0
"""Weaker than what a cell needs of each of its values, so that pruning costs little recall."""


class Pools(NamedTuple):
    """Whose accounts count for what, as masks over accounts.

    suspects may be linked; base is everybody who counts as normal (nobody linked); fresh the unproven of them;
    trusted the proven ones.
    """

    suspects: Mask
    base: Mask
    fresh: Mask
    trusted: Mask


class Cell(NamedTuple):
    """items: three item numbers; members: accounts; lift, nats: the least of the three directions; shares: expected."""

    items: tuple[int, int, int]
    members: Ints
    lift: float
    nats: float
    shares: tuple[float, float, float]


class _Pairs(NamedTuple):
    """Counts of pairs of items, sorted by key (first << LOW | second), one row of counts per pool of Pools."""

    keys: Ints
    counts: Floats
    single: Floats
    suspects: float

    def at(self, first: Ints, second: Ints) -> Ints:
        return np.searchsorted(self.keys, np.minimum(first, second) << LOW | np.maximum(first, second))


class _Triples(NamedTuple):
    items: Ints
    holders: Ints
    unlinked: Ints
    start: Ints
    accounts: Ints


def surprising(items: Items, pools: Pools, lift: float = LIFT, nats: float = NATS) -> list[Cell]:
    """Cells over both thresholds in all three directions, the strongest first; cells with the same members once."""
    rows = _worth_looking(items, pools)
    accounts, held = items.accounts[rows], items.items[rows]
    family = items.family()
    suspect = pools.suspects[accounts]
    pairs = _count_pairs(accounts, held, family, pools)
    if not len(pairs.keys):
        return []
    triples = _count_triples(accounts[suspect], held[suspect], family, pairs, pools.base)
    if not len(triples.holders):
        return []
    single = np.stack([items.counts(pool) for pool in pools]).astype(float)
    shares, lifts, weights = _judge(triples, pairs, single, np.array([float(pool.sum()) for pool in pools]))
    found = np.flatnonzero((lifts.min(axis=0) >= lift) & (weights.min(axis=0) >= nats))
    return _distinct(triples, found, shares, lifts.min(axis=0), weights.min(axis=0))


def divergence(share: Floats, expected: Floats) -> Floats:
    """KL divergence of two Bernoulli variables, in nats; 0 where share is not above expected."""
    share = np.clip(share, 1e-12, 1.0)
    expected = np.clip(expected, 1e-12, 1 - 1e-12)
    rest = np.where(share < 1, (1 - share) * np.log(np.maximum(1 - share, 1e-12) / (1 - expected)), 0.0)
    apart: Floats = np.where(share > expected, share * np.log(share / expected) + rest, 0.0)
    return apart


def _worth_looking(items: Items, pools: Pools) -> Mask:
    """Rows of values that some, but not everybody, has; the most suspicious few of each account and kind."""
    suspects, base = items.counts(pools.suspects), items.counts(pools.base)
    others = pools.base & ~pools.suspects
    worth = (suspects >= FEWEST) & (items.counts(others) <= COMMON * max(int(others.sum()), TRUSTED_ENOUGH))
    ratio = suspects / (base + 10.0)
    rows = worth[items.items]
    rows[rows] = mined(Items(items.accounts[rows], items.items[rows], items.kind, items.value, items.known), ratio)
    return rows


def _count_pairs(accounts: Ints, held: Ints, family: Ints, pools: Pools) -> _Pairs:
    first, second = _ahead(accounts)
    across = family[held[first]] != family[held[second]]
    first, second = first[across], second[across]
    key = held[first] << LOW | held[second]
    keys, where = np.unique(key, return_inverse=True)
    who = accounts[first]
    counts = np.stack([np.bincount(where, weights=pool[who], minlength=len(keys)) for pool in pools])
    kept = counts[0] >= FEWEST
    single = np.bincount(held, weights=pools.suspects[accounts], minlength=int(held.max(initial=0)) + 1)
    return _Pairs(
        keys[kept], counts[:, kept].astype(np.float64), single.astype(np.float64), float(pools.suspects.sum())
    )


def _ahead(accounts: Ints) -> tuple[Ints, Ints]:
    """All pairs of rows (i, j), i < j, of one account."""
    ends = np.searchsorted(accounts, accounts, side="right")
    following = ends - np.arange(len(accounts)) - 1
    first = np.repeat(np.arange(len(accounts)), following)
    offset = np.arange(len(first)) - np.repeat(np.cumsum(following) - following, following)
    return first, first + offset + 1


def _count_triples(accounts: Ints, held: Ints, family: Ints, pairs: _Pairs, base: Mask) -> _Triples:
    """All triples of three families whose three pairs are all frequent, with their holders."""
    first, second = _ahead(accounts)
    good, number = _among(pairs, held[first], held[second])
    first, second, number = _narrowed(accounts, (first[good], second[good], number[good]), pairs)
    ends = np.searchsorted(accounts, accounts, side="right")
    following = ends[second] - second - 1
    if following.sum() > MOST_ROWS:
        following = _shortened(following)
    base_row = np.repeat(np.arange(len(first)), following)
    third = second[base_row] + 1 + np.arange(len(base_row)) - np.repeat(np.cumsum(following) - following, following)
    good = (family[held[first[base_row]]] != family[held[third]]) & (
        family[held[second[base_row]]] != family[held[third]]
    )
    base_row, third = base_row[good], third[good]
    for other in (first, second):
        good, _ = _among(pairs, held[other[base_row]], held[third])
        base_row, third = base_row[good], third[good]
    return _grouped(number[base_row] * (int(held.max(initial=0)) + 1) + held[third], accounts[third], pairs, held, base)


def _narrowed(accounts: Ints, rows: tuple[Ints, Ints, Ints], pairs: _Pairs) -> tuple[Ints, Ints, Ints]:
    """Where there is too much to look at: only rows of items that some pair draws together in that account.

    A heuristic: in a cell at least two of the three pairs are usually drawn together. It loses cells of hydras that are
    most of all suspects, which does not happen where there are so many rows.
    """
    first, second, number = rows
    if len(first) <= MANY_ROWS:
        return rows
    drawn = _drawn_together(pairs)[number]
    touched = np.bincount(accounts[first[drawn]], minlength=int(accounts.max(initial=0)) + 1)
    marked = np.zeros(len(accounts), bool)
    marked[first[drawn]] = marked[second[drawn]] = True
    kept = marked[first] & marked[second] & (touched[accounts[first]] >= 2)
    return first[kept], second[kept], number[kept]


def _drawn_together(pairs: _Pairs) -> Mask:
    """Pairs more frequent among suspects than their values make likely."""
    left, right = pairs.keys >> LOW, pairs.keys & ((1 << LOW) - 1)
    expected = pairs.single[left] * pairs.single[right] / max(pairs.suspects, 1.0)
    lift = pairs.counts[0] / np.maximum(expected, 1e-9)
    drawn: Mask = (lift >= PAIR_LIFT) & (pairs.counts[0] * np.log(np.maximum(lift, 1.0)) >= PAIR_NATS)
    return drawn


def _shortened(following: Ints) -> Ints:
    """Bound the work: beyond MOST_ROWS rows the later ones are left out."""
    room = np.cumsum(following) <= MOST_ROWS
    return np.where(room, following, 0)


def _among(pairs: _Pairs, first: Ints, second: Ints) -> tuple[Mask, Ints]:
    key = first << LOW | second
    spot = np.minimum(np.searchsorted(pairs.keys, key), len(pairs.keys) - 1)
    return pairs.keys[spot] == key, spot


def _grouped(key: Ints, who: Ints, pairs: _Pairs, held: Ints, base: Mask) -> _Triples:
    order = np.argsort(key, kind="stable")
    key, who = key[order], who[order]
    start = np.flatnonzero(np.append(True, key[1:] != key[:-1])) if len(key) else np.zeros(0, np.int64)
    count = np.diff(np.append(start, len(key)))
    unlinked = np.add.reduceat(base[who].astype(np.int64), start) if len(key) else count
    often = count >= FEWEST
    width = int(held.max(initial=0)) + 1
    pair = pairs.keys[key[start] // width]
    items = np.stack([pair >> LOW, pair & ((1 << LOW) - 1), key[start] % width])
    return _Triples(items[:, often], count[often], unlinked[often], start[often], who)


def _judge(triples: _Triples, pairs: _Pairs, single: Floats, sizes: Floats) -> tuple[Floats, Floats, Floats]:
    """Expected shares, lifts and nats of each triple in its three directions, each shaped (3, triples)."""
    shares, lifts, weights = [], [], []
    for turn in range(3):
        value, left, right = (triples.items[(turn + step) % 3] for step in range(3))
        given = pairs.counts[0, pairs.at(left, right)]
        expected = _expected(value, left, right, pairs, (single, sizes), triples.unlinked)
        share = triples.holders / given
        shares.append(expected)
        lifts.append(share / expected)
        weights.append(given * divergence(share, expected))
    return np.stack(shares), np.stack(lifts), np.stack(weights)


def _expected(
    value: Ints, left: Ints, right: Ints, pairs: _Pairs, known: tuple[Floats, Floats], inside: Ints
) -> Floats:
    single, sizes = known
    with_left, with_right = pairs.counts[:, pairs.at(value, left)], pairs.counts[:, pairs.at(value, right)]
    between = pairs.counts[:, pairs.at(left, right)]
    neither = single[:, value] - with_left - with_right + inside
    outside = sizes[:, None] - single[:, left] - single[:, right] + between
    apart = (np.maximum(neither, 0) + 0.5) / (np.maximum(outside, 0) + 1.0)
    expected = np.maximum(apart[1], apart[2])
    if sizes[3] >= TRUSTED_ENOUGH:
        general = (single[3, value] + 0.5) / (sizes[3] + 1.0)
        for other, both in ((left, with_left), (right, with_right)):
            among = (both[3] + PRIOR_WEIGHT * general) / (single[3, other] + PRIOR_WEIGHT)
            expected = np.maximum(expected, among)
    limited: Floats = np.minimum(expected, 1.0)
    return limited


def _distinct(triples: _Triples, found: Ints, shares: Floats, lifts: Floats, nats: Floats) -> list[Cell]:
    cells: dict[bytes, Cell] = {}
    for spot in found[np.argsort(-nats[found], kind="stable")]:
        members = triples.accounts[triples.start[spot] : triples.start[spot] + triples.holders[spot]]
        mark = hashlib.blake2b(members.tobytes(), digest_size=16).digest()
        if mark not in cells:
            three = tuple(triples.items[:, spot].tolist())
            cells[mark] = Cell(three, members, float(lifts[spot]), float(nats[spot]), tuple(shares[:, spot].tolist()))
    return list(cells.values())
