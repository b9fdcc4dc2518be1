"""The stores for `--state`: a table from the scheme of its value to the module of the store."""

import importlib
import os
from collections.abc import Mapping
from pathlib import Path

from reputation.stores.contract import Opening, Store
from reputation.wire.errors import ConfigError

FILE, MEMORY = "", ":memory:"
PLACES: Mapping[str, str] = {
    FILE: "reputation.stores.sqlite.store",
    MEMORY: "reputation.stores.memory",
    "redis": "reputation.stores.redis.store",
    "rediss": "reputation.stores.redis.store",
    "redis+sentinel": "reputation.stores.redis.store",
    "redis+cluster": "reputation.stores.redis.store",
}
"""Modules by scheme, the text before `://`. A module is imported when a place of its scheme is opened, and has
`open_store(place, opening)`, which returns a `Store` or raises ConfigError."""


def default_place() -> str:
    """Return the state file in the user's state directory, as the XDG base directory specification has it."""
    state = os.environ.get("XDG_STATE_HOME", "")
    directory = Path(state) if Path(state).is_absolute() else Path("~/.local/state").expanduser()
    return str(directory / "headcount" / "state.sqlite3")


def open_store(place: str | None, opening: Opening) -> Store:
    """Open the state at a place; None: the default one. Raises ConfigError."""
    place = place or default_place()
    scheme = MEMORY if place == MEMORY else place.partition("://")[0] if "://" in place else FILE
    if scheme not in PLACES:
        known = ", ".join(f"{name}://" for name in PLACES if name not in (FILE, MEMORY))
        raise ConfigError(f"--state {place}: give a path, or {MEMORY}, or {known}")
    store: Store = importlib.import_module(PLACES[scheme]).open_store(place, opening)
    return store
