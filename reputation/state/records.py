"""Operators' decisions as small documents: revisions, exceptions, labels, rulings, the audit log. One contract.

They are few and precious, so every store keeps them whole and in order; hot state (rows, buckets) is kept elsewhere.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from reputation.state.damage import Damage
from reputation.wire.errors import Conflict

ANY = -1
"""Expect any version: whatever is there is replaced."""
ABSENT = 0
"""Expect nothing: the document must not be there yet."""

RecordChanged = Callable[[str, str], None]
"""Called with (tenant, kind) after a change, wherever it was made."""


class Record(Struct, frozen=True, gc=False):
    """One document: `id` is unique in its tenant and kind; `version` is 1 when first put and grows by 1 a put."""

    id: str
    version: int
    body: bytes


class Records(Protocol):
    """A store of documents by tenant and kind."""

    async def put(self, tenant: str, kind: str, record: str, body: bytes, *, expect: int = ANY) -> int:
        """Keep a document and return its version. Raises Conflict, and keeps nothing, if `expect` is not there."""

    async def get(self, tenant: str, kind: str, record: str) -> Record | None:
        """Find one document."""

    async def all(self, tenant: str, kind: str) -> list[Record]:
        """Return every document of a kind, by id; ULIDs are in the order of their time."""

    async def page(
        self, tenant: str, kind: str, most: int, *, before: str = "", after: str | None = None
    ) -> list[Record]:
        """At most so many documents: the last ids first, from before one; or with `after` the first ones after it."""

    async def delete(self, tenant: str, kind: str, record: str) -> bool:
        """Forget a document; False if it was not there."""

    def unreadable(self, tenant: str, kind: str, record: str) -> None:
        """Report an unreadable document: it is counted, and named in the log."""

    def follow(self, changed: RecordChanged) -> None:
        """Tell `changed` of every change from now on, also of other replicas' (within 2 s)."""


def document_name(tenant: str, kind: str, record: str) -> bytes:
    """Name a document in a log."""
    return f"{kind} {record} of tenant {tenant}".encode("utf-8", "replace")


class MemoryRecords:
    """Documents in memory alone."""

    def __init__(self, damage: Damage | None = None) -> None:
        self.damage = damage or Damage()
        self._kept: dict[tuple[str, str], dict[str, Record]] = {}
        self._order: dict[tuple[str, str], list[str]] = {}  # ids of kinds that pages were asked of
        self._followers: list[RecordChanged] = []

    async def put(self, tenant: str, kind: str, record: str, body: bytes, *, expect: int = ANY) -> int:
        kept = self._kept.setdefault((tenant, kind), {})
        version = kept[record].version if record in kept else ABSENT
        check_version(expect, version)
        self.keep(tenant, kind, record, Record(record, version + 1, body))
        return version + 1

    async def get(self, tenant: str, kind: str, record: str) -> Record | None:
        return self.peek(tenant, kind, record)

    async def all(self, tenant: str, kind: str) -> list[Record]:
        return sorted(self._kept.get((tenant, kind), {}).values(), key=lambda record: record.id)

    async def delete(self, tenant: str, kind: str, record: str) -> bool:
        there = record in self._kept.get((tenant, kind), {})
        if there:
            self.keep(tenant, kind, record, None)
        return there

    async def page(
        self, tenant: str, kind: str, most: int, *, before: str = "", after: str | None = None
    ) -> list[Record]:
        kept, order = self._kept.get((tenant, kind), {}), self._order.get((tenant, kind))
        if order is None:
            order = self._order[tenant, kind] = sorted(kept)
        if after is not None:
            start = bisect_right(order, after)
            return [kept[id_] for id_ in order[start : start + most]]
        end = bisect_left(order, before) if before else len(order)
        return [kept[id_] for id_ in reversed(order[max(end - most, 0) : end])]

    def unreadable(self, tenant: str, kind: str, record: str) -> None:
        self.damage.note(document_name(tenant, kind, record))

    def follow(self, changed: RecordChanged) -> None:
        self._followers.append(changed)

    def peek(self, tenant: str, kind: str, record: str) -> Record | None:
        """Find one document without waiting."""
        return self._kept.get((tenant, kind), {}).get(record)

    def keep(self, tenant: str, kind: str, id_: str, record: Record | None) -> None:
        """Put a document in place of the earlier one, or delete it, and report the change."""
        kept, order = self._kept.setdefault((tenant, kind), {}), self._order.get((tenant, kind))
        if order is not None and (id_ in kept) != (record is not None):
            if record is None:
                del order[bisect_left(order, id_)]
            else:
                insort(order, id_)
        if record is None:
            kept.pop(id_, None)
        else:
            kept[id_] = record
        self._tell(tenant, kind)

    def restore(self, tenant: str, kind: str, record: Record) -> None:
        """Load a stored document, without a notification."""
        self._kept.setdefault((tenant, kind), {})[record.id] = record
        self._order.pop((tenant, kind), None)

    def ids(self) -> list[tuple[str, str, str]]:
        """Tenant, kind and id of every document."""
        return [(tenant, kind, id_) for (tenant, kind), kept in self._kept.items() for id_ in kept]

    def _tell(self, tenant: str, kind: str) -> None:
        for changed in self._followers:
            changed(tenant, kind)


def check_version(expect: int, version: int) -> None:
    """Raise Conflict unless the current version is the expected one."""
    if expect not in (ANY, version):
        raise Conflict("this was changed in the meantime; read it again, then retry")
