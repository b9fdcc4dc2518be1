"""One tenant's state and its tables: read at the start, and what changed since, part by part."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from reputation.history import Density
from reputation.stores.crowds import Row
from reputation.stores.memory import TenantState
from reputation.stores.sqlite_file import Change, HotChanges, StateFile
from reputation.stores.sqlite_rows import (
    CROWDS,
    Earning,
    account_body,
    account_row,
    bucket_body,
    bucket_of,
    key_bytes,
    key_of,
    with_told,
)
from reputation.stores.transactions import Plan, Told
from reputation.touched import Touched

Counts = tuple[float, float, float]
KNOWN, MET, STRANGERS = range(len(CROWDS))


class Whole(Struct, array_like=True, gc=False):
    """What is kept of a tenant as a whole. networks, asns: bad and good accounts of the population, and when."""

    mode: str = ""
    series: int = 0
    networks: Counts = (1.0, 19.0, 0.0)
    asns: Counts = (1.0, 19.0, 0.0)


class Part(NamedTuple):
    """A table of a tenant: the names that changed, what to write of one, and all names there are."""

    table: str
    touched: Touched[Any]
    change: Callable[[Any], Change]
    names: Callable[[], Iterable[Hashable]]


_whole = msgspec.msgpack.Decoder(Whole)
_counts = msgspec.msgpack.Decoder(Counts)
_encode = msgspec.msgpack.encode


class KeptTenant:
    """A tenant's state, followed from the moment it was read."""

    def __init__(self, number: int, name: str, state: TenantState) -> None:
        self.number = number
        self.name = name
        self.state = state
        self.damaged = 0
        budgets, networks, asns = state.budgets, state.networks, state.asns
        self.parts = (
            Part("accounts", state.touched, self._account, state.names),
            Part("owners", state.touched_owners, self._owner, state.owners.keys),
            Part("budgets", budgets.touched, self._budget, budgets.names),
            Part("networks", networks.touched, partial(_density, networks), networks.keys),
            Part("asns", asns.touched, partial(_density, asns), asns.keys),
        )

    def read(self, file: StateFile, earning: Earning) -> None:
        """Fill the state with what is kept, and follow it. Raises sqlite3.Error and msgspec.DecodeError."""
        _, body = file.tenant(self.name)
        whole = _whole.decode(body) if body else Whole()
        state = self.state
        state.mode, state.series = whole.mode, whole.series
        bodies = {key.decode("utf-8", "surrogatepass"): body for key, body in file.rows("accounts", self.number)}
        crowds = Counter(body[1] for body in bodies.values())
        state.lay_to_sleep(bodies, crowds[MET], crowds[STRANGERS], partial(self._row, earning))
        state.owners.update(
            (key, body.decode("utf-8", "surrogatepass")) for key, body in file.rows("owners", self.number)
        )
        for key, body in file.rows("budgets", self.number):
            state.budgets.place(key_of(key), bucket_of(body, earning))
        for density, all_, table in ((state.networks, whole.networks, "networks"), (state.asns, whole.asns, "asns")):
            counts = {int.from_bytes(key, "big"): _counts.decode(body) for key, body in file.rows(table, self.number)}
            density.restore(all_, counts)
        for part in self.parts:
            part.touched.follow()

    def waiting(self) -> int:
        """Count what changed and is not written yet."""
        return sum(len(part.touched) for part in self.parts)

    def body(self) -> bytes:
        """Return what is kept of the tenant as a whole."""
        state = self.state
        return _encode(Whole(state.mode, state.series, state.networks.population, state.asns.population))

    def touch_all(self) -> None:
        """Have everything written again."""
        for part in self.parts:
            part.touched.add_all(part.names())

    def _row(self, earning: Earning, body: bytes) -> tuple[str, Row]:
        """Decode an account; one that is damaged is a newcomer, and counted."""
        try:
            return account_row(body, self.state.series, earning)
        except (msgspec.DecodeError, TypeError, IndexError, AttributeError):
            self.damaged += 1
            return CROWDS[min(body[1], STRANGERS)], Row()

    def _account(self, name: str) -> Change:
        state, key = self.state, name.encode("utf-8", "surrogatepass")
        row = state.known.get(name)
        if row is not None:
            return key, account_body(row, KNOWN, state.series)
        row = state.met.get(name)
        if row is not None:
            return key, account_body(row, MET, state.series)
        row = state.strangers.get(name)
        if row is not None:
            return key, account_body(row, STRANGERS, state.series)
        return key, state.asleep.get(name)

    def changes(self, plan: Plan) -> list[HotChanges]:
        """What a plan changes of this tenant's accounts and keys, with the buckets as they are now."""
        accounts = [self._told(name, told) for (tenant, name), told in plan.told.items() if tenant == self.name]
        owners = [(key, _owner_body(owner)) for (tenant, key), owner in plan.owners.items() if tenant == self.name]
        return [("accounts", self.number, accounts), ("owners", self.number, owners)]

    def _told(self, name: str, told: Told) -> Change:
        key = name.encode("utf-8", "surrogatepass")
        deleted = told.facts is None and name in self.state.known
        row = (None if deleted else self.state.row(name)) or Row()
        if told == Told():
            return key, None
        crowd = MET if told.facts is None else KNOWN
        return key, account_body(with_told(row, told), crowd, self.state.series)

    def _owner(self, key: bytes) -> Change:
        return key, _owner_body(self.state.owners.get(key))

    def _budget(self, key: Hashable) -> Change:
        bucket = self.state.budgets.find(key)
        return key_bytes(key), None if bucket is None else bucket_body(bucket)


def _owner_body(owner: str | None) -> bytes | None:
    return None if owner is None else owner.encode("utf-8", "surrogatepass")


def _density(density: Density, key: int) -> Change:
    counts = density.get(key)
    return key.to_bytes(8, "big"), None if counts is None else _encode(counts)
