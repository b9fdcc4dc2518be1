"""Embedded state of one tenant: accounts, keys, windows and budgets in memory, each of them bounded.

An account that billing pushed is kept until it is deleted. All other accounts come from traffic, so they live in
crowds with a bound: one for accounts of which a check carried facts, a small one for made-up keys.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Final

from reputation.limits.bucket import move
from reputation.state.budgets import Budgets
from reputation.state.crowds import Crowd, Row
from reputation.state.dirty_set import DirtySet
from reputation.state.facts import NOTHING, Facts, ReadFacts, Standards
from reputation.state.history import DAY, Density, visits
from reputation.state.unknown_plans import UnknownPlans
from reputation.state.windows import FanIn, name_of

MONTH = 30 * DAY
MOST_READ: Final = 65_536
"""Accounts whose facts are kept as checks read them, about 250 bytes each."""
Decode = Callable[[bytes], tuple[str, Row]]
"""Turn what was kept of an account into its row, and the name of the crowd that it was in."""


class TenantState:
    """All state of one tenant.

    asleep: accounts without a request since the start, still encoded; moved: seconds by which the clock was set
    since then. touched, touched_owners: accounts and keys that changed. degraded: what writes this down is away.
    mode, series: what is charged, how often it changed.
    """

    def __init__(self, most_accounts: int = 2_000_000, most_unconfirmed: int = 65_536) -> None:
        self.dirty: DirtySet[str] = DirtySet()
        self.dirty_owners: DirtySet[bytes] = DirtySet()
        self.degraded = False
        self.mode = ""
        self.series = 0
        self.asleep: dict[str, bytes] = {}
        self.moved = 0.0
        self.unknown_plans = UnknownPlans()
        self.registered: dict[str, Row] = {}
        self.traffic = Crowd(most_accounts, self.dirty)
        self.unconfirmed = Crowd(most_unconfirmed, self.dirty)
        self.owners: dict[bytes, str] = {}
        self.budgets = Budgets(262_144)
        self.accounts_on_address = FanIn(DAY, 8 * most_accounts)
        self.accounts_on_card = FanIn(MONTH, 2 * most_accounts)
        self.accounts_on_device = FanIn(DAY, 2 * most_accounts)
        self.networks = Density(MONTH, 262_144)
        self.asns = Density(MONTH, 65_536)
        self._decode: Decode | None = None
        self._read: dict[str, ReadFacts] = {}

    def read(self, account: str, facts: Facts, standards: Standards) -> ReadFacts:
        """Return an account's facts as checks read them; those of accounts that come again are kept."""
        name = "" if facts is NOTHING else account
        found = self._read.get(name)
        if found is None or found.facts is not facts or found.standards is not standards:
            if len(self._read) >= MOST_READ:
                self._read.clear()
            found = self._read[name] = ReadFacts(facts, standards)
        return found

    def lay_to_sleep(self, bodies: dict[str, bytes], traffic: int, unconfirmed: int, decode: Decode) -> None:
        """Take accounts in as they were kept; each is decoded when it is asked for, or woken."""
        self.asleep, self._decode = bodies, decode
        self.traffic.asleep, self.unconfirmed.asleep = traffic, unconfirmed

    def wake(self, name: str, now: float) -> None:
        """Decode the stored form of an account."""
        body = self.asleep.pop(name, None)
        if body is not None:
            self._wake(name, body, now)

    def wake_one(self, now: float) -> None:
        """Decode any sleeping account. Raises KeyError if none is asleep."""
        self._wake(*self.asleep.popitem(), now)

    def _wake(self, name: str, body: bytes, now: float) -> None:
        """Put an account back in its place, and count it again in the windows of its row."""
        if self._decode is None:
            return
        crowd, row = self._decode(body)
        move(row.burst, self.moved)
        move(row.daily, self.moved)
        self.put_back(name, crowd, row)
        if crowd != "known":
            (self.traffic if crowd == "met" else self.unconfirmed).asleep -= 1
        member, payment = name_of(name), row.facts.payment
        for host, at in visits(row.recent):
            self.accounts_on_address.remember(host, member, at, now)
        if payment is not None and payment.fingerprint is not None:
            self.accounts_on_card.remember(hash(payment.fingerprint), member, int(row.day) * DAY, now)

    def put_back(self, name: str, crowd: str, row: Row) -> None:
        """Put a row where it was."""
        if crowd == "known":
            self.registered[name] = row
        else:
            (self.traffic if crowd == "met" else self.unconfirmed).place(name, row)

    def mark_bucket(self, key: Hashable) -> None:
        """Note a change of a bucket outside of a check; an account's own are named ("own", account, name)."""
        if isinstance(key, tuple) and key[:1] == ("own",):
            self.dirty.add(key[1])
        else:
            self.budgets.dirty.add(key)

    def charge_in(self, mode: str) -> None:
        """Go on in a mode; another one than before starts a series of buckets of its own."""
        if self.mode not in ("", mode):
            self.refill()
        self.mode = mode

    def row(self, account: str, now: float = 0.0) -> Row | None:
        """Return the row of a registered account, or of an account from traffic."""
        if account in self.asleep:
            self.wake(account, now)
        return self.registered.get(account) or self.traffic.get(account) or self.unconfirmed.get(account)

    def confirm(self, account: str, now: float) -> Row:
        """Find or make the row of an account, for an outcome."""
        self.wake(account, now)
        self.dirty.add(account)
        row = self.registered.get(account)
        if row is None:
            row = self.traffic.find_place(account, now, self.unconfirmed.get(account))
            if account in self.traffic:
                self.unconfirmed.leave(account)
        return row

    def push(self, account: str, facts: Facts, now: float = 0.0) -> Row:
        """Store billing's facts of an account, in place of its earlier facts."""
        self.wake(account, now)
        self.dirty.add(account)
        row = self.registered.get(account)
        if row is None:
            row = self.traffic.leave(account) or self.unconfirmed.leave(account) or Row()
            self.registered[account] = row
        self._disown(account, row)
        row.facts = facts
        for key in facts.keys:
            self.owners[key] = account
        self.dirty_owners.add_all(facts.keys)
        return row

    def delete(self, account: str) -> bool:
        """Delete the pushed facts of an account, its keys and its buckets."""
        self.wake(account, 0.0)
        self._read.pop(account, None)
        row = self.registered.pop(account, None)
        if row is None:
            return False
        self.dirty.add(account)
        self._disown(account, row)
        return True

    def forget(self, account: str, now: float) -> Row | None:
        """Drop all that is known of an account, and return its row."""
        row = self.row(account, now)
        self.delete(account)
        for crowd in (self.traffic, self.unconfirmed):
            crowd.leave(account)
        self.dirty.add(account)
        return row

    def _disown(self, account: str, row: Row) -> None:
        for key in row.facts.keys:
            if self.owners.get(key) == account:
                del self.owners[key]
        self.dirty_owners.add_all(row.facts.keys)

    def refill(self) -> None:
        """Delete every bucket, so the next verdicts start a new series."""
        self.series += 1
        self.budgets.clear()
        for rows in (self.registered, self.traffic, self.unconfirmed):
            for row in rows.values():
                row.burst = row.daily = None

    def size(self) -> int:
        """Count all accounts: pushed, or learnt from traffic."""
        return self.pushed() + len(self.traffic) + len(self.unconfirmed)

    def pushed(self) -> int:
        """Count the accounts with facts from billing."""
        return len(self.registered) + len(self.asleep) - self.traffic.asleep - self.unconfirmed.asleep

    def tables(self) -> list[Iterable[str]]:
        """Return the tables of names, for one after the other: the names of all of them together are a long list."""
        return [self.asleep, self.registered, *self.traffic.tables(), *self.unconfirmed.tables()]

    def names(self) -> list[str]:
        """Name every account, those asleep and unconfirmed ones too."""
        return [*self.asleep, *self.registered, *self.traffic.names(), *self.unconfirmed.names()]
