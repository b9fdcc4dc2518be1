"""One state file: opened, locked, read, written in batches, renewed when it is lost. Plain blocking calls.

SQLite in WAL mode with synchronous = FULL: what a commit has written is on the disk before it returns, so it survives
the death of the process and of the machine, as far as the disk keeps what it has acknowledged.
"""

import asyncio
import contextlib
import errno
import fcntl
import heapq
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reputation.stores.sqlite.schema import HOT, migrate
from reputation.wire.errors import ConfigError

CHUNK = 400
"""Rows a statement. Each statement gives the interpreter lock away once, so few and large ones; SQLite binds 32,766
values at most."""
HEADER = b"SQLite format 3\0"
RUN = 4096
"""Names that are sorted at a time."""
BUSY = 5.0
"""Seconds to wait for `headcount state backup` or an operator's sqlite3 shell."""
LOST = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_READONLY_DBMOVED"})
"""Errors after which nothing in the file is to be relied on."""

FIXES = (
    ("SQLITE_FULL", "the disk is full; free some space"),
    ("SQLITE_READONLY", "the file cannot be written; make the file and its directory writable for this user"),
    ("SQLITE_CANTOPEN", "the file cannot be opened; make sure that its directory exists and is writable for this user"),
    ("SQLITE_CORRUPT", "the file is damaged; restore a backup, or move the file away to start empty"),
    ("SQLITE_NOTADB", "the file is not a database; name another file, or move the file away to start empty"),
    ("SQLITE_BUSY", "another program has locked the file; end that program"),
    ("SQLITE_IOERR", "reading or writing failed; check the disk and its free space"),
)
"""The beginning of SQLite's name for an error, and the fix for users."""

_SYSTEM = {
    errno.ENOSPC: "SQLITE_FULL",
    errno.EROFS: "SQLITE_READONLY",
    errno.EACCES: "SQLITE_READONLY",
    errno.EISDIR: "SQLITE_NOTADB",
    errno.ENOENT: "SQLITE_CANTOPEN",
}

_SELECT = {table: f"SELECT key, body FROM {table} WHERE tenant = ?" for table in HOT}  # noqa: S608 - our own names
_PUT = {table: f"INSERT OR REPLACE INTO {table} VALUES " for table in HOT}  # noqa: S608 - our own names
_DROP = {table: f"DELETE FROM {table} WHERE tenant = ? AND key IN (" for table in HOT}  # noqa: S608 - our own names

RowChange = tuple[bytes, bytes | None]
"""A key and what is kept there now; None: nothing any more."""
HotChanges = tuple[str, int, Sequence[RowChange]]
"""Table, tenant and changes"""


class RecordChange(NamedTuple):
    """A document's present value; no body: deleted."""

    tenant: str
    kind: str
    id: str
    version: int
    body: bytes | None


class FileLostError(OSError):
    """The file was deleted, replaced or damaged: all state in memory must be written again."""


def fix_of(error: Exception) -> str:
    """Return the fix for an error of the file."""
    name = getattr(error, "sqlite_errorname", None) or _SYSTEM.get(getattr(error, "errno", None) or 0, "")
    return next((fix for start, fix in FIXES if name.startswith(start)), str(error))


def is_lost(error: Exception) -> bool:
    name = getattr(error, "sqlite_errorname", "") or ""
    return isinstance(error, FileLostError) or name in LOST


