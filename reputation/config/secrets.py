"""Secrets that the configuration names the place of, and never contains."""

import os
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from reputation.wire.errors import ConfigError

SecretPlace = Annotated[str, Meta(pattern="^[@$].+")]
"""`@` and a file, or `$` and an environment variable."""


def secret_at(setting: str, place: str) -> str:
    """Read the secret of a setting from its place: `@` a file, `$` an environment variable. Raises ConfigError."""
    name = place[1:]
    try:
        found = Path(name).read_text(encoding="utf-8") if place.startswith("@") else os.environ[name]
    except (OSError, UnicodeDecodeError, KeyError):
        raise ConfigError(f"{setting}: {place} cannot be read") from None
    if not found.strip():
        raise ConfigError(f"{setting}: {place} is empty; it must contain the secret")
    return found.strip()
