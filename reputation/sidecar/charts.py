"""The charts of every tenant: sampled while the sidecar runs, and kept in the state, so that they survive a restart."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from reputation.engine.limiter import Limiter, TenantLimiter
from reputation.sidecar.timeline import WINDOWS, Timeline, sample_of
from reputation.state.records import Records
from reputation.wire.errors import Unavailable

CHARTS = "charts"
"""The kind of the records that keep a tenant's samples, one for each window."""
KEEP_EVERY = 60.0
"""Seconds between two times that the samples are kept: 140 KB a tenant."""


class Charts:
    """Samples of every tenant's counts. records: where they outlive the process; None: nowhere.

    Replicas of a shared state count their own checks, and no restarted one is the same as before, so theirs are not
    kept.
    """

    def __init__(
        self,
        limiter: Limiter,
        degraded: Callable[[], bool],
        clock: Callable[[], float],
        records: Records | None,
        warn: Any,
    ) -> None:
        self._limiter = limiter
        self._degraded = degraded
        self._clock = clock
        self._records = records
        self._warn = warn
        self._timeline = Timeline(lambda: {name: self.present(tenant) for name, tenant in limiter.tenants.items()})

    def present(self, tenant: TenantLimiter) -> dict[str, float]:
        """A tenant's sample of this moment."""
        links, counts = tenant.links, tenant.counts
        return sample_of(
            counts.verdicts,
            counts.stops,
            clusters=len(links.clusters),
            linked=len(links.members),
            degraded=float(self._degraded()),
        )

    def sample(self, now: float) -> None:
        """Take a sample of each tenant, in each window whose last one is old enough."""
        self._timeline.sample(now)

    def columns(self, tenant: str, window: str) -> dict[str, list[float]]:
        """One tenant's points, the oldest first, up to this moment."""
        self.sample(self._clock())
        return self._timeline.columns(tenant, window)

    async def take_up(self) -> None:
        """Go on with the samples of the last process. Unreadable ones are counted; charts begin without them."""
        if self._records is None:
            return
        for name in self._limiter.tenants:
            for window in WINDOWS:
                await self._take_up(self._records, name, window)

    async def _take_up(self, records: Records, name: str, window: str) -> None:
        found = await records.get(name, CHARTS, window)
        if found is not None and not self._timeline.unpack(name, window, found.body):
            records.unreadable(name, CHARTS, window)

    async def run(self) -> None:
        """Sample, and keep the samples once a minute, until cancelled."""
        keep_at = time.monotonic() + KEEP_EVERY
        while True:
            self.sample(self._clock())
            if time.monotonic() >= keep_at:
                keep_at = time.monotonic() + KEEP_EVERY
                await self.keep()
            await asyncio.sleep(min(WINDOWS.values()))

    async def keep(self) -> None:
        """Keep the samples in the state."""
        if self._records is None:
            return
        try:
            for name in self._timeline.tenants():
                for window in WINDOWS:
                    await self._records.put(name, CHARTS, window, self._timeline.pack(name, window))
        except Unavailable as away:
            self._warn("charts_not_kept", error=away.detail, until_then="they stay in memory")
