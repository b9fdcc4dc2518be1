"""Stops (verdicts against a request), kept for days for explanations: the contract, and the store in memory.

A stop is no acknowledged write: it is kept in batches off the request path. What is above a bound goes, the oldest
first, and is counted.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol

AN_ACCOUNT = 100
"""Stops of one account that are kept: the newest."""
UNCONFIRMED_SHARE = 4
"""Unconfirmed accounts keep one in so many where there is no room for all, so that made-up keys push no account out."""
MOST_BYTES = 64 * 1024 * 1024
"""Of one tenant's stops in memory; 100,000 ordinary ones are as large."""
OVERHEAD = 400
"""Bytes in addition to a stop's body and names, roughly."""


class Stop(NamedTuple):
    """One stop. account: the stopped actor; unconfirmed: it was unconfirmed; at: seconds since 1970."""

    id: str
    account: str
    unconfirmed: bool
    at: float
    body: bytes


class Keep(NamedTuple):
    """For how many seconds stops are kept, and how many of one tenant."""

    seconds: float
    most: int


class Stops(Protocol):
    """Every tenant's stops, wherever they are kept."""

    async def add(self, tenant: str, stops: Sequence[Stop], keep: Keep, now: float) -> int:
        """Keep stops; return how many are gone before their time. Raises Unavailable, and keeps none or all."""

    async def get(self, tenant: str, id_: str, oldest: float) -> bytes | None:
        """Find the body of a stop not older than `oldest`. Raises Unavailable."""

    async def forget(self, tenant: str, account: str) -> int:
        """Delete the stops of an account; return how many. Raises Unavailable."""


class Pool:
    """One tenant's stops in memory, in their order."""

    def __init__(self, most_bytes: int) -> None:
        self.bytes = 0
        self._most_bytes = most_bytes
        self._kept: tuple[OrderedDict[str, Stop], OrderedDict[str, Stop]] = OrderedDict(), OrderedDict()
        self._accounts: dict[str, deque[Stop]] = {}

    def __len__(self) -> int:
        return len(self._kept[0]) + len(self._kept[1])

    def get(self, id_: str) -> Stop | None:
        """Find a stop by the id of its verdict."""
        return self._kept[0].get(id_) or self._kept[1].get(id_)

    def put(self, stop: Stop, most: int) -> int:
        """Keep a stop; return how many go for it."""
        if self.get(stop.id) is not None:
            return 0
        self._kept[stop.unconfirmed][stop.id] = stop
        self.bytes += _size(stop)
        mine = self._accounts.setdefault(stop.account, deque())
        mine.append(stop)
        gone = 0
        if len(mine) > AN_ACCOUNT:
            gone += self._drop(mine[0])
        while len(self) > most or self.bytes > self._most_bytes:
            gone += self._drop(self._victim(most))
        return gone

    def _victim(self, most: int) -> Stop:
        confirmed, unconfirmed = self._kept
        pool = unconfirmed if not confirmed or len(unconfirmed) * UNCONFIRMED_SHARE > most else confirmed
        return next(iter(pool.values()))

    def forget(self, account: str) -> int:
        """Forget the stops of an account."""
        return sum(self._drop(stop) for stop in [*self._accounts.get(account, ())])

    def expire(self, oldest: float) -> None:
        """Forget older stops."""
        for pool in self._kept:
            while pool and (first := next(iter(pool.values()))).at < oldest:
                self._drop(first)

    def _drop(self, stop: Stop) -> int:
        del self._kept[stop.unconfirmed][stop.id]
        self.bytes -= _size(stop)
        mine = self._accounts[stop.account]
        mine.remove(stop)
        if not mine:
            del self._accounts[stop.account]
        return 1


def _size(stop: Stop) -> int:
    return len(stop.body) + len(stop.id) + len(stop.account) + OVERHEAD


class MemoryStops:
    """Stops in memory, lost with the process."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._pools: dict[str, Pool] = {}

    async def add(self, tenant: str, stops: Sequence[Stop], keep: Keep, now: float) -> int:
        pool = self._pools.setdefault(tenant, Pool(self._most_bytes))
        pool.expire(now - keep.seconds)
        return sum(pool.put(stop, keep.most) for stop in stops)

    async def get(self, tenant: str, id_: str, oldest: float) -> bytes | None:
        pool = self._pools.get(tenant)
        found = None if pool is None else pool.get(id_)
        return None if found is None or found.at < oldest else found.body

    async def forget(self, tenant: str, account: str) -> int:
        pool = self._pools.get(tenant)
        return 0 if pool is None else pool.forget(account)
