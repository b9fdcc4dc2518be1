"""One tenant's checks over shared state: one batched round trip each, and a degraded answer while it is unavailable.

A check is assessed here, its take is carried out in Redis together with those of the same turn, and it is concluded
here. While Redis is away no check waits for it: a check takes from this replica's share of the limits at once, as an
embedded one does, and its verdict says `degraded`. What was taken meanwhile is charged when Redis is back.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Iterator, Sequence

from reputation.engine.groups import JudgedAccount, assess_all, conclude_all, each_account, group_of
from reputation.engine.identity import check_id, digests_of
from reputation.engine.judge import Assessed
from reputation.engine.leases import check_settle
from reputation.engine.limiter import TenantLimiter
from reputation.engine.repeats import ANOTHER, Print
from reputation.limits.take import Ask, AskGroup, Taken, TakenAll
from reputation.replicas.account_copies import AccountCopies
from reputation.replicas.breaker import Breaker
from reputation.replicas.fallback import Shares
from reputation.replicas.settling import settled_there
from reputation.state.transactions import Committed, Transaction
from reputation.stores.contract import SharedStore
from reputation.stores.shared_values import (
    AWAY,
    AccountOrKey,
    Again,
    AwayError,
    KeptAccount,
    Once,
    Settling,
    Tried,
    once,
)
from reputation.wire.errors import Conflict, Unavailable
from reputation.wire.ids import NewId, hashed
from reputation.wire.later import Later, afterwards
from reputation.wire.messages import Charged, Request, Settle, Settled, Verdict

SERIES = {"enforce": "b", "shadow": "s"}
"""Shadow mode's buckets are others, so that its charges stop no account once the tenant enforces."""
ROUNDS = 3
"""Charges of what was taken alone, while more is taken: the last of them is small."""
CLOSED = "the state that limits are kept in is away, and this tenant chose to be closed meanwhile; try again shortly"

Answer = Verdict | Later[Verdict]


