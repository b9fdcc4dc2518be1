"""The stores for `--state`: a table from the beginning of its value to the function that opens the store."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from reputation.state.damage import Damage
from reputation.state.records import Records
from reputation.state.stops import Stops
from reputation.state.tenant import TenantState
from reputation.state.transactions import Committed, Transaction
from reputation.stores.memory import MemoryStore
from reputation.stores.sqlite.store import Figures, SqliteStore
from reputation.wire.errors import ConfigError

MEMORY = ":memory:"


class Store(Protocol):
    """A store: the state of every tenant, and the documents."""

    @property
    def records(self) -> Records:
        """The documents, and other records that outlive the process."""

    @property
    def damage(self) -> Damage:
        """Counts and log of unreadable values in it."""

    @property
    def stops(self) -> Stops:
        """Verdicts that stopped a request, stored for days."""

    @property
    def degraded(self) -> bool:
        """Whether the store is unavailable, so that this process works from memory."""

    def tenant(self, name: str) -> TenantState:
        """Return a tenant's state. Raises ConfigError where it cannot be read."""

    async def commit(self, tenant: str, asked: Transaction) -> Committed:
        """Carry out a transaction, durable before this returns. Raises Conflict, Stale, and Unavailable."""

    def figures(self) -> Figures | None:
        """What a place that is written behind tells of itself; None where nothing is."""

    async def run(self) -> None:
        """Do the background work, until cancelled."""

    async def close(self) -> None:
        """Write the remaining changes and close the store."""


class Opening(NamedTuple):
    """Parameters of a store: a function for a tenant's empty state, the log, and the clock."""

    make: Callable[[], TenantState]
    log: Any
    clock: Callable[[], float]


def _memory(_: str, opening: Opening) -> Store:
    return MemoryStore(opening.make, opening.clock)


def _file(place: str, opening: Opening) -> Store:
    return SqliteStore(Path(place), opening.make, opening.log, opening.clock)


def _redis(place: str, opening: Opening) -> Store:
    from reputation.stores.redis.store import RedisStore  # noqa: PLC0415 - embedded state does without the client

    return RedisStore(place, opening.make, opening.log, opening.clock)


SHARED = ("redis", "rediss", "redis+sentinel", "redis+cluster")
"""Schemes of places that replicas share."""
PLACES: Mapping[str, Callable[[str, Opening], Store]] = {"": _file, MEMORY: _memory, **dict.fromkeys(SHARED, _redis)}
"""Openers by scheme, what stands before `://`; without one it is a file's path."""


def default_place() -> str:
    """Return the state file in the user's state directory, as the XDG base directory specification has it."""
    state = os.environ.get("XDG_STATE_HOME", "")
    directory = Path(state) if Path(state).is_absolute() else Path("~/.local/state").expanduser()
    return str(directory / "headcount" / "state.sqlite3")


def is_shared(place: str | None) -> bool:
    """Say whether replicas share this store."""
    return place is not None and place.partition("://")[0] in SHARED


def open_store(place: str | None, opening: Opening) -> Store:
    """Open the state at a place; None: the default one. Raises ConfigError."""
    place = place or default_place()
    scheme = MEMORY if place == MEMORY else place.partition("://")[0] if "://" in place else ""
    opener = PLACES.get(scheme)
    if opener is None:
        known = ", ".join(f"{name}://" for name in PLACES if name not in ("", MEMORY))
        raise ConfigError(f"--state {place}: give {', or '.join(filter(None, ('a path', MEMORY, known)))}")
    return opener(place, opening)
