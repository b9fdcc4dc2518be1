"""Notices on their way to the endpoints that the configuration names: in order, at least once, off the request path."""

import asyncio
import random
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from reputation.config.file import NotifySettings
from reputation.config.secrets import secret_at
from reputation.engine.metrics import gauge
from reputation.notices.notice import BODIES, SIGNATURE, Notice, signature
from reputation.wire.errors import ConfigError

TIMEOUT = 10.0
"""Seconds for one attempt."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 600.0
"""Seconds after the first failed attempt, doubled by each further one, and at most."""
GIVE_UP = 86_400.0
"""Seconds after which a notice that no attempt delivered is given up."""
MOST_WAITING = 1000
"""Notices that wait for one endpoint; the oldest are dropped first."""

Done = Callable[[Notice], object]


class Delivery:
    """A queue for each endpoint. `done` is called with a notice that no endpoint waits for any more."""

    def __init__(
        self, endpoints: Callable[[], tuple[NotifySettings, ...]], clock: Callable[[], float], log: Any, done: Done
    ) -> None:
        """endpoints: asked for each notice, because a reload may change them."""
        self.counts: Counter[tuple[str, str]] = Counter()
        self._endpoints = endpoints
        self._clock = clock
        self._log = log
        self._done = done
        self._queues: dict[NotifySettings, OrderedDict[str, Notice]] = {}
        self._open: Counter[str] = Counter()  # endpoints that each notice waits for, by its id
        self._tasks: dict[NotifySettings, asyncio.Task[None]] = {}
        self._session: aiohttp.ClientSession | None = None

    def wanted(self, event: str) -> bool:
        """Whether any endpoint wants an event."""
        return any(not one.events or event in one.events for one in self._endpoints())

    def add(self, notice: Notice) -> None:
        """Send a notice to every endpoint that wants its event, as soon as those before it are delivered."""
        wanting = [one for one in self._endpoints() if not one.events or notice.event in one.events]
        self._open[notice.id] += len(wanting)
        for endpoint in wanting:
            queue = self._queues.setdefault(endpoint, OrderedDict())
            queue[notice.id] = notice
            if len(queue) > MOST_WAITING:
                self._settle(queue.popitem(last=False)[1], "dropped")
            if endpoint not in self._tasks:
                self._tasks[endpoint] = asyncio.get_running_loop().create_task(self._work(endpoint, queue))
        if not wanting:
            self._finish(notice)

    async def close(self) -> None:
        """Stop; what waits is kept in the state, and is sent after the next start."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _work(self, endpoint: NotifySettings, queue: OrderedDict[str, Notice]) -> None:
        """Deliver what waits for one endpoint, then end."""
        while queue:
            notice = next(iter(queue.values()))
            result = await self._deliver(endpoint, notice)
            if queue.pop(notice.id, None) is not None:
                self._settle(notice, result)
        del self._tasks[endpoint], self._queues[endpoint]

    async def _deliver(self, endpoint: NotifySettings, notice: Notice) -> str:
        """Try until an attempt succeeds, the endpoint is configured no more, or a day is over."""
        pause, end = FIRST_PAUSE, time.monotonic() + GIVE_UP
        while endpoint in self._endpoints():
            failure = await self._attempt(endpoint, notice)
            if failure is None:
                return "delivered"
            self.counts[notice.event, "failed"] += 1
            self._log.warning(
                "notice_failed", notice=notice.id, happened=notice.event, error=failure, again_in=round(pause)
            )
            if time.monotonic() > end:
                return "given_up"
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - so that replicas do not knock together
            pause = min(2 * pause, LONGEST_PAUSE)
        return "dropped"

    async def _attempt(self, endpoint: NotifySettings, notice: Notice) -> str | None:
        """Send a notice once; return why it failed. The URL may be a secret, so no error names more than its host."""
        try:
            url, headers, body = self._request(endpoint, notice)
            session = self._opened()
            async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                return None if 200 <= answer.status < 300 else f"{answer.url.host} answered {answer.status}"
        except ConfigError as error:
            return str(error)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return type(error).__name__

    def _request(self, endpoint: NotifySettings, notice: Notice) -> tuple[str, dict[str, str], bytes]:
        place = endpoint.url
        url = secret_at("notify.url", place) if place[0] in "@$" else place
        body = BODIES[endpoint.format](notice)
        headers = {"Content-Type": "application/json", "User-Agent": "headcount", "X-Headcount-Notice": notice.id}
        if endpoint.secret is not None:
            headers[SIGNATURE] = signature(secret_at("notify.secret", endpoint.secret), body, self._clock())
        return url, headers, body

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT))
        return self._session

    def _settle(self, notice: Notice, result: str) -> None:
        self.counts[notice.event, result] += 1
        if result != "delivered":
            self._log.error("notice_lost", notice=notice.id, happened=notice.event, tenant=notice.tenant, result=result)
        self._open[notice.id] -= 1
        if self._open[notice.id] <= 0:
            self._finish(notice)

    def _finish(self, notice: Notice) -> None:
        self._open.pop(notice.id, None)
        self._done(notice)

    def metrics(self) -> Iterator[Metric]:
        """Counts of notices by event and result, and how many wait."""
        sent = CounterMetricFamily("headcount_notices", "Notices by event and result.", labels=["event", "result"])
        for (event, result), n in sorted(self.counts.items()):
            sent.add_metric([event, result], n)
        yield sent
        yield gauge("headcount_notices_waiting", "Notices not delivered yet.", sum(map(len, self._queues.values())))