class TenantChecks:
    """One tenant's checks, over its buckets and accounts in Redis. within: the longest wait of a check in seconds."""

    def __init__(self, limiter: TenantLimiter, store: SharedStore, within: float) -> None:
        name, clock = limiter.tenant.name, store.clock
        self.limiter = limiter
        self.breaker = Breaker()
        self.shares = Shares()
        self.takes = store.takes(name, within, self._failed)
        self.accounts = AccountCopies(store.accounts(name), within, self._take_in)
        self.alone = 0  # checks answered without Redis
        self._heartbeat = store.listen(name, self._hear)
        self._clock = clock
        self._log = store.log
        self._running: dict[str, tuple[Print, asyncio.Future[Verdict]]] = {}

    @property
    def replicas(self) -> int:
        """The number of live replicas, by the last heartbeat."""
        return self._heartbeat.replicas

    def check(self, request: Request, now: float, new_id: NewId) -> Answer:
        """Answer at once, or after Redis. Raises Invalid without an account, Unavailable if the tenant is closed."""
        self.takes.series = SERIES[self.limiter.tenant.settings.mode]
        self.limiter.clock_offset = self.takes.clock_offset
        check_id(request.account.id, "/account/id")
        if self.breaker.closed and (keys := self._unseen(request, now)):
            return self._check_unseen(keys, request, now, new_id)
        if request.account.credentials is not None:
            accounts = each_account(self.limiter, request)
            if len(accounts) > 1:
                judged = self._check_each([accounts], now, new_id)
                return judged[0].verdict if isinstance(judged, list) else _first(judged)
            (request,) = accounts
        return self._check_one(request, now, new_id)

    def _check_one(self, request: Request, now: float, new_id: NewId) -> Answer:
        found = self.limiter.assess(request, now)
        if isinstance(found, Verdict):
            return found
        id_ = new_id(now)
        ask = self.limiter.ask(found, id_)
        if not self.breaker.closed:
            return self._answer_alone(found, ask, id_)
        if request.request.id is None:
            return afterwards(self.takes.take(ask), lambda taken: self._conclude(found, ask, taken, id_))
        return self._once(request.request.id, found, ask, id_)

    def check_all(
        self, requests: Sequence[Request], now: float, new_id: NewId
    ) -> list[JudgedAccount] | Later[list[JudgedAccount]]:
        """Check one request for several accounts; all of them pay, or none."""
        self.takes.series = SERIES[self.limiter.tenant.settings.mode]
        self.limiter.clock_offset = self.takes.clock_offset
        unseen = {key: None for request in requests for key in self._unseen(request, now)}
        if self.breaker.closed and unseen:
            return self._check_all_unseen([*unseen], requests, now, new_id)
        return self._check_each([each_account(self.limiter, request) for request in requests], now, new_id)

    def _check_each(
        self, accounts: list[list[Request]], now: float, new_id: NewId
    ) -> list[JudgedAccount] | Later[list[JudgedAccount]]:
        found = assess_all(self.limiter, accounts, now)
        group = group_of(self.limiter, found, now, new_id)
        if not self.breaker.closed:
            return self._answer_all_alone(found, group)
        return self._answer_all(found, group, self.takes.take_all(group))

    async def _check_all_unseen(
        self, keys: list[AccountOrKey], requests: Sequence[Request], now: float, new_id: NewId
    ) -> list[JudgedAccount]:
        if not all(await asyncio.gather(*[self.accounts.load(key) for key in keys])):
            self._failed("an account could not be looked up")
        found = self.check_all(requests, now, new_id)
        return found if isinstance(found, list) else await found

    async def _answer_all(
        self, found: list[list[Assessed]], group: AskGroup, take: Awaitable[TakenAll | None]
    ) -> list[JudgedAccount]:
        taken = await take
        return (
            self._answer_all_alone(found, group) if taken is None else conclude_all(self.limiter, found, group, taken)
        )

    def _answer_all_alone(self, found: list[list[Assessed]], group: AskGroup) -> list[JudgedAccount]:
        limited = self._alone()
        taken = self.shares.take_all(group, self._server_time(), limited=limited)
        return conclude_all(self.limiter, found, group, taken)

    def _unseen(self, request: Request, now: float) -> list[AccountOrKey]:
        """Name the look-ups needed before this check can be assessed, if any."""
        account, secret, looked_up = request.account, self.limiter.secret, self.accounts.looked_up
        if account.id is not None:
            return [] if looked_up.has(account.id, now) else [account.id]
        if account.credentials is not None:
            digests = [digest for one in account.credentials for digest in digests_of(one, secret)]
        else:
            digests = [] if account.key is None else [hashed(account.key, secret)]
        unseen: list[AccountOrKey] = [digest for digest in digests if not looked_up.has(digest, now)]
        owners = [owner for digest in digests if (owner := self.limiter.state.owners.get(digest)) is not None]
        return unseen or [owner for owner in owners if not looked_up.has(owner, now)]

    async def _check_unseen(self, keys: list[AccountOrKey], request: Request, now: float, new_id: NewId) -> Verdict:
        if not all(await asyncio.gather(*[self.accounts.load(key) for key in keys])):
            self._failed("an account could not be looked up")
        found = self.check(request, now, new_id)
        return found if isinstance(found, Verdict) else await found

    def _take_in(self, found: KeptAccount | bytes) -> None:
        """Store Redis's copy of an account, in place of the earlier copy."""
        if isinstance(found, bytes):
            self.limiter.state.owners.pop(found, None)
        else:
            self.limiter.take_in(found.name, found.data, self._clock())

    def _hear(self, what: AccountOrKey | None, number: int) -> None:
        """Look up again the accounts changed after their copy."""
        looked_up = self.accounts.looked_up
        if what is None:
            looked_up.clear()
        elif isinstance(what, str):
            looked_up.heard(what, number)
        else:
            looked_up.forget(what)

    async def commit(self, asked: Transaction) -> Committed:
        """Carry out a transaction of an account, for every replica. Raises Conflict, Stale and Unavailable."""
        with _unavailable():
            return await self.accounts.commit(asked)

    async def look_up(self, account: str) -> None:
        """Copy the current state of an account from Redis. Raises Unavailable."""
        with _unavailable():
            await self.accounts.read(account)

    async def look_up_key(self, key: bytes) -> None:
        """Copy the owner of a key from Redis. Raises Unavailable."""
        if not await self.accounts.load(key):
            raise Unavailable(AWAY)

    async def _answer(
        self, assessed: Assessed, ask: Ask, take: Awaitable[Tried | None], id_: str, once: Once | None = None
    ) -> Verdict:
        taken = await take
        if isinstance(taken, Again):
            id_ = (once and await self.takes.first_id(once)) or id_
            taken = taken.taken
        return self._conclude(assessed, ask, taken, id_)

    def _conclude(self, assessed: Assessed, ask: Ask, taken: Tried | None, id_: str) -> Verdict:
        """Answer by the result of a take that was not charged before; without one, alone. Raises Conflict."""
        if taken is None:
            return self._answer_alone(assessed, ask, id_)
        if not isinstance(taken, Taken):
            raise Conflict(ANOTHER, "/request/id")
        return self.limiter.conclude(assessed, taken, id_)

    def _answer_alone(self, assessed: Assessed, ask: Ask, id_: str) -> Verdict:
        limited = self._alone()
        taken = self.shares.take(ask, self._server_time(), limited=limited)
        return self.limiter.conclude(assessed, taken, id_)

    def _alone(self) -> bool:
        """Count a check without Redis, and say whether limits hold meanwhile. Raises Unavailable."""
        choice = self.limiter.tenant.settings.on_state_loss
        if choice == "closed":
            raise Unavailable(CLOSED)
        self.alone += 1
        return choice == "local"

    async def _once(self, id_: str, assessed: Assessed, ask: Ask, verdict: str) -> Verdict:
        """Give a request repeated before its answer the same answer. Raises Conflict."""
        print_ = Print(assessed.who.name, assessed.request.request)
        running = self._running.get(id_)
        if running is None:
            first = once(id_, print_.text())
            work = self._answer(assessed, ask, self.takes.take(ask, first), verdict, first)
            running = self._running[id_] = (print_, asyncio.ensure_future(work))
            running[1].add_done_callback(lambda _: self._running.pop(id_))
        if not running[0].same(print_):
            raise Conflict(ANOTHER, "/request/id")
        return await asyncio.shield(running[1])

    async def settle(self, body: Settle, now: float) -> Settled:
        """Settle a hold, leases, or both; while Redis is away it is done later, and the final amounts are not known.

        Raises Invalid, and NotFound for no open hold.
        """
        check_settle(body)
        leases, settings = self.limiter.leases, self.limiter.tenant.settings.leases
        settlements = leases.settlements(body.leases)
        holds = () if body.verdict is None or body.actual is None else ((body.verdict, body.actual),)
        settling = Settling(holds, settlements, settings.overrun)
        came = await self.takes.settle(settling) if self.breaker.closed else None
        if came is None:
            self.takes.note([settling])
            leases.hear(body.leases, settlements, settings, now)
            return Settled(body.verdict, None, tuple([Charged(report.id, None) for report in body.leases]))
        answer = settled_there(body, came, settings)
        leases.hear(body.leases, settlements, settings, now)
        return answer

    def _server_time(self) -> float:
        return self._clock() + self.takes.clock_offset

    def _failed(self, why: str) -> None:
        if self.breaker.failed(self._clock()):
            self.limiter.state.degraded = True
            self.shares.divide(self.replicas)
            self._log.warning("state_away", tenant=self.limiter.tenant.name, error=why, replicas=self.replicas)

    async def turn(self) -> None:
        """Probe if one is due; come back if Redis has. To be called again and again."""
        if not self.breaker.may_probe(self._clock()):
            return
        try:
            await self.takes.probe()
            for _ in range(ROUNDS):
                await self.takes.resume(self.shares.hand_over(self._server_time()))
        except AwayError:
            self.breaker.probe_failed(self._clock())
            return
        self._come_back()

    def _come_back(self) -> None:
        away = self._clock() - self.breaker.since
        last = self.shares.hand_over(self._server_time())
        self.breaker.succeeded()
        self.limiter.state.degraded = False
        self.takes.owe(last)
        self._log.warning("state_back", tenant=self.limiter.tenant.name, away_seconds=away)


async def _first(found: Later[list[JudgedAccount]]) -> Verdict:
    return (await found)[0].verdict


@contextlib.contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except AwayError:
        raise Unavailable(AWAY) from None
