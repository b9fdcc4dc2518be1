"""Documents of one kind as values; the records store them as bytes."""

from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from reputation.state.records import ANY, Record, Records
from reputation.state.transactions import Document

T = TypeVar("T", bound=Struct)


class Documents(Generic[T]):
    """Values of one type in the records, by tenant and id."""

    def __init__(self, records: Records, kind: str, type_: type[T]) -> None:
        self.kind = kind
        self._records = records
        self._decoder = msgspec.json.Decoder(type_)

    async def put(self, tenant: str, id_: str, value: T, *, expect: int = ANY) -> int:
        """Store a value and return its version. Raises Conflict if `expect` is not the current version."""
        return await self._records.put(tenant, self.kind, id_, msgspec.json.encode(value), expect=expect)

    def document(self, id_: str, value: T | None, *, expect: int = ANY) -> Document:
        """A value to put as part of a transaction; None: to delete."""
        return Document(self.kind, id_, None if value is None else msgspec.json.encode(value), expect)

    async def get(self, tenant: str, id_: str) -> tuple[T, int] | None:
        """Find a value and its version."""
        record = await self._records.get(tenant, self.kind, id_)
        value = None if record is None else self._read(tenant, record)
        return None if record is None or value is None else (value, record.version)

    async def all(self, tenant: str) -> list[T]:
        """Return every readable value, by id."""
        return [value for value, _ in (await self.versioned(tenant)).values()]

    async def versioned(self, tenant: str) -> dict[str, tuple[T, int]]:
        """Return every readable value and its version by id, in the order of the ids."""
        found = [(record, self._read(tenant, record)) for record in await self._records.all(tenant, self.kind)]
        return {record.id: (value, record.version) for record, value in found if value is not None}

    def _read(self, tenant: str, record: Record) -> T | None:
        """Read a document; a damaged document counts as missing, and the log names it."""
        try:
            return self._decoder.decode(record.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._records.unreadable(tenant, self.kind, record.id)
            return None

    async def delete(self, tenant: str, id_: str) -> bool:
        """Forget a value; False if it was not there."""
        return await self._records.delete(tenant, self.kind, id_)
