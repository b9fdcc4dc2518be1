"""Watches the memory of this process: near its bound, tables of accounts learnt from traffic keep their size."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from prometheus_client.metrics_core import Metric

from reputation.config.file import Settings
from reputation.engine.limiter import Limiter
from reputation.engine.metrics import gauge
from reputation.engine.notes import MOST_BYTES
from reputation.wire.errors import ConfigError

LOOK_EVERY = 1.0
"""Seconds between two looks."""
IN_BETWEEN: Final = 64 * 1_048_576
"""Bytes that may come between two looks."""
LEAST: Final = 64 * 1_048_576
"""Bytes that an empty sidecar takes."""
AGAIN: Final = 0.95
"""The part of the bound below which tables may grow again."""
STATM = Path("/proc/self/statm")


def resident() -> int:
    """Return the resident memory of this process in bytes; 0 where the system does not say."""
    try:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


class MemoryWatch:
    """Stops the growth of tables at `memory.sidecar`, less what else may fill up: notes, and requests half read."""

    def __init__(self, limiter: Limiter, settings: Settings, log: Any, measure: Callable[[], int] = resident) -> None:
        """Raises ConfigError if nothing is left for accounts."""
        self.full = False
        self.bound = settings.memory.sidecar
        self._stop_at = self.bound - MOST_BYTES - settings.http.buffered - IN_BETWEEN
        if self._stop_at < LEAST:
            least = (LEAST - self._stop_at + self.bound) >> 20
            raise ConfigError(f"memory.sidecar: with this http.buffered it must be at least {least} MiB")
        self._limiter = limiter
        self._log = log
        self._measure = measure

    async def run(self) -> None:
        """Look regularly, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY)

    def look(self) -> None:
        """Stop the growth of tables, or let them grow again; tenants come and go meanwhile."""
        used = self._measure()
        full = used >= (self._stop_at * AGAIN if self.full else self._stop_at)
        if full != self.full:
            tell = self._log.warning if full else self._log.info
            tell("memory_full" if full else "memory_has_room", bytes=used, bound=self.bound)
        self.full = full
        for tenant in self._limiter.tenants.values():
            for crowd in (tenant.state.traffic, tenant.state.unconfirmed):
                crowd.hold(full=full)

    def metrics(self) -> Iterator[Metric]:
        """Return the bound, and whether tables have stopped growing."""
        yield gauge("headcount_memory_bound_bytes", "Memory that this process may take.", self.bound)
        yield gauge("headcount_memory_full", "1 while tables of accounts do not grow.", int(self.full))
