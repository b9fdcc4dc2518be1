"""How many accounts hold each pair and each triple of values. Counted block by block, so that memory stays bounded."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reputation.hydra.columns import LOW, Floats, Ints, Mask, run_lengths, run_starts, runs, sorted_together, spans

FEWEST = 5
BLOCK = 2_000_000
"""Pairs or triples of rows looked at at once, about 24 bytes each."""
MOST_IN_SQUARE = 1024
"""Items up to which pairs are looked up in a square of them, 4 MB."""
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

    def marked(self) -> Mask:
        """Items that are in any pair."""
        inside = np.zeros(len(self.single), bool)
        inside[self.keys >> LOW] = inside[self.keys & ((1 << LOW) - 1)] = True
        return inside

    def of_triples(self, items: Ints) -> "Pairs":
        """Those that are in some of these triples of items, shaped (3, triples)."""
        kept = np.zeros(len(self.keys), bool)
        for first, second in ((0, 1), (0, 2), (1, 2)):
            kept[self.at(items[first], items[second])] = True
        return self._replace(keys=self.keys[kept], counts=self.counts[:, kept])


class Finder:
    """Finds pairs: in a square of all items that are in any, or by a search in the keys if these are too many."""

    def __init__(self, pairs: Pairs) -> None:
        self._keys = pairs.keys
        marked = np.flatnonzero(pairs.marked())
        self._side = len(marked) if len(marked) <= MOST_IN_SQUARE else 0
        self._number = np.zeros(len(pairs.single), np.int32)
        self._number[marked] = np.arange(len(marked))
        self._square = np.full(self._side**2, -1, np.int32)
        if self._side:
            first, second = self._number[pairs.keys >> LOW], self._number[pairs.keys & ((1 << LOW) - 1)]
            self._square[first * self._side + second] = np.arange(len(pairs.keys))

    def among(self, held: Ints, first: Ints, second: Ints) -> tuple[Mask, Ints]:
        """Which of these pairs of rows, first < second, are pairs, and where. held: the marked item of each row."""
        spot: Ints
        if self._side:
            number = self._number[held]
            spot = self._square[(number * np.int32(self._side))[first] + number[second]]
            return spot >= 0, spot
        key = held[first] << LOW | held[second]
        spot = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        return self._keys[spot] == key, spot


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


def count_pairs(table: Table, suspects: int) -> Pairs:
    """Pairs of two families that enough suspects hold. table: rows of suspects alone; suspects: how many there are."""
    width = int(table.held.max(initial=0)) + 1
    keys, counts = _tallied(_pair_keys(block) for block in _blocks(table, BLOCK))
    keys, counts = keys[counts >= FEWEST], counts[counts >= FEWEST]
    single = np.bincount(table.held, minlength=width).astype(np.float64)
    return Pairs(keys, counts[None].astype(np.float64), single, float(suspects))


def count_among(pairs: Pairs, table: Table, pools: Sequence[Mask]) -> Pairs:
    """Count the pairs in more pools."""
    counts = np.zeros((len(pools), len(pairs.keys)))
    if len(pairs.keys):
        inside = table.held < len(pairs.single)
        inside[inside] = pairs.marked()[table.held[inside]]
        _count_among(Finder(pairs), table.only(inside), pools, counts)
    return pairs._replace(counts=np.concatenate([pairs.counts, counts]))


def count_triples(table: Table, pairs: Pairs, base: Mask) -> Triples:
    """Triples of three families all of whose pairs are in `pairs`. table: rows of suspects alone."""
    table = table.only(pairs.marked()[table.held])
    width = len(pairs.single)
    drawn = _drawn_together(pairs) if pairs.counts[0].sum() > MANY_ROWS else None
    keys, accounts, total, finder = [], [], 0, Finder(pairs)
    for block in reversed(list(_blocks(table, BLOCK))):
        for part in _blocks(block, FINE):
            key, who = _triple_keys(part, finder, drawn, width)
            keys.append(key)
            accounts.append(who)
            total += len(key)
        if total > MOST_ROWS:
            break
    row_keys, row_accounts = sorted_together(_joined(keys), _joined(accounts))
    begin = run_starts(row_keys)
    holders = run_lengths(begin, len(row_keys))
    often = holders >= FEWEST
    begin, holders = begin[often], holders[often]
    members = base[row_accounts[spans(begin, holders)]]
    unlinked = np.add.reduceat(members, np.cumsum(holders) - holders, dtype=np.int64) if len(begin) else holders
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
    starts = run_starts(accounts)
    sizes = run_lengths(starts, len(accounts))
    row = np.arange(len(accounts))
    following = np.repeat(starts + sizes, sizes) - row - 1
    return np.repeat(row, following), spans(row + 1, following)


def _across(table: Table) -> tuple[Ints, Ints]:
    """The pairs of rows of one account and two families."""
    first, second = _ahead(table.accounts)
    of = table.family[table.held]
    across = of[first] != of[second]
    return first[across], second[across]


def _pair_keys(table: Table) -> Ints:
    """The key of each pair of rows of one account and two families."""
    first, second = _across(table)
    return (table.held << LOW)[first] | table.held[second]


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


def _count_among(finder: Finder, table: Table, pools: Sequence[Mask], counts: Floats) -> None:
    for block in _blocks(table, BLOCK):
        first, second = _ahead(block.accounts)
        counted, spot = finder.among(block.held, first, second)
        spot, who = spot[counted], block.accounts[first[counted]]
        for number, pool in enumerate(pools):
            counts[number] += np.bincount(spot[pool[who]], minlength=counts.shape[1])


def _triple_keys(table: Table, finder: Finder, drawn: Mask | None, width: int) -> tuple[Ints, Ints]:
    """The key of each three rows of one account all of whose pairs are known, and the account."""
    accounts, held = table.accounts, table.held
    first, second = _ahead(accounts)
    good, number = finder.among(held, first, second)
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
    return np.repeat(number[kept].astype(np.int64) * width, following)[closed] + held[third], accounts[third].astype(
        np.int32
    )


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
