"""Documents in memory in front of a state file: a `put` returns once it is written, or the file is away."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from reputation.errors import ConfigError
from reputation.stores.records import ANY, Changed, MemoryRecords, Record
from reputation.stores.sqlite_file import RecordChange, StateFile
from reputation.touched import Touched

Failed = Callable[[Exception], None]
Id = tuple[str, str, str]
"""Tenant, kind, id"""


class SqliteRecords:
    """Keeps every document; while the file is away they are kept in memory alone, and written when it is back."""

    def __init__(self, file: StateFile, writer: Executor, failed: Failed) -> None:
        """`writer` is the one thread that writes; `failed` hears of an error, and that something is left to write."""
        self.touched: Touched[Id] = Touched()
        self.touched.follow()
        self._file = file
        self._writer = writer
        self._failed = failed
        self._memory = MemoryRecords()
        for tenant, kind, id_, version, body in file.records():
            self._memory.restore(tenant, kind, Record(id_, version, body))

    async def put(self, tenant: str, kind: str, record: str, body: bytes, *, expect: int = ANY) -> int:
        version = await self._memory.put(tenant, kind, record, body, expect=expect)
        await self._write((tenant, kind, record))
        return version

    async def get(self, tenant: str, kind: str, record: str) -> Record | None:
        return await self._memory.get(tenant, kind, record)

    async def all(self, tenant: str, kind: str) -> list[Record]:
        return await self._memory.all(tenant, kind)

    async def delete(self, tenant: str, kind: str, record: str) -> bool:
        gone = await self._memory.delete(tenant, kind, record)
        if gone:
            await self._write((tenant, kind, record))
        return gone

    def follow(self, changed: Changed) -> None:
        self._memory.follow(changed)

    def touch_all(self) -> None:
        """Have every document written again."""
        self.touched.add_all(self._memory.ids())

    def take(self) -> list[RecordChange]:
        """Hand over what is left to write."""
        return [self._change(id_) for id_ in sorted(self.touched.take())]

    def give_back(self, changes: Sequence[RecordChange]) -> None:
        """Take back what could not be written."""
        self.touched.add_all(change[:3] for change in changes)

    async def _write(self, id_: Id) -> None:
        """Write one document as it is then; two puts of it at once leave the later one, whichever comes last."""
        try:
            await asyncio.wrap_future(self._writer.submit(self._write_now, id_))
        except (sqlite3.Error, OSError, ConfigError) as error:
            self.touched.add(id_)
            self._failed(error)

    def _write_now(self, id_: Id) -> None:
        self._file.write([], records=[self._change(id_)])

    def _change(self, id_: Id) -> RecordChange:
        found = self._memory.peek(*id_)
        return RecordChange(*id_, 0, None) if found is None else RecordChange(*id_, found.version, found.body)
