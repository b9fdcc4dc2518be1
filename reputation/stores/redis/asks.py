"""Batches of asks in the script's form, and the script's answer as a result for each ask."""

from collections.abc import Hashable, Iterator, Sequence

import msgspec

from reputation.limits.bucket import spend
from reputation.limits.reservations import Settlement
from reputation.limits.take import Ask, AskGroup, Charge, Taken, TakenAll, denied, granted, take_all, take_first
from reputation.stores.redis.names import Names, named
from reputation.stores.shared_values import Again, AwayError, Came, Clash, Once, Owed, Settling, Tried

SERVER_CLOCK = -1.0
CLASH = -1000  # as in the script
NOT_ONCE = (0, "", "")
ALONE = (0, False)
"""What an ask says that is charged each time, and one that is in no group."""
ONCE = "o"
"""The kind of what is kept of a request that was charged: (draw, print, verdict id)."""
SLACK = 60.0
"""Seconds that a bucket is kept after it is full, so that a higher limit does not find it gone, and so fuller."""

Wire = list[object]
UNREADABLE = (msgspec.DecodeError, IndexError, ValueError)
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[float]).decode


class ScriptAnswer:
    """The script's numbers, read from the front."""

    def __init__(self, packed: bytes) -> None:
        self._numbers = _unpack(packed)
        self._at = 1

    @property
    def clock(self) -> float:
        """The server's time when it ran."""
        return self._numbers[0]

    def number(self) -> float:
        """Read the next number."""
        found = self._numbers[self._at]
        self._at += 1
        return found

    def some(self, count: int) -> tuple[float, ...]:
        """Read the next numbers."""
        self._at += count
        return tuple(self._numbers[self._at - count : self._at])


