"""Care of a state file: copy it, check it for damage, free unused space."""

import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from reputation.stores.sqlite.file import BUSY, StateFile, fix_of
from reputation.stores.sqlite.rows import Earning, account_row
from reputation.stores.sqlite.schema import HOT, check_version
from reputation.wire.errors import ConfigError

MOST_FAULTS = 20
NO_EARNINGS = Earning((), 0.0)


class Findings(Struct, frozen=True):
    """The findings about a file. written_at: seconds since 1970; tenants: rows of each table by tenant."""

    path: str
    schema: int
    bytes: int
    clean_stop: bool
    written_at: float | None
    tenants: dict[str, dict[str, int]]
    records: int
    faults: tuple[str, ...]


def look(path: Path) -> Findings:
    """Read a whole file and describe its contents; a running sidecar may write it. Raises ConfigError."""
    with _reading(path) as connection:
        schema = check_version(connection, path)
        if not schema:
            raise ConfigError(f"{path}: this file is empty")
        found = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({MOST_FAULTS})")]
        meta = dict(connection.execute("SELECT name, value FROM meta"))
        names = dict(connection.execute("SELECT id, name FROM tenants"))
        return Findings(
            str(path),
            schema,
            path.stat().st_size,
            meta.get("clean") == b"\x01",
            msgspec.msgpack.decode(meta["written_at"], type=float) if "written_at" in meta else None,
            {name: {table: _count(connection, table, number) for table in HOT} for number, name in names.items()},
            connection.execute("SELECT count(*) FROM records").fetchone()[0],
            () if found == ["ok"] else tuple(found),
        )


def copy(path: Path, to: Path) -> int:
    """Copy a file as it is at one moment; a running sidecar may write it. Return the copy's bytes.

    Raises ConfigError, and leaves no half of a copy. A copy of a file in use is one of an unclean stop:
    put in its place, no bucket earns for the time since.
    """
    if to.exists():
        raise ConfigError(f"{to}: already exists; name another file, or move it away")
    part = to.with_name(to.name + ".part")
    try:
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600))
        with _reading(path) as connection, contextlib.closing(sqlite3.connect(part)) as made:
            check_version(connection, path)
            connection.backup(made)
            made.execute("PRAGMA journal_mode = DELETE")
        part.replace(to)
    except (sqlite3.Error, OSError) as error:
        raise ConfigError(f"{to}: {fix_of(error)}") from error
    finally:
        part.unlink(missing_ok=True)
    return to.stat().st_size


def shrink(path: Path) -> tuple[int, int]:
    """Give a file's unused space back; bytes before and after. Raises ConfigError while a sidecar uses it."""
    _check_there(path)
    before = path.stat().st_size
    file = StateFile(path)
    try:
        file.connection.execute("VACUUM")
        file.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise ConfigError(f"{path}: {fix_of(error)}") from error
    finally:
        file.close()
    return before, path.stat().st_size


def kept_record(path: Path, tenant: str, kind: str, record: str) -> bytes | None:
    """Read one document from a file; a running sidecar may write it. Raises ConfigError."""
    with _reading(path) as connection:
        check_version(connection, path)
        found = connection.execute(
            "SELECT body FROM records WHERE tenant = ? AND kind = ? AND id = ?", (tenant, kind, record)
        ).fetchone()
    return None if found is None else bytes(found[0])


def plans_in(path: Path) -> dict[str, Counter[str]]:
    """Count the accounts of each plan, by tenant, also while a sidecar writes the file. Raises ConfigError."""
    found: dict[str, Counter[str]] = {}
    with _reading(path) as connection:
        check_version(connection, path)
        names = dict(connection.execute("SELECT id, name FROM tenants"))
        for number, name in names.items():
            plans = found[name] = Counter()
            for (body,) in connection.execute("SELECT body FROM accounts WHERE tenant = ?", (number,)):
                with contextlib.suppress(msgspec.DecodeError, TypeError, IndexError):  # `look` tells of damage
                    plan = account_row(bytes(body), 0, NO_EARNINGS)[1].facts.plan
                    plans.update([plan] if plan is not None else [])
    return found


def _count(connection: sqlite3.Connection, table: str, tenant: int) -> int:
    query = f"SELECT count(*) FROM {table} WHERE tenant = ?"  # noqa: S608 - one of our own names
    return int(connection.execute(query, (tenant,)).fetchone()[0])


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; name the state file with --state")


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open an existing file and change nothing in it. An error names the fix."""
    _check_there(path)
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=BUSY, isolation_level=None)) as connection:
            connection.execute("PRAGMA query_only = ON")
            yield connection
    except sqlite3.Error as error:
        raise ConfigError(f"{path}: {fix_of(error)}") from error
