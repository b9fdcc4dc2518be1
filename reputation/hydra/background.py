"""What is normal: how many accounts like this one hold a value, if those who are linked or may be are left out."""

from typing import NamedTuple

import numpy as np

from reputation.hydra.columns import Floats, Ints, Mask, numbered, runs
from reputation.hydra.families import INDEX
from reputation.hydra.table import Items

DISGUISE = INDEX["disguise"]
HANDSHAKES = (INDEX["ja4"], DISGUISE)
"""How frequent a TLS fingerprint is, the trusted alone say: heads not yet found are most of those who have a rare one,
and the old use the same libraries as the new."""
ENOUGH = 100
"""Trusted accounts from which on they can tell a share of a hundredth."""
LEAN = 10.0
"""Accounts' worth of the general share mixed into the share among one class."""


class Partition(NamedTuple):
    """of: every account's class; keys, counts: item * classes + class, sorted, and how many that count have both;
    sizes: (2, classes) accounts that count, and of them the trusted."""

    of: Ints
    keys: Ints
    counts: Ints
    sizes: Ints

    def holders(self, items: Ints, klass: Ints) -> Ints:
        """How many of each class hold each item."""
        key = items * self.sizes.shape[1] + klass
        spot = np.searchsorted(self.keys, key)
        found: Ints = np.where(self.keys[spot] == key, self.counts[spot], 0)
        return found


class Background(NamedTuple):
    """Everybody's habits. general: items' shares in all; partitions: by what accounts are compared with their like;
    known: (families, accounts); coverage: of partial families, see `Items.coverage`."""

    items: Items
    general: Floats
    partitions: tuple[Partition, ...]
    known: Mask
    family: Ints
    pool_of: Ints
    coverage: Floats

    def expected(self, accounts: Ints, items: Ints) -> Floats:
        """The share of an item among accounts like this one: the highest of all partitions."""
        values, which = numbered(items)
        share = self.general[items]
        for partition in self.partitions:
            classes, of = numbered(partition.of[accounts])
            share = np.maximum(share, self._among(partition, values[:, None], classes)[which, of])
        return share

    def _among(self, partition: Partition, items: Ints, klass: Ints) -> Floats:
        """The share of items among the accounts of classes."""
        holders = partition.holders(items, klass) / self.coverage[items]
        sizes = partition.sizes[self.pool_of[items], klass]
        among: Floats = (holders + LEAN * self.general[items]) / (sizes + LEAN)
        return among

    def alike(self, accounts: Ints) -> tuple[Ints, Ints, Ints]:
        """The different classes of some accounts, the place of the first account of each, and the class of each
        account: of those of one class the same is expected."""
        key = np.zeros(len(accounts), np.int64)
        for partition in self.partitions:
            key = key * partition.sizes.shape[1] + partition.of[accounts]
        found: tuple[Ints, Ints, Ints] = np.unique(key, return_index=True, return_inverse=True)
        return found


class Habits(NamedTuple):
    """All rows, for every background of an epoch; of: each partition's classes by account."""

    items: Items
    of: tuple[Ints, ...]

    def among(self, base: Mask, trusted: Mask) -> Background:
        """Count `base`, and for handshakes the `trusted` of them if there are ENOUGH."""
        items, width = self.items, len(self.items.kind)
        trusted = trusted & base
        pool_of = (items.are(*HANDSHAKES) & bool(trusted.sum() >= ENOUGH)).astype(np.int64)
        rows = np.where(pool_of[items.items], trusted[items.accounts], base[items.accounts])
        held, who = items.items[rows], items.accounts[rows]
        totals = np.array([base.sum(), trusted.sum()])
        coverage = items.coverage(base)
        general = (np.bincount(held, minlength=width) + 0.5) / (totals[pool_of] * coverage + 1.0)
        partitions = tuple(_partition(of, who, held, (base, trusted)) for of in self.of)
        return Background(items, general, partitions, items.known, items.family(), pool_of, coverage)


def _partition(of: Ints, who: Ints, held: Ints, pools: tuple[Mask, Mask]) -> Partition:
    classes = int(of.max(initial=0)) + 1
    rows = np.append(np.sort(held * classes + of[who]), np.iinfo(np.int64).max)  # so that every search ends inside
    keys, counts = runs(rows)
    return Partition(of, keys, counts, np.stack([np.bincount(of[pool], minlength=classes) for pool in pools]))
