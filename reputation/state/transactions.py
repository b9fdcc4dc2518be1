"""The one way to change an account: a transaction, kept whole or not at all in every store.

It changes facts and outcomes by a function of those before, and puts or deletes documents, such as the note that a
webhook's event was seen. A store works transactions out one after another over what is in force (`Plan`), makes them
durable, and only then puts them in force; so what cannot be kept has changed nothing.
"""

from collections.abc import Callable
from typing import NamedTuple

from reputation.state.facts import NOTHING, Facts
from reputation.state.records import ABSENT, ANY, MemoryRecords, Record
from reputation.state.tenant import TenantState
from reputation.wire.errors import Conflict

TAKEN = "this key belongs to another account; take it away there first"


class AccountData(NamedTuple):
    """A tenant's stored data of an account. facts: None without a push; outcomes: packed, oldest first."""

    facts: Facts | None = None
    outcomes: bytes = b""


AccountChange = Callable[[AccountData], AccountData]
"""What is known after, from what was known before. It has no effects: it may be asked several times."""


Tells = Callable[[Facts | None, Facts | None], bytes]
"""The body of a document that tells of a change, from the account's facts before and after; without effects."""


class Document(NamedTuple):
    """A document to put, or without a body to delete, if the stored version is the expected one."""

    kind: str
    id: str
    body: bytes | Tells | None
    expect: int = ANY

    def written(self, before: Facts | None, after: Facts | None) -> bytes | None:
        """The stored part of it."""
        return self.body(before, after) if callable(self.body) else self.body


class Transaction(NamedTuple):
    """The changes for one tenant: of one account, and of documents."""

    account: str = ""
    change: AccountChange | None = None
    documents: tuple[Document, ...] = ()


class Committed(NamedTuple):
    """The result of a transaction: the account before and after, and the version of each document (0: none)."""

    before: AccountData
    after: AccountData
    versions: tuple[int, ...] = ()


class Stale(Conflict):
    """A document has another version than expected, so nothing was kept; `place` names the document."""

    def __init__(self, place: int) -> None:
        super().__init__("this was changed meanwhile; read it again, then retry")
        self.place = place


def put_in_force(state: TenantState, account: str, data: AccountData, now: float) -> None:
    """Give a state an account's stored data; with deleted facts the account starts again, except for its outcomes."""
    row, facts = state.row(account, now), data.facts
    if facts is None and account in state.registered:
        state.delete(account)
        row = None
    elif facts is not None and (account not in state.registered or row is None or row.facts is not facts):
        row = state.push(account, facts, now)
    if data.outcomes != (b"" if row is None else row.outcomes):
        row = state.confirm(account, now)
        row.outcomes = data.outcomes


class Plan:
    """Transactions computed one after another over the active data; only `apply` changes the data.

    under: a plan that comes into force before this one.
    """

    def __init__(self, records: MemoryRecords, under: "Plan | None" = None) -> None:
        self.under = under
        self.accounts: dict[tuple[str, str], AccountData] = {}
        self.owners: dict[tuple[str, bytes], str | None] = {}
        self.documents: dict[tuple[str, str, str], Record | None] = {}
        self.states: dict[str, TenantState] = {}
        self._records = records

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.accounts or self.documents)

    def add(self, tenant: str, state: TenantState, asked: Transaction, now: float) -> Committed:
        """Compute a transaction. Raises Conflict for a key of another account, Stale, and the errors of `change`."""
        before = self._data_of(tenant, state, asked.account, now)
        after = before if asked.change is None else asked.change(before)
        self._check_keys(tenant, state, asked.account, after.facts)
        versions = self._versions(tenant, asked.documents)
        if asked.account:
            self.states[tenant] = state
        if after != before:
            self.accounts[tenant, asked.account] = after
            self._own(tenant, asked.account, before.facts, after.facts)
        for document, version in zip(asked.documents, versions, strict=True):
            id_, body = (tenant, document.kind, document.id), document.written(before.facts, after.facts)
            if version:
                self.documents[id_] = None if body is None else Record(document.id, version, body)
        return Committed(before, after, versions)

    def _data_of(self, tenant: str, state: TenantState, account: str, now: float) -> AccountData:
        if not account:
            return AccountData()
        for plan in self._plans():
            if (tenant, account) in plan.accounts:
                return plan.accounts[tenant, account]
        row = state.row(account, now)
        if row is None:
            return AccountData()
        return AccountData(row.facts if account in state.registered else None, row.outcomes)

    def _check_keys(self, tenant: str, state: TenantState, account: str, facts: Facts | None) -> None:
        for i, key in enumerate((facts or NOTHING).keys):
            if self._owner(tenant, state, key) not in (None, account):
                raise Conflict(TAKEN, f"/keys/{i}")

    def _owner(self, tenant: str, state: TenantState, key: bytes) -> str | None:
        for plan in self._plans():
            if (tenant, key) in plan.owners:
                return plan.owners[tenant, key]
        return state.owners.get(key)

    def _record(self, id_: tuple[str, str, str]) -> Record | None:
        for plan in self._plans():
            if id_ in plan.documents:
                return plan.documents[id_]
        return self._records.peek(*id_)

    def _plans(self) -> "tuple[Plan, ...]":
        return (self,) if self.under is None else (self, self.under)

    def _own(self, tenant: str, account: str, before: Facts | None, after: Facts | None) -> None:
        for key in (before or NOTHING).keys:
            self.owners[tenant, key] = None
        for key in (after or NOTHING).keys:
            self.owners[tenant, key] = account

    def _versions(self, tenant: str, documents: tuple[Document, ...]) -> tuple[int, ...]:
        """The new version of each document; a deleted one keeps its version."""
        versions = []
        for place, document in enumerate(documents):
            found = self._record((tenant, document.kind, document.id))
            version = ABSENT if found is None else found.version
            if document.expect not in (ANY, version):
                raise Stale(place)
            versions.append(version if document.body is None else version + 1)
        return tuple(versions)

    def apply(self, now: float) -> None:
        """Activate the computed changes."""
        for (tenant, account), data in self.accounts.items():
            put_in_force(self.states[tenant], account, data, now)
        for (tenant, kind, id_), record in self.documents.items():
            self._records.keep(tenant, kind, id_, record)
