"""The tables of a state file, and how an older file becomes one of today: a table of migrations, forward only."""

import sqlite3
from pathlib import Path

from reputation.wire.errors import ConfigError

HOT = ("accounts", "owners", "budgets", "networks", "asns")
"""Tables that are written behind: all of one shape, (tenant, key, body)."""

_HOT_TABLE = (
    "CREATE TABLE {} (tenant INTEGER NOT NULL, key BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (tenant, key)) "
    "WITHOUT ROWID"
)

_RECORDS = (
    "CREATE TABLE records (tenant TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, "
    "body BLOB NOT NULL, PRIMARY KEY (tenant, kind, id)) WITHOUT ROWID"
)

_STOPS = (
    "CREATE TABLE stops (number INTEGER PRIMARY KEY, tenant TEXT NOT NULL, id TEXT NOT NULL, account TEXT NOT NULL, "
    "stranger INTEGER NOT NULL, at REAL NOT NULL, body BLOB NOT NULL, UNIQUE (tenant, id))"
)

Migrations = tuple[tuple[str, ...], ...]
MIGRATIONS: Migrations = (
    (
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
        "CREATE TABLE tenants (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, body BLOB NOT NULL)",
        _RECORDS,
        *(_HOT_TABLE.format(table) for table in HOT),
    ),
    (
        _STOPS,
        "CREATE INDEX stops_of_account ON stops (tenant, account)",
        "CREATE INDEX stops_by_kind ON stops (tenant, stranger)",
        "CREATE INDEX stops_by_time ON stops (tenant, at)",
    ),
)
"""What each version adds to the one before; its place, counted from 1, is the file's `user_version`."""

APPLICATION_ID = 0x48454144
"""Marks a file as ours ("HEAD"), for `file` and for us."""


def migrate(connection: sqlite3.Connection, path: Path, migrations: Migrations = MIGRATIONS) -> None:
    """Bring a file to the newest version, all or nothing. Raises ConfigError for one newer or not ours."""
    version = check_version(connection, path, migrations)
    if version == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    for statements in migrations[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(migrations)}")
    connection.execute("COMMIT")


def check_version(connection: sqlite3.Connection, path: Path, migrations: Migrations = MIGRATIONS) -> int:
    """Return a file's version, 0 for an empty one. Raises ConfigError where this program must not write."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    if version > len(migrations):
        raise ConfigError(
            f"{path}: written by a newer Headcount (schema {version}, this Headcount knows {len(migrations)}); "
            "use the newer Headcount, or name another file with --state"
        )
    if not ours and connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        raise ConfigError(f"{path}: not a database of Headcount; name another file with --state")
    return version
