"""`headcount serve --play FILE`: recorded lines for a sidecar that has no past."""

from pathlib import Path

import zstandard

from reputation.commands.event_files import progress, reader
from reputation.engine.replay import BadLine
from reputation.sidecar.playing import Playing
from reputation.sidecar.running import Serving
from reputation.wire.errors import ConfigError


async def play_file(serving: Serving, path: Path) -> None:
    """Play a file of recorded lines. Raises ConfigError for a bad line, and for a state that is not empty."""
    playing = Playing(serving)
    try:
        with reader(path) as (source, size), progress(source, size, "playing") as lines:
            found = await playing.play(lines)
    except (BadLine, OSError, EOFError, zstandard.ZstdError) as error:
        raise ConfigError(f"--play {path}: {error}") from None
    serving.event_log.info("played", lines=found.lines, checks=found.checks, accounts=found.accounts)
