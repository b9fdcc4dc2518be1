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
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from reputation.hydra.columns import Floats, Ints, Mask
from reputation.hydra.counting import FEWEST, Pairs, Table, Triples, count_among, count_pairs, count_triples
from reputation.hydra.divergence import divergence
from reputation.hydra.linker_settings import LIFT, NATS
from reputation.hydra.table import Items, mined

COMMON = 1 / 3
"""A value that more than a third of those above suspicion have marks no account."""
TRUSTED_ENOUGH = 30
PRIOR_WEIGHT = 10.0
"""Accounts' worth of the general share mixed into a share among few trusted ones."""


class Pools(NamedTuple):
    """Whose accounts count for what, as masks over accounts.

    suspects may be linked; base is every account that counts as normal (none linked); fresh the unproven of them;
    trusted the proven ones.
    """

    suspects: Mask
    base: Mask
    fresh: Mask
    trusted: Mask


class Counted(NamedTuple):
    """By pool: how many hold each item, how many accounts there are, and the coverage of each item; and which items
    are of partial families."""

    single: Floats
    sizes: Floats
    coverage: Floats
    partial: Mask


class Cell(NamedTuple):
    """items: three item numbers; members: accounts; lift, nats: the least of the three directions; shares: expected."""

    items: tuple[int, int, int]
    members: Ints
    lift: float
    nats: float
    shares: tuple[float, float, float]


def surprising(items: Items, pools: Pools, lift: float = LIFT, nats: float = NATS) -> Iterator[Cell]:
    """Cells over both thresholds in all three directions, the strongest first; cells with the same members once."""
    rows = _worth_looking(items, pools)
    table = Table(items.accounts[rows], items.items[rows], items.family())
    of_suspects = table.only(pools.suspects[table.accounts])
    pairs = count_pairs(of_suspects, int(pools.suspects.sum()))
    if not len(pairs.keys):
        return
    triples = count_triples(of_suspects, pairs, pools.base)
    if not len(triples.holders):
        return
    pairs = count_among(pairs.of_triples(triples.items), table, pools[1:])
    marked = np.flatnonzero(pairs.marked())
    single = np.stack([items.counts(pool, marked) for pool in pools]).astype(float)
    sizes = np.array([float(pool.sum()) for pool in pools])
    known = Counted(single, sizes, np.stack([items.coverage(pool) for pool in pools]), items.partial())
    shares, lifts, weights = _judge(triples, pairs, known)
    found = np.flatnonzero((lifts.min(axis=0) >= lift) & (weights.min(axis=0) >= nats))
    yield from _distinct(triples, found, shares, lifts.min(axis=0), weights.min(axis=0))


def _worth_looking(items: Items, pools: Pools) -> Mask:
    """Rows of values that some, but not everybody, has; the most suspicious few of each account and kind."""
    others = pools.base & ~pools.suspects
    suspects, base, beside = (items.counts(pool) for pool in (pools.suspects, pools.base, others))
    worth = (suspects >= FEWEST) & (beside <= COMMON * max(int(others.sum()), TRUSTED_ENOUGH))
    rows = np.flatnonzero(worth[items.items])
    found = np.zeros(len(items.items), bool)
    found[rows[mined(items, rows, suspects / (base + 10.0))]] = True
    return found


def _judge(triples: Triples, pairs: Pairs, known: Counted) -> tuple[Floats, Floats, Floats]:
    """Expected shares, lifts and nats of each triple in its three directions, each shaped (3, triples)."""
    shares, lifts, weights = [], [], []
    opposite = [pairs.at(triples.items[(turn + 1) % 3], triples.items[(turn + 2) % 3]) for turn in range(3)]
    for turn in range(3):
        value, left, right = (triples.items[(turn + step) % 3] for step in range(3))
        between, with_right, with_left = (pairs.counts[:, opposite[(turn + step) % 3]] for step in range(3))
        expected = _expected((value, left, right), (with_left, with_right, between), known, triples.unlinked)
        share = triples.holders / between[0]
        shares.append(expected)
        lifts.append(share / expected)
        weights.append(between[0] * divergence(share, expected))
    return np.stack(shares), np.stack(lifts), np.stack(weights)


def _expected(
    three: tuple[Ints, Ints, Ints], pairs: tuple[Floats, Floats, Floats], known: Counted, inside: Ints
) -> Floats:
    """pairs: how many in each pool hold the value with the left one, with the right one, and those two."""
    (value, left, right), (with_left, with_right, between), (single, sizes, coverage, partial) = three, pairs, known
    neither = single[:, value] - with_left - with_right + inside
    outside = sizes[:, None] - single[:, left] - single[:, right] + between
    apart = (np.maximum(neither, 0) + 0.5) / (np.maximum(outside, 0) * coverage[:, value] + 1.0)
    expected = np.maximum(apart[1], apart[2])
    if sizes[3] >= TRUSTED_ENOUGH:
        general = (single[3, value] + 0.5) / (sizes[3] * coverage[3, value] + 1.0)
        for other, both in ((left, with_left), (right, with_right)):
            covered = np.where(partial[other], 1.0, coverage[3, value])
            among = (both[3] + PRIOR_WEIGHT * general) / (single[3, other] * covered + PRIOR_WEIGHT)
            expected = np.maximum(expected, among)
    limited: Floats = np.minimum(expected, 1.0)
    return limited


def _distinct(triples: Triples, found: Ints, shares: Floats, lifts: Floats, nats: Floats) -> Iterator[Cell]:
    seen: set[bytes] = set()
    best = found[np.argsort(-nats[found], kind="stable")]
    for spot, members in zip(best.tolist(), triples.members(best), strict=True):
        mark = hashlib.blake2b(members.tobytes(), digest_size=16).digest()
        if mark not in seen:
            seen.add(mark)
            three = tuple(triples.items[:, spot].tolist())
            yield Cell(three, members, float(lifts[spot]), float(nats[spot]), tuple(shares[:, spot].tolist()))
