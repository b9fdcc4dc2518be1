"""Takes from a tenant's buckets in Redis: those of one turn of the event loop go out together, each exactly once.

Batches go out on lanes. A lane has one batch in flight and numbers its batches; the script keeps the last number of
each lane with its answer. So a batch whose answer was lost may be sent again, and one that was given up can be voided
later: if it had run, what it took is known and given back. However late it arrives, it does not run after that.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec

from reputation.limits.take import Ask, AskGroup, Draw, TakenAll
from reputation.stores.redis.asks import ONCE, AskBatch
from reputation.stores.redis.names import Names
from reputation.stores.redis.server import RedisServer, Script, is_cut
from reputation.stores.shared_values import AwayError, Came, Once, Owed, Settling, Tried
from reputation.wire.later import Pending

LANES = 4
MOST_IN_BATCH = 128
"""Asks of one script call, which holds Redis for about 10 µs each."""
MOST_OWED = 10_000
"""Charges and settlements that wait for Redis."""
PROBE = 0.5
"""Seconds for what no check waits for, such as a probe: a new connection with TLS takes longer than a check may."""
SCRIPT = Script("take.lua")

_kept_once = msgspec.msgpack.Decoder(tuple[int, str, str]).decode

Clock = Callable[[], float]
Waiting = tuple[Ask | AskGroup | Settling, Pending[Any], Once | None, bool]
"""An ask, its answer, whether it is charged once, and whether it is owed (or given back) rather than tried."""


class Lane:
    """The numbering of batches; `doubt` is a batch given up that perhaps ran."""

    def __init__(self, receipt: bytes, number: int = 0) -> None:
        self.receipt = receipt
        self.number = number
        self.doubt: AskBatch | None = None


class RedisTakes:
    """The `Takes` of one tenant over Redis."""

    def __init__(
        self, server: RedisServer, names: Names, within: float, clock: Clock, failed: Callable[[str], None],
        lanes: int = LANES,
    ) -> None:  # fmt: skip
        self.series = "b"
        self.batches = 0
        self.retries = 0
        self.clock_offset = 0.0  # seconds that the server's clock is before this machine's
        self._server = server
        self._names = names
        self._within = within
        self._clock = clock
        self._failed = failed
        replica = secrets.token_hex(6)
        self._lanes = [Lane(names.of("r", replica, i)) for i in range(lanes)]
        self._free = [*self._lanes]
        self._charging = Lane(names.of("r", replica, "owed"), 1)
        self._probing = [names.of("r", replica, "probe", i) for i in range(lanes)]
        self._probes = 0
        self._ledger: deque[Sequence[Owed | Settling]] = deque()
        self._waiting: list[Waiting] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._scheduled = False

    def take(self, ask: Ask, once: Once | None = None) -> Pending[Tried | None]:
        """Carry out an ask with the others of this turn; None if Redis is away. Again and Clash need `once`."""
        return self._enqueue(ask, once)

    def take_all(self, group: AskGroup) -> Pending[TakenAll | None]:
        """Carry out a group, all of it or nothing; None if Redis is away."""
        return self._enqueue(group)

    async def first_id(self, once: Once) -> str | None:
        """Find the id of the verdict at the time of the charge; None after its time, or while Redis is away."""
        found = await self.charged(once)
        return None if found is None else found[2]

    async def charged(self, once: Once) -> tuple[int, str, str] | None:
        """Find what is kept of a charged request: its draw, its print, and the id of its verdict."""
        name = self._names.of(ONCE, self.series, once.id)
        try:
            kept = await self._server.ask("GET", name, within=self._within)
        except AwayError:
            return None
        try:
            return None if kept is None else _kept_once(kept)
        except msgspec.DecodeError:
            self._server.damaged(name)
            return None

    def settle(self, settling: Settling) -> Pending[Came | None]:
        """Settle holds and leases, likewise."""
        return self._enqueue(settling)

    def give_back(self, charges: Draw, amount: float) -> Pending[Tried | None]:
        """Give an amount back to each bucket; None if Redis is away, and then it is given back with what is owed."""
        return self._enqueue(Ask([charges], -amount), owes=True)

    def _enqueue(
        self, ask: Ask | AskGroup | Settling, once: Once | None = None, *, owes: bool = False
    ) -> Pending[Any]:  # fmt: skip
        pending: Pending[Any] = Pending()
        self._waiting.append((ask, pending, once, owes))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._send)
        return pending

    def _send(self) -> None:
        """Fill the free lanes; asks without a lane go out after the next answer."""
        self._scheduled = False
        while self._waiting and self._free:
            items, self._waiting = self._waiting[:MOST_IN_BATCH], self._waiting[MOST_IN_BATCH:]
            self._start(self._exchange(self._free.pop(), items))
        if self._waiting and all(lane.doubt is not None for lane in self._lanes):
            self._answer_away()  # no answer is on its way after which they could go out

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _exchange(self, lane: Lane, items: Sequence[Waiting]) -> None:
        batch = AskBatch(self._names, self.series, now := self._clock())
        for ask, _, once, owes in items:
            batch.add(ask, once=once, owes=owes)
        taken, why = None, "the exchange ended early"
        try:
            taken = batch.read(await self._call(lane, batch))
        except AwayError as away:
            why = str(away)
        finally:  # a check is answered whatever ended the exchange
            if taken is None:
                self._give_up(lane, batch, items, why)
        if taken is None:
            return
        self._free.append(lane)
        self.clock_offset = batch.clock - now
        for (_, pending, _, _), came in zip(items, taken, strict=True):
            pending.resolve(came)
        if self._waiting:
            self._send()

    async def _call(self, lane: Lane, batch: AskBatch) -> bytes:
        """Send a batch under the lane's next number; try again on a new connection if this one was cut."""
        lane.number += 1
        self.batches += 1
        keys, packed = [lane.receipt, *batch.keys], batch.packed()
        try:
            return await self._run(keys, lane.number, packed, within=self._within)
        except AwayError as away:
            if not is_cut(away):
                raise
        self.retries += 1  # outside: compiled code would show this error to whatever runs while it waits
        return await self._run(keys, lane.number, packed, within=self._within)

    async def _run(self, keys: Sequence[bytes], *args: bytes | float, within: float = PROBE) -> bytes:
        answer: bytes = await self._server.run_at_once(SCRIPT, keys, *args, within=within)
        return answer

    def _give_up(self, lane: Lane, batch: AskBatch, items: Sequence[Waiting], why: str) -> None:
        lane.doubt = batch
        self._failed(why)
        for _, pending, _, _ in items:
            pending.resolve(None)
        self._answer_away()

    def _answer_away(self) -> None:
        """Answer everything that waits as while Redis is away. What was to be given back is owed from here on."""
        waiting, self._waiting = self._waiting, []
        for ask, _, _, owes in waiting:
            if owes and isinstance(ask, Ask):
                self.note([(charge, ask.cost) for charge in ask.draws[0]])
        for _, pending, _, _ in waiting:
            pending.resolve(None)

    async def probe(self) -> None:
        """See whether Redis takes writes again, over as many new connections as there are lanes. Raises AwayError."""
        self._probes += 1
        await self._server.renew()
        calls = [self._server.run_at_once(SCRIPT, [lane], self._probes, within=PROBE) for lane in self._probing]
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def resume(self, owed: Sequence[Owed]) -> None:
        """Void batches given up and charge the amounts owed, each once, also after several attempts. Raises AwayError.

        What a voided batch had taken is given back: its checks were answered by this replica alone, and what they took
        from its share is among what is owed. What it was to give back, and had not, is given back too.
        """
        self.note(owed)
        for lane in self._lanes:
            if lane.doubt is not None:
                answer = await self._run([lane.receipt], lane.number)
                self._ledger.append(lane.doubt.paid(answer) if answer else lane.doubt.owed)
                lane.doubt = None
                self._free.append(lane)
        while self._ledger:
            await self._charge(self._ledger[0])
            self._ledger.popleft()
            self._charging.number += 1
        self._send()

    def owe(self, owed: Sequence[Owed | Settling]) -> None:
        """Charge a part of the debt in the background, after Redis is back."""
        self.note(owed)
        self._start(self._settle_ledger())

    async def _settle_ledger(self) -> None:
        try:
            await self.resume(())
        except AwayError as away:
            self._failed(str(away))

    def note(self, owed: Sequence[Owed | Settling]) -> None:
        """Keep charges and settlements until Redis is back, up to a bound."""
        if len(self._ledger) < MOST_OWED:
            self._ledger.extend(owed[i : i + MOST_IN_BATCH] for i in range(0, len(owed), MOST_IN_BATCH))

    async def _charge(self, owed: Sequence[Owed | Settling]) -> None:
        """Charge amounts, into debt if need be; a negative one is given back. The same number until it succeeds."""
        batch = AskBatch(self._names, self.series, self._clock())
        for one in owed:
            if isinstance(one, Settling):
                batch.add(one)
            else:
                batch.add(Ask([[one[0]]], one[1]), owes=True)
        await self._run([self._charging.receipt, *batch.keys], self._charging.number, batch.packed())
