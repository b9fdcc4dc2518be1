"""Log lines and metrics for full tables with newcomers sharing rows or buckets."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Literal

from prometheus_client.metrics_core import Metric

from reputation.engine.limiter import Limiter
from reputation.engine.metrics import counter, gauge
from reputation.state.tenant import TenantState

EVERY = 1.0
QUIET = 60.0
"""Seconds without a sharing newcomer after which a surge ends, so that a flood in waves is logged once."""


class Surge:
    """A surge of one table: from the first newcomer without a place until QUIET seconds after the last."""

    def __init__(self) -> None:
        self.lasts = False
        self.shared = 0  # newcomers that had to share in this surge or the last one
        self._before = 0
        self._last = 0.0

    def look(self, crowded: int, now: float) -> Literal["begins", "ends"] | None:
        """Update with the total number of newcomers without a place; return the change, if any."""
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
    """The surges of every tenant's tables. The log gets one line when a surge begins, and one line when it ends."""

    def __init__(self, limiter: Limiter, log: Any, clock: Callable[[], float]) -> None:
        self._limiter = limiter
        self._log = log
        self._clock = clock
        self._surges: dict[tuple[str, str], Surge] = {}

    async def run(self) -> None:
        """Check the tables once a second, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            self.look()

    def look(self) -> None:
        """Log the surges begun or ended since the last call."""
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
        """Return the metrics of full tables."""
        self.look()
        states = [tenant.state for tenant in self._limiter.tenants.values()]
        crowded = sum(sum(crowded_of(state).values()) for state in states)
        yield counter("headcount_crowded", "Newcomers that had to share a row or bucket.", crowded)
        lasting = sum(surge.lasts for surge in self._surges.values())
        yield gauge("headcount_crowded_tables", "Full tables, in which newcomers share rows by network.", lasting)


def crowded_of(state: TenantState) -> dict[str, int]:
    """Return the total number of newcomers without a place, by table."""
    return {"accounts": state.traffic.crowded, "strangers": state.unconfirmed.crowded, "budgets": state.budgets.crowded}
