"""Checks over state that replicas share: one batched round trip each, and an honest answer while that state is away.

A check is assessed here, its take is carried out in Redis together with those of the same turn, and it is concluded
here. While Redis is away nobody waits for it: a check takes from this replica's share of the limits at once, as an
embedded one does, and its verdict says `degraded`. What was taken meanwhile is charged when Redis is back.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from reputation.breaker import Breaker
from reputation.charges import Ask, Taken
from reputation.errors import NotFound, Unavailable
from reputation.events import Charged, Request, Settle, Settled, Verdict
from reputation.leases import NO_HOLD, check_settle
from reputation.limiter import Assessed, Limiter, NewId, TenantLimiter
from reputation.shares import Shares
from reputation.stores.redis_asks import Settling
from reputation.stores.redis_names import Names
from reputation.stores.redis_server import AwayError, RedisServer
from reputation.stores.redis_takes import Takes

EVERY = 0.1
"""Seconds between looks at whether a probe is due."""
ROUNDS = 3
CLOSED = "the state that limits are kept in is away, and this tenant chose to be closed meanwhile; try again shortly"

Answer = Verdict | Coroutine[Any, Any, Verdict]
Clock = Callable[[], float]
Log = Callable[..., None]


class SharedTenant:
    """One tenant's checks, over its buckets in Redis."""

    def __init__(self, limiter: TenantLimiter, server: RedisServer, within: float, clock: Clock, log: Log) -> None:
        self.limiter = limiter
        self.breaker = Breaker()
        self.shares = Shares()
        self.replicas = 1
        self.takes = Takes(server, Names(limiter.tenant.name), within, clock, self._failed)
        self.alone = 0  # checks answered without Redis
        self._clock = clock
        self._log = log
        self._repeats: dict[tuple[str, str], asyncio.Future[Verdict]] = {}

    def check(self, request: Request, now: float, new_id: NewId) -> Answer:
        """Answer at once, or when Redis has. Raises Invalid if nobody is named, Unavailable if the tenant is closed."""
        found = self.limiter.assess(request, now)
        if isinstance(found, Verdict):
            return found
        id_ = new_id(now)
        ask = self.limiter.ask(found, id_)
        if not self.breaker.closed:
            return self._answer_alone(found, ask, id_)
        if request.request.id is None:
            return self._answer(found, ask, self.takes.take(ask), id_)
        return self._once((found.who.name, request.request.id), found, ask, id_)

    async def _answer(self, assessed: Assessed, ask: Ask, take: Awaitable[Taken | None], id_: str) -> Verdict:
        taken = await take
        if taken is None:
            return self._answer_alone(assessed, ask, id_)
        return self.limiter.conclude(assessed, taken, id_)

    def _answer_alone(self, assessed: Assessed, ask: Ask, id_: str) -> Verdict:
        choice = self.limiter.tenant.settings.on_state_loss
        if choice == "closed":
            raise Unavailable(CLOSED)
        self.alone += 1
        taken = self.shares.take(ask, self._server_time(), limited=choice == "local")
        return self.limiter.conclude(assessed, taken, id_)

    async def _once(self, key: tuple[str, str], assessed: Assessed, ask: Ask, id_: str) -> Verdict:
        """Let a request that is asked again while it is being answered have the same answer."""
        first = self._repeats.get(key)
        if first is None:
            first = asyncio.ensure_future(self._answer(assessed, ask, self.takes.take(ask), id_))
            self._repeats[key] = first
            first.add_done_callback(lambda _: self._repeats.pop(key))
        return await asyncio.shield(first)

    async def settle(self, body: Settle, now: float) -> Settled:
        """Settle a hold, leases, or both; while Redis is away it is done later, and what they came to is not known.

        Raises Invalid, and NotFound for no open hold.
        """
        check_settle(body)
        self.limiter.leases.hear(body.leases, self.limiter.tenant.settings.leases, now)
        holds = () if body.verdict is None or body.actual is None else ((body.verdict, body.actual),)
        settling = Settling(holds, tuple([(report.id, float(report.used)) for report in body.leases]))
        came = await self.takes.settle(settling) if self.breaker.closed else None
        if came is None:
            self.takes.note([settling])
            return Settled(body.verdict, None, tuple([Charged(report.id, None) for report in body.leases]))
        if came.holds and came.holds[0] < 0:
            raise NotFound(NO_HOLD, "/verdict")
        pairs = zip(body.leases, came.leases, strict=True)
        leases = tuple([Charged(report.id, None if charged < 0 else charged) for report, charged in pairs])
        return Settled(body.verdict, came.holds[0] if came.holds else None, leases)

    def _server_time(self) -> float:
        return self._clock() + self.takes.ahead

    def _failed(self, why: str) -> None:
        if self.breaker.failed(self._clock()):
            self.limiter.state.degraded = True
            self.shares.divide(self.replicas)
            self._log("state_away", tenant=self.limiter.tenant.name, error=why, replicas=self.replicas)

    async def turn(self) -> None:
        """Probe if one is due; come back if Redis has. To be called again and again."""
        if not self.breaker.may_probe(self._clock()):
            return
        try:
            await self.takes.probe()
            for _ in range(ROUNDS):
                await self.takes.resume(self.shares.hand_over(self._server_time()))
        except AwayError as away:
            self._failed(str(away))
            return
        self._come_back()

    def _come_back(self) -> None:
        away = self._clock() - self.breaker.since
        last = self.shares.hand_over(self._server_time())
        self.breaker.succeeded()
        self.limiter.state.degraded = False
        self.takes.owe(last)
        self._log("state_back", tenant=self.limiter.tenant.name, away_seconds=away)


class SharedState:
    """Every tenant's checks over one Redis; tenants come and go with the limiter's."""

    def __init__(self, limiter: Limiter, server: RedisServer, within: float, clock: Clock, log: Log) -> None:
        self._limiter = limiter
        self._server = server
        self._within = within
        self._clock = clock
        self._log = log
        self.tenants: dict[str, SharedTenant] = {}

    def check(self, request: Request, now: float, new_id: NewId) -> Answer:
        return self.tenant(request.tenant).check(request, now, new_id)

    async def settle(self, body: Settle, now: float) -> Settled:
        return await self.tenant(body.tenant).settle(body, now)

    def tenant(self, name: str) -> SharedTenant:
        """Find a tenant's checks. Raises NotFound for a tenant that no configuration names."""
        limiter = self._limiter.tenant(name)
        found = self.tenants.get(name)
        if found is None or found.limiter is not limiter:
            found = self.tenants[name] = SharedTenant(limiter, self._server, self._within, self._clock, self._log)
        return found

    @property
    def degraded(self) -> bool:
        """Whether any tenant goes on alone."""
        return any(not tenant.breaker.closed for tenant in self.tenants.values())

    async def run(self) -> None:
        """Look after every tenant until cancelled."""
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(EVERY)
                await asyncio.gather(*[tenant.turn() for tenant in self.tenants.values()])

    async def aclose(self) -> None:
        await self._server.aclose()
