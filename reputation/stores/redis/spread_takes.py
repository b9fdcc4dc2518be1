"""Takes on a Cluster: an account's own buckets are in a slot by the account, shared buckets in the tenant's.

A check that needs its account's own buckets alone is one script call in the account's slot. Any other goes in steps:
first it takes from the account's own buckets, then from the shared ones. Where a later step refuses or fails, what the
earlier steps took is given back. So no more passes than every bucket allows, whatever fails between two steps.
A failure only leaves an account charged for a request that did not pass, until that is given back. A replica that is
killed between two steps never gives it back.

A hold or a lease is kept next to the buckets that it draws on. Only draws on an account's own buckets lease more.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence

from reputation.limits.bucket import refund
from reputation.limits.reservations import Settlement
from reputation.limits.take import Ask, AskGroup, Charge, Taken, TakenAll, granted, refused, take_all, take_first
from reputation.stores.redis.names import Names
from reputation.stores.redis.reserve_places import ReservePlace, ReservePlaces
from reputation.stores.redis.server import RedisServer
from reputation.stores.redis.slot_groups import group_of, names_of_groups
from reputation.stores.redis.spread_settling import SpreadSettling
from reputation.stores.redis.steps import (
    SHARED,
    Part,
    denial,
    first_step,
    home_of,
    reads_of,
    run_of,
    second_step,
    slot_of,
)
from reputation.stores.redis.takes import MOST_OWED, Clock, RedisTakes
from reputation.stores.shared_values import Again, AwayError, Came, Clash, Once, Owed, Settling, Tried

GROUP_LANES = 2
NOTHING = Taken(0.0, 0, (), ())


class SpreadTakes:
    """The `Takes` of one tenant over a Cluster."""

    def __init__(
        self, server: RedisServer, tenant: str, within: float, clock: Clock, failed: Callable[[str], None]
    ) -> None:
        self.series = "b"
        self._clock = clock
        self._failed = failed
        groups = [RedisTakes(server, names, within, clock, failed, GROUP_LANES) for names in names_of_groups(tenant)]
        self._all = [*groups, RedisTakes(server, Names(tenant), within, clock, failed)]  # the last: number SHARED
        self._last = self._all[SHARED]
        self._places = ReservePlaces(server, tenant, within)
        self._settling = SpreadSettling(self._places, self._of)
        self._later: deque[Settling] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def batches(self) -> int:
        return sum(takes.batches for takes in self._all)

    @property
    def retries(self) -> int:
        return sum(takes.retries for takes in self._all)

    @property
    def clock_offset(self) -> float:
        """Seconds that the clock of the node of the last take is before this machine's."""
        return self._last.clock_offset

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        more = seconds - self._last.clock_offset
        for takes in self._all:
            takes.clock_offset += more

    def _of(self, number: int) -> RedisTakes:
        found = self._last = self._all[number]
        found.series = self.series
        return found

    def _now(self) -> float:
        """Return the time of the node of the last take."""
        return self._clock() + self._last.clock_offset

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def take(self, ask: Ask, once: Once | None = None) -> Awaitable[Tried | None]:
        """Carry out an ask; None if a node that it needs is away. Again and Clash need `once`."""
        number = slot_of(ask)
        if number is None or once is not None or ask.reserve is not None or ask.settlements:
            return self._take(ask, once)
        return self._of(number).take(ask)

    async def _take(self, ask: Ask, once: Once | None) -> Tried | None:
        taken = await self._carry_out(ask)
        if taken is None or once is None:
            return taken
        number = group_of(once.id)
        if taken.wait:
            found = await self._of(number).charged(once)
            before = None if found is None else Again(NOTHING) if found[1] == once.print else Clash()
        else:
            claimed = await self._of(number).take(Ask([[]], 0.0, token=ask.token), once)
            if isinstance(claimed, Taken):
                return taken
            if not await self._undo(ask, taken) or claimed is None:
                return None
            before = claimed
        if isinstance(before, Again):
            return Again(take_first([taken.draw], 0.0, self._now()))
        return taken if before is None else before

    async def _carry_out(self, ask: Ask) -> Taken | None:
        """Carry out an ask that is charged each time."""
        home, number = home_of(ask), slot_of(ask)
        along = self._settle_apart(ask.settlements, home)
        if number is None:
            return await self._in_steps(ask, along, home)
        here = Ask(ask.draws, ask.cost, ask.want, ask.share, ask.reserve, along, ask.token).sharing(ask.roomy)
        taken = await self._of(number).take(here)
        return await self._placed(ask, taken, ReservePlace(number, both=False)) if isinstance(taken, Taken) else None

    async def _in_steps(self, ask: Ask, along: tuple[Settlement, ...], home: int) -> Taken | None:
        rest = [Part(draw) for draw in ask.draws]
        step = first_step(ask, rest, along, leases=True)
        while rest:
            mine = await self._of(home).take(step)
            if not isinstance(mine, Taken):
                return None
            if mine.wait:
                break
            at = next(i for i, draw in enumerate(step.draws) if draw is mine.draw)
            run = run_of(rest[at:])
            if not run[0].shared:
                found = Taken(0.0, mine.binding, mine.states, run[0].draw, mine.granted)
                return await self._placed(ask, found, ReservePlace(home, both=False))
            there = await self._of(SHARED).take(second_step(ask, run))
            if isinstance(there, Taken) and not there.wait:
                draw = next(part.draw for part in run if part.shared is there.draw)
                return await self._placed(ask, granted(draw, 0.0, self._now()), ReservePlace(home, both=True))
            if not await self._give_back(home, run[0].own, ask.cost) or there is None:
                return None
            rest = rest[at + len(run) :]
            step = first_step(ask, rest)
        return await self._denied(ask, rest)

    async def _denied(self, ask: Ask, unread: Sequence[Part]) -> Taken | None:
        """Deny an ask; the wait needs the shared buckets of all its draws."""
        for number, read in reads_of(Ask([part.shared for part in unread], 0.0)):
            if await self._of(number).take(read) is None:
                return None
        return denial(ask, self._now())

    async def _placed(self, ask: Ask, taken: Taken, place: ReservePlace) -> Taken | None:
        """Note where the hold or the lease of a take is kept; without that, nothing is taken."""
        if ask.reserve is None or taken.wait or (ask.want and not taken.granted):
            return taken
        try:
            await self._places.put(ask.reserve, place, self._clock())
        except AwayError as away:
            self._failed(str(away))
            await self._undo(ask, taken)
            return None
        return taken

    async def _undo(self, ask: Ask, taken: Taken) -> bool:
        """Give back what an ask took, its lease too; False if a node is away, and then it is given back later."""
        part, amount = Part(taken.draw), ask.cost + taken.granted
        sides = (home_of(ask), part.own), (SHARED, part.shared)
        given = await asyncio.gather(*[self._give_back(slot, side, amount) for slot, side in sides if side])
        return all(given)

    async def _give_back(self, number: int, charges: Sequence[Charge], amount: float) -> bool:
        if not amount or not charges:
            return True
        if await self._of(number).give_back(charges, amount) is None:
            return False
        for charge in charges:
            refund(charge.bucket, amount, self._now())
        return True

    def take_all(self, group: AskGroup) -> Awaitable[TakenAll | None]:
        """Carry out a group, all of it or nothing; None if a node that it needs is away."""
        numbers = {slot_of(ask) for ask in group.asks}
        number = numbers.pop()
        if numbers or number is None or any(ask.reserve is not None or ask.settlements for ask in group.asks):
            return self._take_all(group)
        return self._of(number).take_all(group)

    async def _take_all(self, group: AskGroup) -> TakenAll | None:
        if group.stopped:
            return await self._look(group)
        asks, found = group.asks, dict[int, Taken | None]()
        for takes in (False, True):  # those that only look come first
            some = [i for i, ask in enumerate(asks) if (ask.cost > 0) == takes]
            found.update(zip(some, await asyncio.gather(*[self._carry_out(asks[i]) for i in some]), strict=True))
        taken = [one for i in range(len(asks)) if (one := found[i]) is not None]
        pairs = [*zip(asks, taken, strict=False)]
        if len(taken) == len(asks) and not any(refused(one, ask.cost) for ask, one in pairs):
            return TakenAll(taken, passed=True)
        back = [self._undo(ask, one) for i, ask in enumerate(asks) if (one := found[i]) is not None and not one.wait]
        if not all(await asyncio.gather(*back)) or len(taken) < len(asks):
            return None
        now = self._now()
        return TakenAll(
            [one if refused(one, ask.cost) else take_first(ask.draws, 0.0, now) for ask, one in pairs], passed=False
        )

    async def _look(self, group: AskGroup) -> TakenAll | None:
        """Answer for a group that takes nothing whatever its buckets hold."""
        for ask in group.asks:
            self._settle_apart(ask.settlements, None)
        reads = [read for ask in group.asks for read in reads_of(ask)]
        if None in await asyncio.gather(*[self._of(number).take(read) for number, read in reads]):
            return None
        return take_all(group, self._now())

    def _settle_apart(self, settlements: tuple[Settlement, ...], home: int | None) -> tuple[Settlement, ...]:
        """Settle leases of other slots in the background, and return those of this one."""
        along = []
        for one in settlements:
            if [group_of(name) for name in one.accounts] == [home]:
                along.append(one)
            else:
                self._start(self._settle_later(Settling(leases=(one,))))
        return tuple(along)

    async def _settle_later(self, settling: Settling) -> None:
        if await self.settle(settling) is None:
            self.note([settling])

    async def settle(self, settling: Settling) -> Came | None:
        """Settle holds and leases, each once; None if a node is away."""
        try:
            return await self._settling.settle(settling)
        except AwayError as away:
            self._failed(str(away))
            return None

    async def first_id(self, once: Once) -> str | None:
        """Find the id of the verdict at the time of the charge; None after its time, or while its node is away."""
        return await self._of(group_of(once.id)).first_id(once)

    async def probe(self) -> None:
        """See whether all nodes take writes again. Raises AwayError."""
        await asyncio.gather(*[takes.probe() for takes in self._all])

    async def resume(self, owed: Sequence[Owed]) -> None:
        """Void batches given up, charge what is owed, and settle what waits, each once. Raises AwayError."""
        self.note(owed)
        for takes in self._all:
            takes.series = self.series
            await takes.resume(())
        while self._later:
            settling = self._later.popleft()
            if await self.settle(settling) is None:
                self._later.appendleft(settling)
                raise AwayError("a hold or a lease could not be settled")

    def owe(self, owed: Sequence[Owed | Settling]) -> None:
        """Charge a part of the debt in the background, after Redis is back."""
        self.note(owed)
        self._start(self._resume_later())

    async def _resume_later(self) -> None:
        try:
            await self.resume(())
        except AwayError as away:
            self._failed(str(away))

    def note(self, owed: Sequence[Owed | Settling]) -> None:
        """Keep charges and settlements until Redis is back, up to a bound."""
        charges: dict[int, list[Owed | Settling]] = {}
        for one in owed:
            if not isinstance(one, Settling):
                charges.setdefault(home_of(Ask([[one[0]]], 0.0)), []).append(one)
            elif len(self._later) < MOST_OWED:
                self._later.append(one)
        for number, some in charges.items():
            self._all[number].note(some)
