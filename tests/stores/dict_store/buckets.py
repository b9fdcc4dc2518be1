"""Buckets in a dict, by the process's own clock: the arithmetic is that of `limits/`."""

import asyncio
import time
from collections import deque
from typing import Any

from reputation.limits.bucket import Bucket, change_limit, full, refund
from reputation.limits.reservations import ReservedCharges
from reputation.limits.take import Ask, AskGroup, Charge, take, take_first, take_group
from reputation.stores.shared_values import FOREIGN, NOT_OPEN, TOO_MUCH, Again, Came, Clash, Settling

REMEMBERED = 60.0
MOST_OWED = 10_000


class DictTakes:
    def __init__(self, parts: dict[Any, Any], clock: Any) -> None:
        self.series, self.clock_offset, self.batches, self.retries = "b", 0.0, 0, 0
        self._buckets: dict[Any, Bucket] = parts.setdefault("buckets", {})
        self._reserved: ReservedCharges = parts.setdefault("ahead", ReservedCharges())
        self._once: dict[Any, Any] = parts.setdefault("once", {})
        self._clock = clock
        self._owed: deque[Any] = deque(maxlen=MOST_OWED)

    def _now(self) -> float:
        now = time.time()
        self.clock_offset, self.batches = now - self._clock(), self.batches + 1
        return now

    def _bucket(self, charge: Charge, now: float) -> Bucket:
        name = (self.series, charge.key)
        bucket = self._buckets.setdefault(name, full(charge.bucket.limit, now))
        if bucket.limit != charge.bucket.limit:
            change_limit(bucket, charge.bucket.limit, now)
        return bucket

    def _on_shared(self, ask: Ask, now: float) -> Ask:
        draws = [[Charge(c.name, c.scope, c.key, self._bucket(c, now)) for c in draw] for draw in ask.draws]
        return Ask(draws, ask.cost, ask.want, ask.share, ask.reserve, ask.settlements, ask.token).sharing(ask.roomy)

    def _copy(self, ask: Ask) -> None:
        for charge in [charge for draw in ask.draws for charge in draw]:
            shared = self._buckets[self.series, charge.key]
            charge.bucket.tokens, charge.bucket.at = shared.tokens, shared.at

    async def take(self, ask: Ask, once: Any = None) -> Any:
        now = self._now()
        shared = self._on_shared(ask, now)
        print_, at, draw, _ = self._once.get((self.series, once and once.id), ("", 0.0, 0, ""))
        if once is not None and at > now - REMEMBERED:
            if print_ != once.print:
                return Clash()
            found: Any = Again(take_first([shared.draws[draw]], 0.0, now))
        else:
            found = take(shared, self._reserved, now)
            if once is not None and not found.wait:
                chosen = next(i for i, one in enumerate(shared.draws) if one is found.draw)
                self._once[self.series, once.id] = (once.print, now, chosen, ask.token)
        self._copy(ask)
        return found

    async def take_all(self, group: AskGroup) -> Any:
        now = self._now()
        asks = [self._on_shared(ask, now) for ask in group.asks]
        taken = take_group(AskGroup(asks, stopped=group.stopped), self._reserved, now)
        for ask in group.asks:
            self._copy(ask)
        return taken

    async def settle(self, settling: Settling) -> Came:
        now, leases, holds = self._now(), self._reserved.leases, self._reserved.holds
        held = [holds.reserved(id_, now) for id_, _ in settling.holds]
        foreign = [leases.is_foreign(one.id, one.holders) for one in settling.leases]
        too_much = [
            amount is not None and used > settling.overrun * amount
            for amount, (_, used) in zip(held, settling.holds, strict=True)
        ]
        if any(foreign) or any(too_much):
            return Came(
                tuple([TOO_MUCH if one else NOT_OPEN for one in too_much]),
                tuple([FOREIGN if one else NOT_OPEN for one in foreign]),
            )
        charged = [holds.settle(id_, used, now, debt=True) for id_, used in settling.holds]
        paid = [leases.settle(one.id, one.used, now, debt=False, holders=one.holders) for one in settling.leases]
        return Came(*[tuple([NOT_OPEN if one is None else one for one in some]) for some in (charged, paid)])

    async def first_id(self, once: Any) -> str | None:
        _, at, _, id_ = self._once.get((self.series, once.id), ("", 0.0, 0, ""))
        return id_ if at > self._now() - REMEMBERED else None

    async def probe(self) -> None:
        return None

    async def resume(self, owed: Any) -> None:
        self.note(owed)
        while self._owed:
            one = self._owed.popleft()
            if isinstance(one, Settling):
                await self.settle(one)
            else:
                now = self._now()
                refund(self._bucket(one[0], now), -one[1], now)

    def owe(self, owed: Any) -> None:
        self.note(owed)
        self._charging = asyncio.ensure_future(self.resume(()))

    def note(self, owed: Any) -> None:
        self._owed.extend(owed)
