"""Embedded state of one tenant: accounts, keys, windows and budgets in memory, each of them bounded.

An account that billing pushed is kept until it is deleted. Everybody else comes from traffic, so they live in
crowds with a bound: one for accounts of which a check carried facts, a small one for made-up keys.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from itertools import chain

from msgspec import Struct

from reputation.bucket import Bucket, Limit, change_limit, full, settled
from reputation.facts import NOTHING, Facts
from reputation.history import DAY, Density, FanIn

MONTH = 30 * DAY
LOOKED_AT = 16
"""Old ones that a newcomer to a full table looks at, to find one that may be forgotten."""
MOST_SHARED = 64
"""Limits that have a shared bucket of their own once budgets are crowded."""


class Row(Struct, gc=False):
    """What is kept of one account. No garbage-collector header, no cycles: a million of them cost no pause.

    tier: index of the last tier, -1 before the first verdict. days: different days seen; day: the last of them.
    standing: bits for payer and proven as the linker was last told; told: hash of the facts it was told.
    """

    facts: Facts = NOTHING
    burst: Bucket | None = None
    daily: Bucket | None = None
    recent: bytes = b""
    tier: int = -1
    days: int = 0
    day: int = -1
    standing: int = 0
    told: int = 0
    marks_against: int = 0
    marks_for: int = 0


class Crowd:
    """At most `most` rows of accounts nobody vouched for.

    When it is full those whose buckets have filled up again and of whom nothing bad was reported are forgotten, which
    is nobody's gain; a newcomer looks at a few, in turn, so that nobody waits for a sweep of all. Who finds no place
    shares one row (counted in `crowded`), so that a flood of names is one account.
    """

    def __init__(self, most: int) -> None:
        self.crowded = 0
        self._most = most
        self._rows: dict[str, Row] = {}
        self._turns: deque[str] = deque()
        self._shared = Row()

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def get(self, name: str) -> Row | None:
        return self._rows.get(name)

    def meet(self, name: str, now: float, row: Row | None = None) -> Row:
        """Find or make the row of an account; `row` is one that it has from another crowd."""
        found = self._rows.get(name)
        if found is not None:
            return found
        if len(self._rows) >= self._most and not self._make_place(now):
            self.crowded += 1
            return row or self._shared
        row = self._rows[name] = row or Row()
        self._turns.append(name)
        if len(self._turns) > 2 * len(self._rows) + LOOKED_AT:  # most of them have left
            self._turns = deque(self._rows)
        return row

    def find_place(self, name: str, now: float, row: Row | None = None) -> Row:
        """Find or make the row of an account alone: a mark on one that is shared would be everybody's.

        While there is no place the row that comes back is kept nowhere.
        """
        found = self.meet(name, now, row)
        return Row() if found is self._shared else found

    def values(self) -> Iterator[Row]:
        """Every row, the shared one too."""
        return chain(self._rows.values(), (self._shared,))

    def leave(self, name: str) -> Row | None:
        return self._rows.pop(name, None)

    def _make_place(self, now: float) -> bool:
        for _ in range(min(LOOKED_AT, len(self._turns))):
            name = self._turns.popleft()
            row = self._rows.get(name)
            if row is None:
                continue  # it has left
            if _is_rested(row, now):
                del self._rows[name]
            else:
                self._turns.append(name)
        return len(self._rows) < self._most


def _is_rested(row: Row, now: float) -> bool:
    return not row.marks_against and all(b is None or settled(b, now) >= b.limit.burst for b in (row.burst, row.daily))


class Budgets:
    """Buckets that accounts share: by address, cluster, organisation, neighbourhood. Bounded like a crowd."""

    def __init__(self, most: int) -> None:
        self.crowded = 0
        self._most = most
        self._buckets: dict[Hashable, Bucket] = {}
        self._turns: deque[Hashable] = deque()
        self._shared: dict[Limit, Bucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def get(self, key: Hashable, limit: Limit, now: float) -> Bucket:
        """Find or make a bucket; one whose limit changed is settled first."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return self._make(key, limit, now)
        if bucket.limit is not limit and bucket.limit != limit:
            change_limit(bucket, limit, now)
        return bucket

    def clear(self) -> None:
        self._buckets.clear()
        self._turns.clear()
        self._shared.clear()

    def _make(self, key: Hashable, limit: Limit, now: float) -> Bucket:
        if len(self._buckets) >= self._most and not self._make_place(now):
            self.crowded += 1
            if len(self._shared) >= MOST_SHARED and limit not in self._shared:
                limit = next(iter(self._shared))  # forgetting them instead would fill them again
            return self._shared.setdefault(limit, full(limit, now))
        bucket = self._buckets[key] = full(limit, now)
        self._turns.append(key)
        return bucket

    def _make_place(self, now: float) -> bool:
        for _ in range(min(LOOKED_AT, len(self._turns))):
            key = self._turns.popleft()
            bucket = self._buckets[key]
            if settled(bucket, now) >= bucket.limit.burst:
                del self._buckets[key]
            else:
                self._turns.append(key)
        return len(self._buckets) < self._most


