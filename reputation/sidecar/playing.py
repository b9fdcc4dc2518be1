"""Recorded lines played into a sidecar before it serves, so that it knows a past: for a demonstration, or a test."""

import asyncio
from collections.abc import Iterable
from contextlib import ExitStack

from reputation.engine.notes import MOST_WAITING
from reputation.engine.replay import Replay, Summary
from reputation.linking.live import LiveLinking
from reputation.linking.recorded import REPLAY_EVERY
from reputation.sidecar.running import Serving
from reputation.wire.errors import ConfigError

TURN = 500
"""Verdicts between two turns of the event loop."""
AHEAD = 60.0
"""Seconds by which a line may be later than this machine's clock."""


class Playing:
    """Checks, facts and outcomes of recorded lines, judged as live ones are, each at its own time.

    The links, the charts, the stops and the recorded decisions of that time are there afterwards. Nobody is answered,
    and the decision log has no line of it.
    """

    def __init__(self, serving: Serving) -> None:
        """Raises ConfigError unless the state belongs to this process alone and is empty."""
        linking = serving.linking
        if not isinstance(linking, LiveLinking):
            raise ConfigError("--play: the state is shared by replicas; give --state a file or :memory:")
        if any(tenant.state.size() for tenant in serving.limiter.tenants.values()):
            raise ConfigError("--play: the state already contains accounts; give --state a new file")
        self._serving = serving
        self._linking = linking
        self._replay = Replay(serving.limiter, self._tick, reasons=False, skip_bad=False, explains=True)
        self._now = 0.0
        self._next_epoch = 0.0

    async def play(self, lines: Iterable[bytes]) -> Summary:
        """Play all lines, then link once more. Raises BadLine, and ConfigError for a line of the future."""
        with ExitStack() as failed:
            failed.callback(self._linking.close)
            await self._play(lines)
            failed.pop_all()
        return self._replay.summary

    async def _play(self, lines: Iterable[bytes]) -> None:
        for number, _ in enumerate(self._replay.run(lines)):
            if self._epoch_is_due():
                self._next_epoch = self._now + REPLAY_EVERY
                await self._linking.turn(self._now)
            if number % TURN == 0:
                await self._serving.stops.keep_all()
                await asyncio.sleep(0)
        await self._linking.turn(self._now)
        await self._serving.stops.keep_all()
        self._serving.charts.sample(self._now)

    def _tick(self, now: float) -> None:
        if now > self._serving.clock() + AHEAD:
            raise ConfigError("--play: a line is later than this machine's clock")
        self._now = now
        self._serving.charts.sample(now)

    def _epoch_is_due(self) -> bool:
        waiting = sum(tenant.outbox.waiting for tenant in self._serving.limiter.tenants.values())
        return self._now >= self._next_epoch or waiting >= MOST_WAITING // 4
