"""One tenant's state and its tables: the state read at the start, and later changes, part by part."""

import struct
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from reputation.state.crowds import Row
from reputation.state.damage import Damage
from reputation.state.dirty_set import DirtySet
from reputation.state.history import Density
from reputation.state.tenant import TenantState
from reputation.state.transactions import AccountData, Plan
from reputation.stores.fact_rows import DAMAGED
from reputation.stores.sqlite.file import HotChanges, RowChange, StateFile
from reputation.stores.sqlite.rows import (
    CROWDS,
    Earning,
    account_body,
    account_row,
    bucket_body,
    bucket_of,
    key_bytes,
    key_of,
    with_data,
)

Counts = tuple[float, float, float]
K = TypeVar("K")
V = TypeVar("V")
UNREADABLE = (*DAMAGED, IndexError, KeyError, OverflowError, struct.error)
"""What reading damaged rows may raise."""
MOST_COUNTED = 1e12
REGISTERED, TRAFFIC, UNCONFIRMED = range(len(CROWDS))


class Whole(Struct, array_like=True, gc=False):
    """A tenant's stored whole. networks, asns: bad and good accounts of the population, and the time of the counts."""

    mode: str = ""
    series: int = 0
    networks: Counts = (1.0, 19.0, 0.0)
    asns: Counts = (1.0, 19.0, 0.0)


class StateTable(NamedTuple):
    """A table of a tenant: the changed names, the value to write for a name, and all names."""

    table: str
    dirty: DirtySet[Any]
    change: Callable[[Any], RowChange]
    names: Callable[[], Iterable[Hashable]]


_whole = msgspec.msgpack.Decoder(Whole)
_counts = msgspec.msgpack.Decoder(Counts)
_encode = msgspec.msgpack.encode


class KeptTenant:
    """A tenant's state, followed from the moment it was read."""

    def __init__(self, number: int, name: str, state: TenantState, damage: Damage) -> None:
        self.number = number
        self.name = name
        self.state = state
        self._damage = damage
        budgets, networks, asns = state.budgets, state.networks, state.asns
        self.parts = (
            StateTable("accounts", state.dirty, self._account, state.names),
            StateTable("owners", state.dirty_owners, self._owner, state.owners.keys),
            StateTable("budgets", budgets.dirty, self._budget, budgets.names),
            StateTable("networks", networks.dirty, partial(_density, networks), networks.keys),
            StateTable("asns", asns.dirty, partial(_density, asns), asns.keys),
        )

    def read(self, file: StateFile, earning: Earning) -> None:
        """Fill the state from the file, and follow it; unreadable values are left out. Raises sqlite3.Error."""
        whole, state = self._whole(file), self.state
        state.mode, state.series = whole.mode, whole.series
        bodies = dict(self._rows(file, "accounts", lambda key, body: (_text(key), _sleeper(body))))
        crowds = Counter(body[1] for body in bodies.values())
        state.lay_to_sleep(bodies, crowds[TRAFFIC], crowds[UNCONFIRMED], partial(self._row, earning))
        state.owners.update(self._rows(file, "owners", lambda key, body: (key, _text(body))))
        for key, bucket in self._rows(file, "budgets", lambda key, body: (key_of(key), bucket_of(body, earning))):
            state.budgets.place(key, bucket)
        for density, all_, table in ((state.networks, whole.networks, "networks"), (state.asns, whole.asns, "asns")):
            density.restore(all_, dict(self._rows(file, table, _learnt)))
        for part in self.parts:
            part.dirty.follow()

    def _whole(self, file: StateFile) -> Whole:
        _, body = file.tenant(self.name)
        try:
            whole = _whole.decode(body) if body else Whole()
            _check_counts(whole.networks), _check_counts(whole.asns)
        except UNREADABLE:
            self._note("tenants", b"")
            return Whole()
        return whole

    def _rows(self, file: StateFile, table: str, read: Callable[[bytes, bytes], tuple[K, V]]) -> Iterator[tuple[K, V]]:
        """Read every readable row of a table."""
        for key, body in file.rows(table, self.number):
            try:
                yield read(key, body)
            except UNREADABLE:
                self._note(table, key)

    def _note(self, table: str, key: Any) -> None:
        self._damage.note(f"{table} {key!r} of tenant {self.name}".encode("utf-8", "replace"))

    def waiting(self) -> int:
        """Count the changes not written yet."""
        return sum(len(part.dirty) for part in self.parts)

    def body(self) -> bytes:
        """Return the tenant's whole for the file."""
        state = self.state
        return _encode(Whole(state.mode, state.series, state.networks.population, state.asns.population))

    def mark_all(self) -> None:
        """Have everything written again."""
        for part in self.parts:
            part.dirty.add_all(part.names())

    def _row(self, earning: Earning, body: bytes) -> tuple[str, Row]:
        """Decode an account; a damaged one is a newcomer, and counted."""
        try:
            return account_row(body, self.state.series, earning)
        except UNREADABLE:
            self._note("accounts", body[:32])
            return CROWDS[body[1]], Row()

    def _account(self, name: str) -> RowChange:
        state, key = self.state, name.encode("utf-8", "surrogatepass")
        row = state.registered.get(name)
        if row is not None:
            return key, account_body(row, REGISTERED, state.series)
        row = state.traffic.get(name)
        if row is not None:
            return key, account_body(row, TRAFFIC, state.series)
        row = state.unconfirmed.get(name)
        if row is not None:
            return key, account_body(row, UNCONFIRMED, state.series)
        return key, state.asleep.get(name)

    def changes(self, plan: Plan) -> list[HotChanges]:
        """A plan's changes to this tenant's accounts and keys, with the present buckets."""
        accounts = [
            self._account_data(name, data) for (tenant, name), data in plan.accounts.items() if tenant == self.name
        ]
        owners = [(key, _owner_body(owner)) for (tenant, key), owner in plan.owners.items() if tenant == self.name]
        return [("accounts", self.number, accounts), ("owners", self.number, owners)]

    def _account_data(self, name: str, data: AccountData) -> RowChange:
        key = name.encode("utf-8", "surrogatepass")
        deleted = data.facts is None and name in self.state.registered
        row = (None if deleted else self.state.row(name)) or Row()
        if data == AccountData():
            return key, None
        crowd = TRAFFIC if data.facts is None else REGISTERED
        return key, account_body(with_data(row, data), crowd, self.state.series)

    def _owner(self, key: bytes) -> RowChange:
        return key, _owner_body(self.state.owners.get(key))

    def _budget(self, key: Hashable) -> RowChange:
        bucket = self.state.budgets.find(key)
        return key_bytes(key), None if bucket is None else bucket_body(bucket)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _sleeper(body: bytes) -> bytes:
    """Check the values of a sleeping account in use before it is decoded. Raises ValueError."""
    if not isinstance(body, bytes) or len(body) < 2 or body[1] > UNCONFIRMED:
        raise ValueError("this is no account")
    return body


def _learnt(key: bytes, body: bytes) -> tuple[int, Counts]:
    return int.from_bytes(key, "big"), _check_counts(_counts.decode(body))


def _check_counts(counts: Counts) -> Counts:
    """Raise ValueError for impossible counts; NaN would spread to every account's risk."""
    if not all(0.0 <= count < MOST_COUNTED for count in counts):
        raise ValueError("these are no counts")
    return counts


def _owner_body(owner: str | None) -> bytes | None:
    return None if owner is None else owner.encode("utf-8", "surrogatepass")


def _density(density: Density, key: int) -> RowChange:
    counts = density.get(key)
    return key.to_bytes(8, "big"), None if counts is None else _encode(counts)
