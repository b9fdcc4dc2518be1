"""Failed sign-ins: logged, counted, and answered more slowly the more of them come from one address."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client.metrics_core import Metric

from reputation.engine.metrics import counter

FREE = 3
"""Failures of one address within FORGET that are answered at once."""
PAUSE, LONGEST = 0.25, 4.0
"""Seconds before the next answer, doubled by each further failure, and at most."""
FORGET = 600.0
MOST = 1024
"""Addresses that are remembered; the one that failed longest ago is forgotten first."""


class SignIns:
    """The failures of each address."""

    def __init__(self, log: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._log = log
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def failed(self, address: str, why: str = "unknown token") -> None:
        """Note a failure, and wait before it is answered."""
        self.count += 1
        failures = self._note(address)
        self._log.warning("sign_in_failed", address=address, failures=failures, why=why)
        if failures > FREE:
            await asyncio.sleep(min(PAUSE * 2.0 ** min(failures - FREE - 1, 8), LONGEST))

    def _note(self, address: str) -> int:
        now = self._clock()
        count, last = self._failures.pop(address, (0, now))
        count = 1 if now - last > FORGET else count + 1
        self._failures[address] = count, now
        if len(self._failures) > MOST:
            self._failures.popitem(last=False)
        return count

    def metrics(self) -> Iterator[Metric]:
        """The count of failures."""
        yield counter(
            "headcount_sign_ins_failed",
            "Unknown tokens on the admin listener, and sign-ins that the provider did not confirm.",
            self.count,
        )
