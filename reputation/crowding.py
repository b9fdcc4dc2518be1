"""Tells when newcomers begin to share rows or buckets for lack of places, and when that is over."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Literal

from prometheus_client.metrics_core import Metric

from reputation.counts import counter, gauge
from reputation.limiter import Limiter
from reputation.stores.memory import TenantState

EVERY = 1.0
QUIET = 60.0
"""Seconds in which nobody had to share, after which it is over: a flood that comes in waves is told of once."""


class Surge:
    """One table: from the first newcomer that had to share until QUIET seconds after the last. Pure, but for itself."""

    def __init__(self) -> None:
        self.lasts = False
        self.shared = 0  # newcomers that had to share in this surge or the last one
        self._before = 0
        self._last = 0.0

    def look(self, crowded: int, now: float) -> Literal["begins", "ends"] | None:
        """Take in how many newcomers ever had to share."""
        new, self._before = crowded - self._before, crowded
        if new:
            self._last = now
            self.shared = self.shared + new if self.lasts else new
            begins, self.lasts = not self.lasts, True
            return "begins" if begins else None
        if self.lasts and now - self._last >= QUIET:
            self.lasts = False
            return "ends"
        return None


class Crowding:
    """The surges of every tenant's tables: one line in the log when each begins, and one when it ends."""

    def __init__(self, limiter: Limiter, log: Any, clock: Callable[[], float]) -> None:
        self._limiter = limiter
        self._log = log
        self._clock = clock
        self._surges: dict[tuple[str, str], Surge] = {}

    async def run(self) -> None:
        """Look once a second, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            self.look()

    def look(self) -> None:
        """Say what began or ended since the last look."""
        now, tenants = self._clock(), self._limiter.tenants
        for key in [key for key in self._surges if key[0] not in tenants]:
            del self._surges[key]
        for name, tenant in tenants.items():
            for table, crowded in crowded_of(tenant.state).items():
                surge = self._surges.setdefault((name, table), Surge())
                turn = surge.look(crowded, now)
                if turn == "begins":
                    self._log.warning(
                        "newcomers_share", tenant=name, table=table, until_then="newcomers share by network"
                    )
                elif turn == "ends":
                    self._log.info("newcomers_have_places", tenant=name, table=table, shared=surge.shared)

    def metrics(self) -> Iterator[Metric]:
        """What /metrics tells of full tables."""
        self.look()
        states = [tenant.state for tenant in self._limiter.tenants.values()]
        crowded = sum(sum(crowded_of(state).values()) for state in states)
        yield counter("headcount_crowded", "Newcomers that had to share a row or bucket.", crowded)
        lasting = sum(surge.lasts for surge in self._surges.values())
        yield gauge(
            "headcount_crowded_tables", "Tables that are full now, so that newcomers share by network.", lasting
        )


def crowded_of(state: TenantState) -> dict[str, int]:
    """Count by table how many newcomers ever had to share."""
    return {"accounts": state.met.crowded, "strangers": state.strangers.crowded, "budgets": state.budgets.crowded}