class TenantState:
    """All that is remembered for one tenant."""

    def __init__(self, most_accounts: int = 2_000_000, most_strangers: int = 65_536) -> None:
        self.known: dict[str, Row] = {}
        self.met = Crowd(most_accounts)
        self.strangers = Crowd(most_strangers)
        self.owners: dict[bytes, str] = {}
        self.budgets = Budgets(262_144)
        self.accounts_on_address = FanIn(DAY, 8 * most_accounts)
        self.accounts_on_card = FanIn(MONTH, 2 * most_accounts)
        self.accounts_on_device = FanIn(DAY, 2 * most_accounts)
        self.networks = Density(MONTH, 262_144)
        self.asns = Density(MONTH, 65_536)

    def row(self, account: str) -> Row | None:
        """The row of an account that is known or was met."""
        return self.known.get(account) or self.met.get(account) or self.strangers.get(account)

    def confirm(self, account: str, now: float) -> Row:
        """Find or make the row of an account that an outcome came back for."""
        row = self.known.get(account)
        if row is None:
            row = self.met.find_place(account, now, self.strangers.get(account))
            if account in self.met:
                self.strangers.leave(account)
        return row

    def push(self, account: str, facts: Facts) -> Row:
        """Keep what billing says of an account, in the place of what it said before."""
        row = self.known.get(account)
        if row is None:
            row = self.met.leave(account) or self.strangers.leave(account) or Row()
            self.known[account] = row
        for key in row.facts.keys:
            if self.owners.get(key) == account:
                del self.owners[key]
        row.facts = facts
        for key in facts.keys:
            self.owners[key] = account
        return row

    def delete(self, account: str) -> bool:
        """Forget what was pushed of an account, its keys and its buckets."""
        row = self.known.pop(account, None)
        if row is None:
            return False
        for key in row.facts.keys:
            if self.owners.get(key) == account:
                del self.owners[key]
        return True

    def refill(self) -> None:
        """Forget every bucket, so that the next verdicts start a series of their own."""
        self.budgets.clear()
        for rows in (self.known, self.met, self.strangers):
            for row in rows.values():
                row.burst = row.daily = None

    def size(self) -> int:
        """Count the accounts that are kept, pushed or met."""
        return len(self.known) + len(self.met) + len(self.strangers)


class MemoryStore:
    """State of every tenant, made when the tenant is first named."""

    def __init__(self, make: Callable[[], TenantState] = TenantState) -> None:
        self._make = make
        self._tenants: dict[str, TenantState] = {}

    def tenant(self, name: str) -> TenantState:
        state = self._tenants.get(name)
        if state is None:
            state = self._tenants[name] = self._make()
        return state
