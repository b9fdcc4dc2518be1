"""Bounded columns: strings as small integers, and (account, value) pairs as sorted arrays."""

from collections.abc import Hashable, Iterable
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reputation.hydra.memory import Memory

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
LOW = 32
"""A pair's key is account << LOW | value: both stay below 2^31."""

_NEW = -2


class Rows(NamedTuple):
    """Accounts and the value of one kind that each holds."""

    kind: str
    accounts: Ints
    values: Ints


class Interner:
    """Names as integers from 0, handed out in order of arrival; numbers that were let go are used again.

    Bound: `most` names, and the bytes of `memory`. A name beyond it gets -1, as None does, and so is never evidence.
    """

    def __init__(self, most: int, memory: Memory | None = None) -> None:
        self.most = most
        self._memory = memory or Memory()
        self.ids: dict[Hashable, int] = {None: -1}
        self.names: list[Hashable] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self.names) - len(self._free)

    def number(self, name: Hashable) -> int:
        known = self.ids.get(name)
        return self._add(name) if known is None else known

    def numbers(self, names: list[Hashable]) -> Ints:
        found = np.fromiter(map(self.ids.get, names, repeat(_NEW)), np.int64, len(names))
        for row in np.flatnonzero(found == _NEW).tolist():
            found[row] = self.number(names[row])
        return found

    def release(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._memory.give_back(self.names[number])
            del self.ids[self.names[number]]
            self.names[number] = None
            self._free.append(number)

    def keep_only(self, used: Ints) -> None:
        """Let go of every name whose number is not in `used`."""
        kept = np.zeros(len(self.names), bool)
        kept[used[used >= 0]] = True
        kept[self._free] = True
        self.release(np.flatnonzero(~kept).tolist())

    def _add(self, name: Hashable) -> int:
        if not (self._free or len(self.names) < self.most) or not self._memory.take(name):
            return -1
        if self._free:
            number = self._free.pop()
            self.names[number] = name
        else:
            number = len(self.names)
            self.names.append(name)
        self.ids[name] = number
        return number


class PairTable:
    """How often, since when and until when each account was seen with each value; sorted by (account, value).

    Bound: `keep` pairs an account after `trim`, the latest ones; one batch of sightings between two trims. With
    `origins` one of them is where the account was first seen, however long ago.
    """

    def __init__(self, keep: int, *, origins: bool = False) -> None:
        self.keep = keep
        self.origins = origins
        self.keys = np.zeros(0, np.int64)
        self.count = np.zeros(0, np.float32)
        self.first = np.zeros(0)
        self.last = np.zeros(0)
        self._frequent: Ints | None = None  # kept until pairs change

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def accounts(self) -> Ints:
        return self.keys >> LOW

    @property
    def values(self) -> Ints:
        return self.keys & ((1 << LOW) - 1)

    def rows_of(self, accounts: Ints) -> Ints:
        """The rows of some accounts, one account after the other."""
        begin, end = (np.searchsorted(self.keys, some << LOW) for some in (accounts, accounts + 1))
        return spans(begin, end - begin)

    def holds(self, accounts: Ints, values: Ints, at: Floats) -> Mask:
        """Which of these accounts were seen with the value next to each, by that time; -1 is none."""
        if not len(self.keys):
            return np.zeros(len(accounts), bool)
        keys = accounts << LOW | values
        spot = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        held: Mask = (accounts >= 0) & (values >= 0) & (self.keys[spot] == keys) & (self.first[spot] <= at)
        return held

    def most_frequent(self, size: int) -> Ints:
        """The most frequent value of each of so many accounts, counted from 1; 0 where there is none."""
        if self._frequent is None or len(self._frequent) != size:
            of = np.zeros(size, np.int64)
            accounts = self.accounts
            starts = run_starts(accounts)
            if len(starts):
                most = np.repeat(np.maximum.reduceat(self.count, starts), run_lengths(starts, len(accounts)))
                often = self.count == most  # of several that are, the last one counts
                of[accounts[often]] = self.values[often] + 1
            self._frequent = of
        return self._frequent

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + self.count.nbytes + self.first.nbytes + self.last.nbytes

    def add(self, accounts: Ints, values: Ints, at: Floats, *, new: bool = True) -> None:
        """Count sightings; those without an account or a value (-1) are left out. new: take new pairs too."""
        there = (accounts >= 0) & (values >= 0)
        if not new:
            there[there] &= np.isin(accounts[there] << LOW | values[there], self.keys)
        if not there.any():
            return
        packed = accounts[there] << LOW | values[there]
        order = np.argsort(packed)
        packed, at = packed[order], at[there][order]
        starts = run_starts(packed)
        counts = run_lengths(starts, len(packed))
        self._merge(packed[starts], counts, np.minimum.reduceat(at, starts), np.maximum.reduceat(at, starts))

    def trim(self, since: float, gone: Mask | None = None) -> None:
        """Forget pairs last seen before `since`, those of accounts in `gone`, and all but the latest `keep`."""
        stay = self.last >= since
        if self.origins:
            stay |= self.first_of_each()
        if gone is not None and gone.any():
            stay &= ~gone[self.accounts]
        if not stay.all():
            self._select(stay)
        if len(self.keys):
            self._select_latest()

    def first_of_each(self) -> Mask:
        """Each account's first pair."""
        accounts = self.accounts
        starts = run_starts(accounts)
        if not len(starts):
            return np.zeros(0, bool)
        earliest = np.minimum.reduceat(self.first, starts)
        first: Mask = self.first == np.repeat(earliest, run_lengths(starts, len(accounts)))
        return first

    def _merge(self, keys: Ints, counts: Ints, first: Floats, last: Floats) -> None:
        self._frequent = None
        spot = np.searchsorted(self.keys, keys)
        known = np.zeros(len(keys), bool)
        inside = spot < len(self.keys)
        known[inside] = self.keys[spot[inside]] == keys[inside]
        old = spot[known]
        self.count[old] += counts[known].astype(np.float32)
        self.first[old] = np.minimum(self.first[old], first[known])
        self.last[old] = np.maximum(self.last[old], last[known])
        new, where = ~known, spot[~known]
        self.keys = np.insert(self.keys, where, keys[new])
        self.count = np.insert(self.count, where, counts[new])
        self.first = np.insert(self.first, where, first[new])
        self.last = np.insert(self.last, where, last[new])

    def _select(self, stay: Mask) -> None:
        self._frequent = None
        self.keys, self.count = self.keys[stay], self.count[stay]
        self.first, self.last = self.first[stay], self.last[stay]

    def _select_latest(self) -> None:
        accounts = self.accounts
        sizes = np.bincount(accounts)
        if sizes.max() <= self.keep:
            return
        crowded = np.flatnonzero(sizes[accounts] > self.keep)
        if self.origins:
            last = np.where(self.first_of_each()[crowded], np.inf, self.last[crowded])
        else:
            last = self.last[crowded]
        latest = crowded[np.argsort(-last, kind="stable")]
        order = latest[stable_order(accounts[latest])]
        stay = np.ones(len(accounts), bool)
        stay[order[rank_in_group(accounts[order]) >= self.keep]] = False
        self._select(stay)


def doubled(column: npt.NDArray[Any], empty: float) -> npt.NDArray[Any]:
    """A column with as much room again, which holds `empty`."""
    return np.concatenate([column, np.full(column.shape, empty, column.dtype)])


def run_starts(groups: npt.NDArray[Any]) -> Ints:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.append(True, groups[1:] != groups[:-1])[: len(groups)])


