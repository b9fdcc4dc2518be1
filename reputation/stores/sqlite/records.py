"""Documents in memory in front of a state file: a change is in the file before the call returns."""

from collections.abc import Awaitable, Callable, Sequence

from reputation.state.dirty_set import DirtySet
from reputation.state.records import ANY, MemoryRecords, Record, RecordChanged
from reputation.state.transactions import Committed, Document, Transaction
from reputation.stores.sqlite.file import RecordChange

Commit = Callable[[str, Transaction], Awaitable[Committed]]
RecordId = tuple[str, str, str]
"""Tenant, kind, id"""


class SqliteRecords:
    """Keeps every document. While the file is away every change raises Unavailable: it is kept or it is refused."""

    def __init__(self, memory: MemoryRecords, commit: Commit) -> None:
        self.dirty: DirtySet[RecordId] = DirtySet()
        self.dirty.follow()
        self._memory = memory
        self._commit = commit

    async def put(self, tenant: str, kind: str, record: str, body: bytes, *, expect: int = ANY) -> int:
        return (await self._commit(tenant, Transaction(documents=(Document(kind, record, body, expect),)))).versions[0]

    async def get(self, tenant: str, kind: str, record: str) -> Record | None:
        return await self._memory.get(tenant, kind, record)

    async def all(self, tenant: str, kind: str) -> list[Record]:
        return await self._memory.all(tenant, kind)

    async def page(
        self, tenant: str, kind: str, most: int, *, before: str = "", after: str | None = None
    ) -> list[Record]:
        return await self._memory.page(tenant, kind, most, before=before, after=after)

    async def delete(self, tenant: str, kind: str, record: str) -> bool:
        return (await self._commit(tenant, Transaction(documents=(Document(kind, record, None),)))).versions[0] > 0

    def unreadable(self, tenant: str, kind: str, record: str) -> None:
        self._memory.unreadable(tenant, kind, record)

    def follow(self, changed: RecordChanged) -> None:
        self._memory.follow(changed)

    def mark_all(self) -> None:
        """Mark every document to be written again, for example to a new file after a loss."""
        self.dirty.add_all(self._memory.ids())

    def take(self) -> list[RecordChange]:
        """Return the changes still to write."""
        return [self._change(id_) for id_ in sorted(self.dirty.take())]

    def give_back(self, changes: Sequence[RecordChange]) -> None:
        """Take back changes without a write."""
        self.dirty.add_all(change[:3] for change in changes)

    def _change(self, id_: RecordId) -> RecordChange:
        found = self._memory.peek(*id_)
        return RecordChange(*id_, 0, None) if found is None else RecordChange(*id_, found.version, found.body)
