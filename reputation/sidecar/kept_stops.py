"""Stops kept for days, written in batches off the request path, and look-ups: recent verdicts, else kept stops.

Stops of the last half second are lost if the process is killed; a stop is no acknowledged write.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from prometheus_client.metrics_core import Metric

from reputation.config.file import ExplainSettings
from reputation.engine.limiter import Limiter, TenantLimiter
from reputation.engine.metrics import counter
from reputation.engine.verdicts import StoredRequest, read_packed
from reputation.state.stops import Keep, Stop, Stops
from reputation.wire.errors import NotFound, Unavailable
from reputation.wire.messages import Verdict

EVERY = 0.5


class KeptStops:
    """Every tenant's stops. `settings` is asked each time, because a reload may change it."""

    def __init__(
        self,
        limiter: Limiter,
        stops: Stops,
        settings: Callable[[], ExplainSettings],
        clock: Callable[[], float],
        warn: Any,
    ) -> None:
        self.dropped = 0
        self.unread = 0
        self._limiter = limiter
        self._stops = stops
        self._settings = settings
        self._clock = clock
        self._warn = warn
        self._away = False
        self._keeping = asyncio.Lock()

    async def run(self) -> None:
        """Write waiting stops, again and again, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self.keep_all()

    async def keep_all(self) -> None:
        """Write every tenant's waiting stops; while the state is away they wait, up to a bound."""
        for tenant in list(self._limiter.tenants.values()):
            await self._keep(tenant)

    async def _keep(self, tenant: TenantLimiter) -> None:
        async with self._keeping:  # stops that another call took are in the store when this one returns
            stops = tenant.verdicts.stopped.take()
            if stops:
                await self._add(tenant, stops)

    async def _add(self, tenant: TenantLimiter, stops: Sequence[Stop]) -> None:
        settings = self._settings()
        keep = Keep(settings.keep, settings.stops)
        try:
            self.dropped += await self._stops.add(tenant.tenant.name, stops, keep, self._clock())
        except Unavailable as away:
            tenant.verdicts.stopped.give_back(stops)
            self._report_away(away)
        else:
            self._away = False

    def _report_away(self, away: Unavailable) -> None:
        if not self._away:
            self._warn("stops_not_kept", error=away.detail, until_then="they wait, as far as there is room")
        self._away = True

    async def forget(self, tenant: TenantLimiter, account: str) -> int:
        """Delete the recent verdicts and the kept stops of an account; return how many. Raises Unavailable."""
        async with self._keeping:
            recent = tenant.verdicts.forget(account)
            return recent + await self._stops.forget(tenant.tenant.name, account)

    async def find(self, tenant: TenantLimiter, id_: str, pointer: str | None = None) -> tuple[StoredRequest, Verdict]:
        """Find a recent verdict, or a kept stop. Raises NotFound, and Unavailable while the state is away."""
        now, name = self._clock(), tenant.tenant.name
        found = tenant.verdicts.get(id_, now)
        if found is not None:
            return found
        await self._keep(tenant)  # a stop of the last half second may wait while newer checks took its place above
        kept = await self._stops.get(name, id_, now - self._settings().keep)
        if kept is not None:
            try:
                return read_packed(kept)
            except msgspec.MsgspecError as error:
                self.unread += 1
                self._warn("stop_unreadable", tenant=name, verdict=id_, error=str(error))
        raise NotFound(f"verdict {id_!r} of tenant {name!r} is neither recent nor a stop that is kept", pointer)

    def metrics(self) -> Iterator[Metric]:
        """The metrics of stops."""
        waiting = sum(tenant.verdicts.stopped.lost for tenant in self._limiter.tenants.values())
        words = "Stops forgotten before explain.keep is over, or not kept for want of room."
        yield counter("headcount_stops_dropped", words, self.dropped + waiting)
        yield counter("headcount_stops_unread", "Kept stops that could not be read.", self.unread)