class StateFile:
    """An open state file. The lock is on the file itself, so two sidecars never write one file under two names.

    A lock file next to it, by the path without links, says whose it is while the file is being replaced.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises ConfigError with the file and the fix."""
        self.path = path = Path(os.path.realpath(path))
        self._lock = _locked(path)
        self._connection: sqlite3.Connection | None = None
        self._look = -1
        try:
            self._connect()
        except (sqlite3.Error, OSError) as error:
            self._disconnect()
            os.close(self._lock)
            raise ConfigError(f"--state {path}: {fix_of(error)}") from error
        except ConfigError:
            self._disconnect()
            os.close(self._lock)
            raise

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection. Raises FileLostError if there is none."""
        if self._connection is None:
            raise FileLostError(f"{self.path} is not open")
        return self._connection

    def _connect(self) -> None:
        # the hash key may be in it, so no other user may read it; open as long as the connection, because closing any
        # descriptor of a file lets go of all of this process's locks on it
        self._look = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _lock_whole(self._look, self.path)
        connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        self._connection = connection
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # what was deleted is overwritten with zeros in the file
        connection.execute("PRAGMA journal_size_limit = 67108864")
        migrate(connection, self.path)
        connection.execute("BEGIN IMMEDIATE")  # says now, not at the first batch, that nothing can be written
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('opened', 1)")
        connection.execute("COMMIT")
        self._inode = os.fstat(self._look).st_ino

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None
        if self._look >= 0:
            os.close(self._look)
        self._look = -1

    # -- reading ------------------------------------------------------------------------------------------------

    def meta(self, name: str) -> bytes | None:
        row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def tenant(self, name: str) -> tuple[int, bytes]:
        """A tenant's number, made if there is none yet, and the tenant's stored whole."""
        found = self.connection.execute("SELECT id, body FROM tenants WHERE name = ?", (name,)).fetchone()
        if found is not None:
            return int(found[0]), bytes(found[1])
        made = self.connection.execute("INSERT INTO tenants (name, body) VALUES (?, x'')", (name,))
        return int(made.lastrowid or 0), b""

    def rows(self, table: str, tenant: int) -> Iterable[tuple[bytes, bytes]]:
        """Return every key of a table with its value."""
        return self.connection.execute(_SELECT[table], (tenant,))

    def records(self) -> Iterable[tuple[str, str, str, int, bytes]]:
        return self.connection.execute("SELECT tenant, kind, id, version, body FROM records")

    # -- writing ------------------------------------------------------------------------------------------------

    def write(
        self,
        hot: Sequence[HotChanges],
        tenants: Sequence[tuple[int, str, bytes]] = (),
        records: Sequence[RecordChange] = (),
        meta: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Write a batch, all or nothing. Raises sqlite3.Error and FileLostError."""
        with self.transaction() as connection:
            for table, tenant, changes in hot:
                self._put(table, tenant, [change for change in changes if change[1] is not None])
                self._drop(table, tenant, [key for key, body in changes if body is None])
            connection.executemany("INSERT OR REPLACE INTO tenants (id, name, body) VALUES (?, ?, ?)", tenants)
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta)
            self._record(records)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the body as a transaction, all or nothing. Raises sqlite3.Error and FileLostError."""
        self._check_place()
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _put(self, table: str, tenant: int, changes: Sequence[RowChange]) -> None:
        for start in range(0, len(changes), CHUNK):
            part = changes[start : start + CHUNK]
            values = [value for change in part for value in change]
            self.connection.execute(_PUT[table] + ", ".join([f"({tenant}, ?, ?)"] * len(part)), values)

    def _drop(self, table: str, tenant: int, keys: Sequence[bytes]) -> None:
        for start in range(0, len(keys), CHUNK):
            part = keys[start : start + CHUNK]
            self.connection.execute(_DROP[table] + ", ".join("?" * len(part)) + ")", [tenant, *part])

    def _record(self, records: Sequence[RecordChange]) -> None:
        kept = [record for record in records if record.body is not None]
        gone = [record[:3] for record in records if record.body is None]
        self.connection.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)", kept)
        self.connection.executemany("DELETE FROM records WHERE tenant = ? AND kind = ? AND id = ?", gone)

    def _check_place(self) -> None:
        """Detect a deleted, replaced or overwritten file; SQLite would continue with its cache."""
        try:
            there = self.path.stat().st_ino
        except FileNotFoundError:
            raise FileLostError(f"{self.path} is gone") from None
        if there != self._inode:
            raise FileLostError(f"{self.path} was replaced")
        if os.pread(self._look, len(HEADER), 0) != HEADER:
            raise FileLostError(f"{self.path} was overwritten")

    def scrub(self) -> bool:
        """Empty the write-ahead log, so deleted bytes are in no file; False while another program reads the file."""
        busy, _, _ = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    # -- mending ------------------------------------------------------------------------------------------------

    def reopen(self) -> None:
        """Open the file again after a temporary error. Raises sqlite3.Error, ConfigError, OSError."""
        self._disconnect()
        self._connect()

    def renew(self) -> None:
        """Put a lost file aside as `PATH.damaged` and start an empty one. Raises as `reopen`."""
        self._disconnect()
        for end in ("-wal", "-shm"):
            Path(f"{self.path}{end}").unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self.path.replace(f"{self.path}.damaged")
        self._connect()

    def close(self) -> None:
        self._disconnect()
        os.close(self._lock)


def _lock_whole(file: int, path: Path) -> None:
    """Lock the file itself: one lock under all its names; SQLite's own locks are of another kind."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(
            f"--state {path}: another sidecar uses this file, perhaps by another name; end that one, or name another"
        ) from None


def _locked(path: Path) -> int:
    """Take the lock of a state file; the kernel gives it back when the process ends, however it ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"--state {path}: {error.strerror}; make its directory writable for this user, name another file, "
            "or --state :memory:"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(lock, 32).decode("ascii", "replace").strip()
        os.close(lock)
        raise ConfigError(
            f"--state {path}: process {holder or 'of another sidecar'} uses it; end that process, or name another file"
        ) from None
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


async def in_order(names: Iterable[Any]) -> Iterator[Any]:
    """Order very many names as in the file, in slices, so each of its pages is written once or twice."""
    every, runs = list(names), []
    for start in range(0, len(every), RUN):
        runs.append(sorted(every[start : start + RUN]))
        await asyncio.sleep(0)
    return heapq.merge(*runs)