def run_lengths(starts: Ints, rows: int) -> Ints:
    """How long each run is that begins there, among so many rows."""
    lengths: Ints = np.diff(np.append(starts, rows))
    return lengths


def runs(keys: Ints) -> tuple[Ints, Ints]:
    """The different keys of a sorted array, and how often each comes."""
    starts = run_starts(keys)
    return keys[starts], run_lengths(starts, len(keys))


def tallied(values: Ints, width: int) -> tuple[Ints, Ints]:
    """The different values, sorted, and how often each comes; all are below `width`."""
    counts = np.bincount(values, minlength=width)
    held = np.flatnonzero(counts)
    return held, counts[held]


def distinct(values: Ints) -> Ints:
    """As np.unique, which hashes; sorting is several times faster."""
    values = np.sort(values)
    return values[run_starts(values)]


def numbered(values: Ints) -> tuple[Ints, Ints]:
    """The different values, sorted, and which of them each is; they lie close together, from 0 on."""
    inside = np.zeros(int(values.max(initial=-1)) + 1, bool)
    inside[values] = True
    return np.flatnonzero(inside), (np.cumsum(inside) - 1)[values]


def stable_order(values: Ints) -> Ints:
    """As np.argsort(values, kind="stable"), several times faster: sorted with their places below them, as one number.

    values: 0 to 2^31, at most 2^32 of them.
    """
    order: Ints = np.sort(values << LOW | np.arange(len(values))) & ((1 << LOW) - 1)
    return order


def sorted_together(keys: Ints, values: Ints) -> tuple[Ints, Ints]:
    """Rows sorted by key, and those of one key by value; both at least 0. The arrays are sorted in their place."""
    bits = int(values.max(initial=0)).bit_length()
    if int(keys.max(initial=0)).bit_length() + bits > 63:
        order = np.lexsort((values, keys))
        return keys[order], values[order]
    keys <<= bits
    keys |= values
    keys.sort()
    np.bitwise_and(keys, (1 << bits) - 1, out=values, casting="unsafe")
    keys >>= bits
    return keys, values


def spans(begin: Ints, count: Ints) -> Ints:
    """The numbers from each `begin` on, so many of each, one after the other."""
    ends = np.cumsum(count)
    return np.repeat(begin - (ends - count), count) + np.arange(int(ends[-1]) if len(ends) else 0)


def joined(keys: Ints, more: Ints) -> Ints:
    """All of `keys`, which are sorted and different, and of `more`, sorted and each once."""
    more = distinct(more)
    spot = np.searchsorted(keys, more)
    new = spot == np.searchsorted(keys, more, side="right")
    return np.insert(keys, spot[new], more[new])


def rank_in_group(groups: Ints) -> Ints:
    """Position of each row within its run of equal values."""
    if not len(groups):
        return np.zeros(0, np.int64)
    starts = run_starts(groups)
    return np.arange(len(groups)) - np.repeat(starts, run_lengths(starts, len(groups)))
