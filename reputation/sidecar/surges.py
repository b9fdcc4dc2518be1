"""Log lines for surges: newcomers of a tenant together take more than they may before it is unusual."""

import asyncio
from typing import Any

from reputation.engine.limiter import Limiter
from reputation.hydra.links import Together

EVERY = 1.0


class Surges:
    """The surges of every tenant, as the links tell them: one line when a surge begins, and one when it ends."""

    def __init__(self, limiter: Limiter, log: Any) -> None:
        self._limiter = limiter
        self._log = log
        self._lasting: set[str] = set()

    async def run(self) -> None:
        """Look at the links once a second, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            self.look()

    def look(self) -> None:
        """Log the surges begun or ended since the last call."""
        tenants = self._limiter.tenants
        self._lasting &= tenants.keys()
        for name, tenant in tenants.items():
            found = tenant.links.together
            if found is None or (found.since > 0.0) == (name in self._lasting):
                continue
            if found.since > 0.0:
                self._lasting.add(name)
                setting = tenant.tenant.settings.newcomers.together
                self._log.warning("newcomers_surge", tenant=name, together=setting, **_figures(found))
            else:
                self._lasting.discard(name)
                self._log.info("newcomers_surge_over", tenant=name, **_figures(found))


def _figures(found: Together) -> dict[str, Any]:
    return {
        "units": found.taken,
        "wanted": found.wanted,
        "amount": found.amount,
        "accounts": found.accounts,
        "common": [f"{one.value}: {one.share:.0%} of them, {one.usual:.1%} of others" for one in found.common],
    }