class AskBatch:
    """Asks of one tenant, sent to the script together. `series` keeps shadow mode's buckets apart."""

    def __init__(self, names: Names, series: str, now: float) -> None:
        self.asks: list[Ask | AskGroup | Settling] = []
        self.owed: list[Owed] = []  # what is charged into debt if need be, or given back
        self.clock = now  # the server's, once it has answered
        self._names = names
        self._series = series
        self._prefix = names.single(series)
        self._now = now
        self._buckets: dict[bytes, int] = {}  # their places by key
        self._others: dict[bytes, int] = {}  # those of leases, holds and requests
        self._limits: dict[tuple[float, float, float], int] = {}
        self._wire: Wire = []
        self._charges: list[Sequence[Charge]] = []

    def __len__(self) -> int:
        return len(self.asks)

    @property
    def keys(self) -> list[bytes]:
        """The keys that it touches, in the script's order."""
        return [*self._buckets, *self._others]

    def add(self, ask: Ask | AskGroup | Settling, *, owes: bool = False, once: Once | None = None) -> None:
        """Append one ask; with `owes` its cost is charged into debt if need be, and a negative one given back.

        once: a request that is charged once, however many replicas it is sent to within a minute.
        """
        self.asks.append(ask)
        if owes and isinstance(ask, Ask):
            self.owed += [(charge, ask.cost) for charge in ask.draws[0]]
        if isinstance(ask, Settling):
            holds: Wire = [[self._other("h", id_), used, True, ask.overrun, []] for id_, used in ask.holds]
            self._wire.append(
                [0.0, [], [], False, holds + self._leases(ask.leases), 0, 0.0, 0, 0.0, "", *NOT_ONCE, *ALONE, 0]
            )
            self._charges.append(())
        elif isinstance(ask, AskGroup):
            for i, one in enumerate(ask.asks):
                self._wire.append(self._ask(one, NOT_ONCE, (len(ask.asks), ask.stopped) if i == 0 else ALONE))
        elif once is None and not owes and _is_plain(ask):
            self._add_plain(ask)
        else:
            repeat = NOT_ONCE if once is None else (self._other(ONCE, self._series, once.id), once.print, ask.token)
            self._wire.append(self._ask(ask, repeat, ALONE, owes=owes))

    def _add_plain(self, ask: Ask) -> None:
        draw = ask.draws[0]
        self._charges.append(draw)
        self._wire += (ask.cost, len(draw))
        self._name(draw, self._wire)

    def _name(self, charges: Sequence[Charge], wire: Wire) -> None:
        """Append the bucket and the limit of each charge."""
        buckets, limits = self._buckets, self._limits
        for charge in charges:
            limit, withheld = charge.bucket.limit, charge.bucket.withheld
            most = limit.burst if withheld is None else withheld.burst
            wire.append(buckets.setdefault(named(self._prefix, charge.key), len(buckets) + 1))
            wire.append(limits.setdefault((limit.rate, limit.burst, most), 3 * len(limits) + 1))

    def _ask(self, ask: Ask, repeat: tuple[int, str, str], group: tuple[int, bool], *, owes: bool = False) -> Wire:
        charges, draws = _places(ask)
        self._charges.append(charges)
        buckets: Wire = []
        self._name(charges, buckets)
        settlements = self._leases(ask.settlements)
        reserve, seconds, holder = 0, 0.0, ""
        if ask.reserve is not None:
            reserve = self._other("l" if ask.want else "h", ask.reserve.id)
            seconds, holder = max(ask.reserve.until - self._now, 0.001), ask.reserve.holder
        return [
            ask.cost,
            buckets,
            draws,
            owes,
            settlements,
            ask.want,
            ask.share,
            reserve,
            seconds,
            holder,
            *repeat,
            *group,
            ask.roomy,
        ]

    def _leases(self, settlements: Sequence[Settlement]) -> Wire:
        return [[self._other("l", one.id), float(one.used), False, 0.0, one.holders] for one in settlements]

    def _other(self, kind: str, *parts: Hashable) -> int:
        return self._others.setdefault(self._names.of(kind, *parts), len(self._others) + 1)

    def packed(self, clock: float = SERVER_CLOCK, slack: float = SLACK) -> bytes:
        """Return the script's argument."""
        limits = [number for limit in self._limits for number in limit]
        return _pack([clock, slack, len(self._buckets), limits, self._wire])

    def read(self, packed: bytes) -> list[Tried | TakenAll | Came]:
        """Read the script's answer; this process's copies become the script's buckets, and follow what it took.

        The script says which draw paid. Its arithmetic is that of `limits/` (a test holds them to it), so what remains
        and how long to wait come out as they would of an embedded take, and the copies are what the replica goes on
        with when Redis is away. Raises AwayError for an answer that is none.
        """
        try:
            answer, rows = ScriptAnswer(packed), iter(self._charges)
            self.clock = answer.clock
            return [self._came(ask, answer, rows) for ask in self.asks]
        except UNREADABLE as error:
            raise AwayError("the answer to a batch could not be read") from error

    def _came(
        self, ask: Ask | AskGroup | Settling, answer: ScriptAnswer, rows: Iterator[Sequence[Charge]]
    ) -> Tried | TakenAll | Came:
        if isinstance(ask, Ask):
            return self._tried(ask, answer, next(rows))
        if isinstance(ask, Settling):
            answer.some(2), next(rows)
            return Came(answer.some(len(ask.holds)), answer.some(len(ask.leases)))
        copied: set[Hashable] = set()
        for one in ask.asks:
            answer.some(2)
            for charge in next(rows):  # the first value of a key counts
                tokens, at = answer.number(), answer.number()
                if charge.key not in copied:
                    copied.add(charge.key)
                    charge.bucket.tokens, charge.bucket.at = tokens, at
            answer.some(len(one.settlements))
        return take_all(ask, self.clock)

    def _tried(self, ask: Ask, answer: ScriptAnswer, charges: Sequence[Charge]) -> Tried:
        chosen, leased = int(answer.number()), int(answer.number())
        for charge in charges:
            bucket = charge.bucket
            bucket.tokens, bucket.at = answer.number(), answer.number()
        if ask.settlements:
            answer.some(len(ask.settlements))
        if chosen == CLASH:
            return Clash()
        if chosen < 0:
            return Again(take_first([ask.draws[-chosen - 1]], 0.0, self.clock))
        if not chosen:
            return denied(ask.draws, ask.cost, self.clock)
        taken = granted(ask.draws[chosen - 1], ask.cost, self.clock)
        return _leased(taken, leased, self.clock) if leased else taken

    def paid(self, packed: bytes) -> list[Owed]:
        """The amounts taken by each granted ask, to be given back; for a batch given up.

        Nothing, where its answer cannot be read.
        """
        try:
            return self._paid(packed)
        except UNREADABLE:
            return []

    def _paid(self, packed: bytes) -> list[Owed]:
        answer, rows, found = ScriptAnswer(packed), iter(self._charges), list[Owed]()
        for several in self.asks:
            if isinstance(several, Settling):
                answer.some(2 + len(several.holds) + len(several.leases)), next(rows)
                continue
            for ask in several.asks if isinstance(several, AskGroup) else (several,):
                chosen, leased = answer.some(2)
                answer.some(2 * len(next(rows)) + len(ask.settlements))
                if chosen > 0:
                    found += [(charge, -ask.cost - leased) for charge in ask.draws[int(chosen) - 1]]
        return found


def _is_plain(ask: Ask) -> bool:
    """Whether an ask has one draw and only takes from it."""
    return len(ask.draws) == 1 and ask.reserve is None and not ask.want and not ask.settlements


def _places(ask: Ask) -> tuple[Sequence[Charge], list[list[int]]]:
    """Return an ask's different buckets, and each draw as places among them."""
    if len(ask.draws) == 1:
        draw = ask.draws[0]
        return draw, [[*range(1, len(draw) + 1)]]
    charges: dict[object, Charge] = {}
    for draw in ask.draws:
        for charge in draw:
            charges.setdefault(charge.key, charge)
    place = {key: i for i, key in enumerate(charges, 1)}
    return [*charges.values()], [[place[charge.key] for charge in draw] for draw in ask.draws]


def _leased(taken: Taken, tokens: int, now: float) -> Taken:
    """Take the tokens of a lease as well."""
    for charge in taken.draw:
        spend(charge.bucket, tokens, now)
    return Taken(taken.wait, taken.binding, taken.states, taken.draw, tokens)
