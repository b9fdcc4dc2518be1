"""How many accounts hold each pair and each triple of values. Counted block by block, so that memory stays bounded."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reputation.hydra.columns import LOW, Floats, Ints, Mask, run_lengths, run_starts, runs, sorted_together, spans

FEWEST = 5
BLOCK = 2_000_000
"""Pairs or triples of rows looked at at once, about 24 bytes each."""
FINE = 200_000
"""Pairs of rows whose triples are looked at at once: those may be ten times as many."""
MOST_ROWS = 20_000_000
"""Triples looked at in all; beyond it the oldest accounts are left out."""
MANY_ROWS = 3_000_000
"""From so many pairs on, those that nothing draws together are left out; below it every triple is looked at."""
PAIR_LIFT, PAIR_NATS = 1.5, 8.0
"""Weaker than what a cell needs of each of its values, so that pruning costs little recall."""


class Table(NamedTuple):
    """Rows (account, item), sorted by account, and the family of each item."""

    accounts: Ints
    held: Ints
    family: Ints

    def only(self, rows: Mask) -> "Table":
        return Table(self.accounts[rows], self.held[rows], self.family)


class Pairs(NamedTuple):
    """Pairs of items that enough suspects hold. keys: first << LOW | second, sorted; counts: (pools, pairs).

    single: suspects that hold each item; suspects: how many there are.
    """

    keys: Ints
    counts: Floats
    single: Floats
    suspects: float

    def at(self, first: Ints, second: Ints) -> Ints:
        return np.searchsorted(self.keys, np.minimum(first, second) << LOW | np.maximum(first, second))

    def among(self, first: Ints, second: Ints) -> tuple[Mask, Ints]:
        """Which of these pairs, first < second, are counted here, and where."""
        key = first << LOW | second
        spot = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        return self.keys[spot] == key, spot

    def marked(self) -> Mask:
        """Items that are in any pair."""
        inside = np.zeros(len(self.single), bool)
        inside[self.keys >> LOW] = inside[self.keys & ((1 << LOW) - 1)] = True
        return inside


class Triples(NamedTuple):
    """Triples that enough suspects hold. items: (3, triples); unlinked: holders that count as normal.

    accounts: who holds each triple, sorted, from where it begins.
    """

    items: Ints
    holders: Ints
    unlinked: Ints
    begin: Ints
    accounts: Ints

    def members(self, spots: Ints) -> Iterator[Ints]:
        """The accounts, sorted, of each of these triples."""
        for begin, count in zip(self.begin[spots].tolist(), self.holders[spots].tolist(), strict=True):
            yield self.accounts[begin : begin + count].astype(np.int64)


def count_pairs(table: Table, pools: Iterable[Mask]) -> Pairs:
    """Pairs of two families that enough suspects hold, counted in every pool; the first pool is the suspects."""
    suspects, *others = pools
    of_suspects = table.only(suspects[table.accounts])
    width = int(table.held.max(initial=0)) + 1
    keys, counts = _tallied(_pair_keys(block)[0] for block in _blocks(of_suspects, BLOCK))
    keys, counts = keys[counts >= FEWEST], counts[counts >= FEWEST]
    single = np.bincount(of_suspects.held, minlength=width).astype(np.float64)
    pairs = Pairs(keys, np.zeros((1 + len(others), len(keys))), single, float(suspects.sum()))
    pairs.counts[0] = counts
    if len(keys):
        _count_among(pairs, table.only(pairs.marked()[table.held]), others)
    return pairs


def count_triples(table: Table, pairs: Pairs, base: Mask) -> Triples:
    """Triples of three families all of whose pairs are in `pairs`. table: rows of suspects alone."""
    table = table.only(pairs.marked()[table.held])
    width = len(pairs.single)
    drawn = _drawn_together(pairs) if pairs.counts[0].sum() > MANY_ROWS else None
    keys, accounts, total = [], [], 0
    for block in reversed(list(_blocks(table, BLOCK))):
        for part in _blocks(block, FINE):
            key, who = _triple_keys(part, pairs, drawn, width)
            keys.append(key)
            accounts.append(who)
            total += len(key)
        if total > MOST_ROWS:
            break
    row_keys, row_accounts = sorted_together(_joined(keys), _joined(accounts))
    begin = run_starts(row_keys)
    holders = run_lengths(begin, len(row_keys))
    normal = base[row_accounts]
    unlinked = np.add.reduceat(normal, begin, dtype=np.int64) if len(begin) else holders
    often = holders >= FEWEST
    begin, holders, unlinked = begin[often], holders[often], unlinked[often]
    pair, third = pairs.keys[row_keys[begin] // width], row_keys[begin] % width
    items = np.stack([pair >> LOW, pair & ((1 << LOW) - 1), third])
    return Triples(items, holders, unlinked, begin, row_accounts)


def _joined(parts: list[npt.NDArray[Any]]) -> Ints:
    """All parts in one; they are let go, since there are few columns as long as these."""
    whole = np.concatenate(parts) if parts else np.zeros(0, np.int64)
    parts.clear()
    return whole


def _blocks(table: Table, size: int) -> Iterator[Table]:
    """The table cut between accounts, so that each part has about `size` pairs of rows."""
    starts = run_starts(table.accounts)
    sizes = run_lengths(starts, len(table.accounts))
    block = np.cumsum(sizes * (sizes - 1) // 2) // size
    cuts = [*starts[np.flatnonzero(np.append(True, np.diff(block) > 0)[: len(starts)])].tolist(), len(table.accounts)]
    for begin, end in pairwise(cuts):
        yield Table(table.accounts[begin:end], table.held[begin:end], table.family)


def _ahead(accounts: Ints) -> tuple[Ints, Ints]:
    """All pairs of rows (i, j), i < j, of one account, sorted."""
    row = np.arange(len(accounts))
    following = np.searchsorted(accounts, accounts, side="right") - row - 1
    return np.repeat(row, following), spans(row + 1, following)


def _pair_keys(table: Table) -> tuple[Ints, Ints]:
    """The key of each pair of rows of one account and two families, and the account."""
    first, second = _ahead(table.accounts)
    of = table.family[table.held]
    across = of[first] != of[second]
    first, second = first[across], second[across]
    return table.held[first] << LOW | table.held[second], table.accounts[first]


def _tallied(blocks: Iterable[Ints]) -> tuple[Ints, Ints]:
    """Distinct keys of all blocks, sorted, and how often each comes."""
    keys = counts = np.zeros(0, np.int64)
    for block in blocks:
        fresh, often = runs(np.sort(block))
        both, weights = np.concatenate([keys, fresh]), np.concatenate([counts, often])
        order = np.argsort(both, kind="stable")
        keys, times = runs(both[order])
        counts = np.add.reduceat(weights[order], np.cumsum(times) - times) if len(keys) else counts
    return keys, counts


def _count_among(pairs: Pairs, table: Table, pools: list[Mask]) -> None:
    for block in _blocks(table, BLOCK):
        key, who = _pair_keys(block)
        counted, spot = pairs.among(key >> LOW, key & ((1 << LOW) - 1))
        spot, who = spot[counted], who[counted]
        for number, pool in enumerate(pools, 1):
            pairs.counts[number] += np.bincount(spot[pool[who]], minlength=len(pairs.keys))


def _triple_keys(table: Table, pairs: Pairs, drawn: Mask | None, width: int) -> tuple[Ints, Ints]:
    """The key of each three rows of one account all of whose pairs are in `pairs`, and the account."""
    accounts, held = table.accounts, table.held
    first, second = _ahead(accounts)
    good, number = pairs.among(held[first], held[second])
    rows = np.arange(len(accounts) + 1)
    ahead = np.searchsorted(first, rows)  # where each row's pairs begin
    partner, begin = second[good].astype(np.int32), np.searchsorted(first[good], rows)
    kept = good.copy()
    if drawn is not None:
        kept[good] = _narrowed(accounts, first[good], second[good], drawn[number[good]])
    first, second = first[kept], second[kept]
    following = begin[second + 1] - begin[second]
    third = partner[spans(begin[second], following)]
    closed = good[np.repeat((ahead[first] - first - 1).astype(np.int32), following) + third]
    third = third[closed]
    return np.repeat(number[kept] * width, following)[closed] + held[third], accounts[third].astype(np.int32)


def _narrowed(accounts: Ints, first: Ints, second: Ints, drawn: Mask) -> Mask:
    """Where there is too much to look at: only rows of items that some pair draws together in that account.

    A heuristic: in a cell at least two of the three pairs are usually drawn together. It loses cells of hydras that are
    most of all suspects, which does not happen where there are so many rows.
    """
    touched = np.bincount(accounts[first[drawn]], minlength=int(accounts.max(initial=0)) + 1)
    marked = np.zeros(len(accounts), bool)
    marked[first[drawn]] = marked[second[drawn]] = True
    kept: Mask = marked[first] & marked[second] & (touched[accounts[first]] >= 2)
    return kept


def _drawn_together(pairs: Pairs) -> Mask:
    """Pairs more frequent among suspects than their values make likely."""
    left, right = pairs.keys >> LOW, pairs.keys & ((1 << LOW) - 1)
    expected = pairs.single[left] * pairs.single[right] / max(pairs.suspects, 1.0)
    lift = pairs.counts[0] / np.maximum(expected, 1e-9)
    drawn: Mask = (lift >= PAIR_LIFT) & (pairs.counts[0] * np.log(np.maximum(lift, 1.0)) >= PAIR_NATS)
    return drawn
