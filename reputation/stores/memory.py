"""Embedded state of one tenant: accounts, keys, windows and budgets in memory, each of them bounded.

An account that billing pushed is kept until it is deleted. Everybody else comes from traffic, so they live in
crowds with a bound: one for accounts of which a check carried facts, a small one for made-up keys.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import chain

from reputation.bucket import Bucket, Limit, change_limit, full, settled
from reputation.facts import NOTHING, Facts
from reputation.history import DAY, Density, FanIn, name_of, visits
from reputation.touched import Touched
from reputation.values import mypyc_attr

MONTH = 30 * DAY
LOOKED_AT = 16
"""Old ones that a newcomer to a full table looks at, to find one that may be forgotten."""
MOST_SHARED = 64
"""Limits that have a shared bucket of their own once budgets are crowded."""


@mypyc_attr(acyclic=True)
class Row:
    """What is kept of one account. No garbage-collector header, no cycles: a million of them cost no pause.

    tier: index of the last tier, -1 before the first verdict. days: different days seen; day: the last of them.
    standing: bits for payer and proven as the linker was last told; told: hash of the facts it was told.
    """

    __slots__ = (
        "burst", "daily", "day", "days", "facts", "marks_against", "marks_for", "recent", "standing", "tier", "told",
    )  # fmt: skip

    def __init__(
        self, facts: Facts = NOTHING, burst: Bucket | None = None, daily: Bucket | None = None, recent: bytes = b"",
        tier: int = -1, days: int = 0, day: int = -1,
    ) -> None:  # fmt: skip
        self.facts = facts
        self.burst = burst
        self.daily = daily
        self.recent = recent
        self.tier = tier
        self.days = days
        self.day = day
        self.standing = 0
        self.told = 0
        self.marks_against = 0
        self.marks_for = 0


class Crowd:
    """At most `most` rows of accounts nobody vouched for.

    When it is full those whose buckets have filled up again and of whom nothing bad was reported are forgotten, which
    is nobody's gain; a newcomer looks at a few, in turn, so that nobody waits for a sweep of all. Who finds no place
    shares one row (counted in `crowded`), so that a flood of names is one account.
    """

    def __init__(self, most: int, touched: Touched[str] | None = None) -> None:
        self.crowded = 0
        self.asleep = 0
        self._most = most
        self._touched: Touched[str] = Touched() if touched is None else touched
        self._rows: dict[str, Row] = {}
        self._turns: deque[str] = deque()
        self._shared = Row()

    def __len__(self) -> int:
        return len(self._rows) + self.asleep

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def get(self, name: str) -> Row | None:
        return self._rows.get(name)

    def meet(self, name: str, now: float, row: Row | None = None) -> Row:
        """Find or make the row of an account; `row` is one that it has from another crowd."""
        found = self._rows.get(name)
        if found is not None:
            return found
        if len(self) >= self._most and not self._make_place(now):
            self.crowded += 1
            return row or self._shared
        self._touched.add(name)
        return self.place(name, row or Row())

    def place(self, name: str, row: Row) -> Row:
        """Take a row in whatever the bound, such as one that was here before a restart."""
        self._rows[name] = row
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

    def names(self) -> Iterable[str]:
        return self._rows.keys()

    def values(self) -> Iterator[Row]:
        """Every row, the shared one too."""
        return chain(self._rows.values(), (self._shared,))

    def leave(self, name: str) -> Row | None:
        self._touched.add(name)
        return self._rows.pop(name, None)

    def _make_place(self, now: float) -> bool:
        for _ in range(min(LOOKED_AT, len(self._turns))):
            name = self._turns.popleft()
            row = self._rows.get(name)
            if row is None:
                continue  # it has left
            if _is_rested(row, now):
                del self._rows[name]
                self._touched.add(name)
            else:
                self._turns.append(name)
        return len(self) < self._most


def _is_rested(row: Row, now: float) -> bool:
    return not row.marks_against and all(b is None or settled(b, now) >= b.limit.burst for b in (row.burst, row.daily))


class Budgets:
    """Buckets that accounts share: by address, cluster, organisation, neighbourhood. Bounded like a crowd."""

    def __init__(self, most: int) -> None:
        self.crowded = 0
        self.touched: Touched[Hashable] = Touched()
        self._most = most
        self._buckets: dict[Hashable, Bucket] = {}
        self._turns: deque[Hashable] = deque()
        self._shared: dict[Limit, Bucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def get(self, key: Hashable, limit: Limit, now: float) -> Bucket:
        """Find or make a bucket, to be drawn on; one whose limit changed is settled first."""
        self.touched.add(key)
        bucket = self._buckets.get(key)
        if bucket is None:
            return self._make(key, limit, now)
        if bucket.limit is not limit and bucket.limit != limit:
            change_limit(bucket, limit, now)
        return bucket

    def kept(self) -> dict[Hashable, Bucket]:
        """Every bucket that has a key of its own."""
        return self._buckets

    def place(self, key: Hashable, bucket: Bucket) -> None:
        """Take a bucket in as it was before a restart."""
        self._buckets[key] = bucket
        self._turns.append(key)

    def clear(self) -> None:
        self.touched.add_all(self._buckets)
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
                self.touched.add(key)
            else:
                self._turns.append(key)
        return len(self._buckets) < self._most


Decode = Callable[[bytes], tuple[str, Row]]
"""Turn what was kept of an account into its row, and the name of the crowd that it was in."""


class TenantState:
    """All that is remembered for one tenant.

    asleep: accounts that nobody has asked for since the start, still encoded. touched, touched_owners: accounts and
    keys that changed. degraded: what writes this down is away. mode, series: what is charged, how often it changed.
    """

    def __init__(self, most_accounts: int = 2_000_000, most_strangers: int = 65_536) -> None:
        self.touched: Touched[str] = Touched()
        self.touched_owners: Touched[bytes] = Touched()
        self.degraded = False
        self.mode = ""
        self.series = 0
        self.asleep: dict[str, bytes] = {}
        self.known: dict[str, Row] = {}
        self.met = Crowd(most_accounts, self.touched)
        self.strangers = Crowd(most_strangers, self.touched)
        self.owners: dict[bytes, str] = {}
        self.budgets = Budgets(262_144)
        self.accounts_on_address = FanIn(DAY, 8 * most_accounts)
        self.accounts_on_card = FanIn(MONTH, 2 * most_accounts)
        self.accounts_on_device = FanIn(DAY, 2 * most_accounts)
        self.networks = Density(MONTH, 262_144)
        self.asns = Density(MONTH, 65_536)
        self._decode: Decode | None = None

    def lay_to_sleep(self, bodies: dict[str, bytes], met: int, strangers: int, decode: Decode) -> None:
        """Take accounts in as they were kept; each is decoded when it is asked for, or woken."""
        self.asleep, self._decode = bodies, decode
        self.met.asleep, self.strangers.asleep = met, strangers

    def wake(self, name: str, now: float) -> None:
        """Decode what was kept of an account."""
        body = self.asleep.pop(name, None)
        if body is not None:
            self._wake(name, body, now)

    def wake_one(self, now: float) -> None:
        """Decode what was kept of some account that is asleep. Raises KeyError if none is."""
        self._wake(*self.asleep.popitem(), now)

    def _wake(self, name: str, body: bytes, now: float) -> None:
        """Put an account back where it was, and count it again in the windows that its row tells of."""
        if self._decode is None:
            return
        crowd, row = self._decode(body)
        self.put_back(name, crowd, row)
        if crowd != "known":
            (self.met if crowd == "met" else self.strangers).asleep -= 1
        member, payment = name_of(name), row.facts.payment
        for host, at in visits(row.recent):
            self.accounts_on_address.remember(host, member, at, now)
        if payment is not None and payment.fingerprint is not None:
            self.accounts_on_card.remember(hash(payment.fingerprint), member, row.day * DAY, now)

    def put_back(self, name: str, crowd: str, row: Row) -> None:
        """Put a row where it was."""
        if crowd == "known":
            self.known[name] = row
        else:
            (self.met if crowd == "met" else self.strangers).place(name, row)

    def touch_bucket(self, key: Hashable) -> None:
        """Note that a bucket changed beside a check; an account's own are named ("own", account, name)."""
        if isinstance(key, tuple) and key[:1] == ("own",):
            self.touched.add(key[1])
        else:
            self.budgets.touched.add(key)

    def charge_in(self, mode: str) -> None:
        """Go on in a mode; another one than before starts a series of buckets of its own."""
        if self.mode not in ("", mode):
            self.refill()
        self.mode = mode

    def row(self, account: str, now: float = 0.0) -> Row | None:
        """The row of an account that is known or was met."""
        if account in self.asleep:
            self.wake(account, now)
        return self.known.get(account) or self.met.get(account) or self.strangers.get(account)

    def confirm(self, account: str, now: float) -> Row:
        """Find or make the row of an account that an outcome came back for."""
        self.wake(account, now)
        self.touched.add(account)
        row = self.known.get(account)
        if row is None:
            row = self.met.find_place(account, now, self.strangers.get(account))
            if account in self.met:
                self.strangers.leave(account)
        return row

    def push(self, account: str, facts: Facts, now: float = 0.0) -> Row:
        """Keep what billing says of an account, in the place of what it said before."""
        self.wake(account, now)
        self.touched.add(account)
        row = self.known.get(account)
        if row is None:
            row = self.met.leave(account) or self.strangers.leave(account) or Row()
            self.known[account] = row
        self._disown(account, row)
        row.facts = facts
        for key in facts.keys:
            self.owners[key] = account
        self.touched_owners.add_all(facts.keys)
        return row

    def delete(self, account: str) -> bool:
        """Forget what was pushed of an account, its keys and its buckets."""
        self.wake(account, 0.0)
        row = self.known.pop(account, None)
        if row is None:
            return False
        self.touched.add(account)
        self._disown(account, row)
        return True

    def _disown(self, account: str, row: Row) -> None:
        for key in row.facts.keys:
            if self.owners.get(key) == account:
                del self.owners[key]
        self.touched_owners.add_all(row.facts.keys)

    def refill(self) -> None:
        """Forget every bucket, so that the next verdicts start a series of their own."""
        self.series += 1
        self.budgets.clear()
        for rows in (self.known, self.met, self.strangers):
            for row in rows.values():
                row.burst = row.daily = None

    def size(self) -> int:
        """Count the accounts that are kept, pushed or met."""
        return self.pushed() + len(self.met) + len(self.strangers)

    def pushed(self) -> int:
        """Count the accounts that billing pushed."""
        return len(self.known) + len(self.asleep) - self.met.asleep - self.strangers.asleep

    def names(self) -> list[str]:
        """Name every account, those asleep and unconfirmed ones too."""
        return [*self.asleep, *self.known, *self.met.names(), *self.strangers.names()]
