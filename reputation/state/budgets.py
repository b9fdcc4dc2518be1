"""Shared buckets: by address, cluster, organisation; bounded under any flood."""

import zlib
from collections.abc import Hashable, Iterator
from itertools import chain

from reputation.limits.bucket import Bucket, Limit, change_limit, full, is_full
from reputation.limits.take import Charge
from reputation.state.bounded import BoundedTable
from reputation.state.dirty_set import DirtySet
from reputation.wire.messages import Scope

MOST_LIMITS = 64
"""Limits that have shared buckets of their own once budgets are crowded."""
SLOTS = 1024
"""Shared buckets of one limit, for keys that found no place."""

BudgetKey = tuple[str | int, ...]
"""What a bucket is kept under: a word, then the host or network that it belongs to, or other words."""


class Budgets:
    """Buckets by key. In any flood, purses keep their part of the places.

    A key that finds no place shares a bucket with others: an address with its network, anything else by a checksum.
    """

    def __init__(self, most: int) -> None:
        self.crowded = 0
        self.dirty: DirtySet[Hashable] = DirtySet()
        self._addresses: BoundedTable[Hashable, Bucket] = BoundedTable(most * 3 // 4)
        self._others: BoundedTable[Hashable, Bucket] = BoundedTable(most - most * 3 // 4)
        self._shared: dict[Limit, dict[int, Bucket]] = {}

    def __len__(self) -> int:
        return len(self._addresses) + len(self._others)

    def charge(self, name: str, scope: Scope, key: BudgetKey, limit: Limit, now: float) -> Charge:
        """Charge the bucket of a key; create a missing bucket, and settle a bucket with a changed limit first."""
        table = self._table(key)
        bucket = table.rows.get(key)
        if bucket is None:
            if table.is_full() and not self._make_place(table, now):
                return self._shared_charge(name, scope, key, limit, now)
            bucket = full(limit, now)
            table.place(key, bucket)
        elif bucket.limit is not limit and bucket.limit != limit:
            change_limit(bucket, limit, now)
        self.dirty.add(key)
        return Charge(name, scope, key, bucket)

    def find(self, key: Hashable) -> Bucket | None:
        """Find the own bucket of a key."""
        return self._addresses.rows.get(key) or self._others.rows.get(key)

    def names(self) -> Iterator[Hashable]:
        """Return every key with its own bucket."""
        return chain(self._addresses.rows, self._others.rows)

    def values(self) -> Iterator[Bucket]:
        """Every bucket, the shared ones too."""
        shared = (slots.values() for slots in self._shared.values())
        return chain(self._addresses.rows.values(), self._others.rows.values(), *shared)

    def place(self, key: tuple[Hashable, ...], bucket: Bucket) -> None:
        """Take a bucket in as it was before a restart."""
        self._table(key).place(key, bucket)

    def drop(self, key: Hashable) -> None:
        """Forget the own bucket of a key; a new one is full."""
        for table in (self._addresses, self._others):
            if table.leave(key) is not None:
                self.dirty.add(key)

    def clear(self) -> None:
        self.dirty.add_all(self.names())
        self._addresses.clear()
        self._others.clear()
        self._shared.clear()

    def _table(self, key: tuple[Hashable, ...]) -> BoundedTable[Hashable, Bucket]:
        return self._addresses if isinstance(key[1], int) else self._others

    def _make_place(self, table: BoundedTable[Hashable, Bucket], now: float) -> bool:
        gone = table.make_place(is_full, now)
        self.dirty.add_all(gone)
        return bool(gone)

    def _shared_charge(self, name: str, scope: Scope, key: BudgetKey, limit: Limit, now: float) -> Charge:
        self.crowded += 1
        if len(self._shared) >= MOST_LIMITS and limit not in self._shared:
            limit = next(iter(self._shared))  # forgetting them instead would fill them again
        slots = self._shared.setdefault(limit, {})
        slot = _group(key) % SLOTS
        bucket = slots.get(slot)
        if bucket is None:
            bucket = slots[slot] = full(limit, now)
        return Charge(name, scope, ("shared", slot, limit.rate, limit.burst), bucket)


def _group(key: BudgetKey) -> int:
    """Return a network's number: the same for all its addresses, and in each run."""
    second = key[1]
    if isinstance(second, int):
        host = abs(second)
        return zlib.crc32((host >> (8 if host < 1 << 32 else 16)).to_bytes(8, "little"))
    return zlib.crc32(repr(key).encode("utf-8", "surrogatepass"))
