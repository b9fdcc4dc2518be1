"""The product as a callable, for a hydra that waits for each verdict before it goes on."""

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from reputation.config.file import load
from reputation.engine.replay import Replay
from reputation.linking.recorded import REPLAY_EVERY, REPLAY_LAG, RecordedLinking
from reputation.sidecar.build import build, open_addresses

KEY = b"simulated keys are hashed with this one"


class Product:
    """Line in, verdict out, by the engine that `headcount replay` runs, on the lines' own clock.

    Facts and outcomes wait until the next check, which comes later by the same clock.
    """

    def __init__(self, config: Path | None = None) -> None:
        settings = load(config)
        limiter = build(settings, open_addresses(settings, time.time()), KEY)
        self._linking = RecordedLinking(limiter, REPLAY_EVERY, REPLAY_LAG)
        self._waiting: deque[bytes] = deque()
        replay = Replay(limiter, self._linking, reasons=False, skip_bad=False)
        self._verdicts = replay.run(self._lines())

    def _lines(self) -> Iterator[bytes]:
        while True:
            yield self._waiting.popleft()

    def __call__(self, line: dict[str, Any]) -> dict[str, Any] | None:
        self._waiting.append(msgspec.json.encode(line))
        if "kind" in line:
            return None
        verdict: dict[str, Any] = msgspec.json.decode(next(self._verdicts))
        return verdict

    def close(self) -> None:
        self._linking.close()
