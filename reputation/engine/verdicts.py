"""Kept verdicts: counts, latency, and the verdicts of the last hour, for explanations and appeals, in bounded memory.

Verdicts are kept packed: ten thousand verdicts of thirty objects each would make every check write to, and in turn
free, memory that fell out of the processor's caches long ago. One that was answered in JSON is kept as that JSON, and
its request as it is: its texts are there anyway.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import msgpack
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from reputation.engine.identity import account_of
from reputation.state.stops import AN_ACCOUNT, UNCONFIRMED_SHARE, Stop
from reputation.wire.codec import encoded
from reputation.wire.messages import Request, Verdict

V = TypeVar("V")


class Counts:
    """Counts of one tenant's checks. jwts: checks whose key looked like a JSON Web Token."""

    def __init__(self) -> None:
        self.verdicts: dict[tuple[str, str, str], int] = {}  # a Counter takes three times as long
        self.stops: Counter[str] = Counter()
        self.jwts = 0

    def add(self, verdict: Verdict) -> None:
        """Count a verdict (in shadow mode the shadow verdict), and a throttle by its limit."""
        judged = verdict.shadow or verdict
        decision = judged.decision
        key = verdict.mode, verdict.tier, decision
        self.verdicts[key] = self.verdicts.get(key, 0) + 1
        if decision == "throttle":
            self.stops[judged.limit.scope] += 1


BOUNDS: Final[list[float]] = [
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005,
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
]  # fmt: skip
"""Upper bounds of the buckets in seconds; one more has what took longer."""


class Latency:
    """Seconds from a request that was read to its verdict, with the wait for shared state."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one check."""
        place = 0
        for bound in BOUNDS:  # most checks end in the first few
            if seconds <= bound:
                break
            place += 1
        self._counts[place] += 1
        self._sum += seconds

    def metrics(self) -> Iterator[Metric]:
        """Return the histogram; its buckets are cumulative."""
        buckets, total = [], 0
        for bound, count in zip((*BOUNDS, float("inf")), self._counts, strict=True):
            total += count
            buckets.append(("+Inf" if bound == float("inf") else repr(bound), float(total)))
        words = "Seconds from a request that was read to its verdict."
        yield HistogramMetricFamily("headcount_check_seconds", words, buckets=buckets, sum_value=self._sum)


class StoredRequest(NamedTuple):
    """The stored request of a recent verdict: without keys, and without values of unlimited size.

    account: the one that was judged, also where its key alone was sent; an unknown key's is its hash's; null for an
    address.
    """

    account: str | None
    ip: str | None
    route: str | None
    cost: float


MOST_WAITING: Final = 1000
"""Stops of known accounts that wait to be kept; they are taken twice a second."""

Asked = tuple[str | None, str | None, str | None, float]
_NO_END: Final = float("inf")
Kept = tuple[Asked, bytes]
"""A request, and its verdict as JSON or packed."""
_pack: Final = msgpack.Encoder().encode  # not JSON, which has no word for a limit without end
_pack_into: Final = msgpack.Encoder().encode_into
# the members of StoredRequest one by one, because the compiler forgets the types of a NamedTuple's
_unpack: Final = msgpack.Decoder(tuple[Asked, Verdict]).decode
_unpack_verdict: Final = msgpack.Decoder(Verdict).decode
_answer: Final = msgspec.json.Decoder(Verdict).decode


def read_packed(kept: bytes) -> tuple[StoredRequest, Verdict]:
    """Read a stop as stores keep it. Raises msgspec.DecodeError or ValidationError for other bytes."""
    asked, verdict = _unpack(kept)
    return StoredRequest(*asked), verdict


def read_recent(kept: Kept) -> tuple[StoredRequest, Verdict]:
    """Read a recent verdict."""
    asked, verdict = kept
    return StoredRequest(*asked), read_answer(verdict) if verdict.startswith(b"{") else _unpack_verdict(verdict)


def read_answer(answer: bytes) -> Verdict:
    """Read an answer back; null is a limit without end, as in shadow mode."""
    try:
        return _answer(answer)
    except msgspec.ValidationError:
        found = msgspec.json.decode(answer)
        found["limit"] |= dict.fromkeys(("rate", "burst", "remaining"), _NO_END)
        return msgspec.convert(found, Verdict)


class Stopped:
    """Stops on their way to the store: few of one account, fewer of unconfirmed ones, so a flood is bounded.

    What there is no room for is counted in `lost`.
    """

    def __init__(self, most: int = MOST_WAITING) -> None:
        self.lost = 0
        self._most: Final = most
        self._waiting: tuple[list[Stop], list[Stop]] = [], []
        self._of: dict[str, int] = {}

    def add(self, stop: Stop) -> None:
        """Let a stop wait, if there is room."""
        mine, waiting = self._of.get(stop.account, 0), self._waiting[stop.unconfirmed]
        if mine >= AN_ACCOUNT or len(waiting) >= (self._most // UNCONFIRMED_SHARE if stop.unconfirmed else self._most):
            self.lost += 1
            return
        self._of[stop.account] = mine + 1
        waiting.append(stop)

    def forget(self, account: str) -> None:
        """Drop the waiting stops of an account."""
        for waiting in self._waiting:
            waiting[:] = [stop for stop in waiting if stop.account != account]
        self._of.pop(account, None)

    def take(self) -> list[Stop]:
        """Return the waiting stops, in their order."""
        confirmed, unconfirmed = self._waiting
        self._waiting, self._of = ([], []), {}
        return sorted(confirmed + unconfirmed, key=_at)

    def give_back(self, stops: Sequence[Stop]) -> None:
        """Queue stops again after a failed write."""
        for stop in stops:
            self.add(stop)


def _at(stop: Stop) -> float:
    return stop.at


class ExpiringMap(Generic[V]):
    """Values kept for one to two times `window` seconds, unless more than `most` come.

    Two generations of a dict: the older one is dropped whole, so nothing is paid for each value. What a flood
    pushes out early is counted in `lost`. After a step of the clock, either way, what is a window away is forgotten.
    """

    def __init__(self, window: float, most: int) -> None:
        self.lost = 0
        self._window = window
        self._half = max(most // 2, 1)
        self._young: dict[Hashable, tuple[float, V]] = {}
        self._old: dict[Hashable, tuple[float, V]] = {}
        self._turn = 0.0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: Hashable, now: float) -> V | None:
        """Find a value put within the window."""
        found = self._young.get(key) or self._old.get(key)
        return found[1] if found is not None and abs(now - found[0]) <= self._window else None

    def put(self, key: Hashable, value: V, now: float) -> None:
        """Keep a value from `now` on."""
        full = len(self._young) >= self._half
        over = abs(now - self._turn) > self._window
        if full or over:
            self.lost += 0 if over else len(self._old)
            self._old, self._young, self._turn = self._young, {}, now
        self._young[key] = (now, value)

    def items(self) -> list[tuple[Hashable, V]]:
        """Return every key with its value."""
        return [(key, kept[1]) for part in (self._old, self._young) for key, kept in part.items()]

    def drop(self, key: Hashable) -> None:
        """Forget a key, if it is there."""
        self._old.pop(key, None)
        self._young.pop(key, None)

    def newest(self, most: int) -> list[V]:
        """Up to `most` values, newest first."""
        values = [value for _, value in self._old.values()] + [value for _, value in self._young.values()]
        return values[: -most - 1 : -1]


class RecentVerdicts:
    """Verdicts by their id, each with its request; with `most` 0 none is kept.

    The newest one waits to be packed until the next one comes, because its answer may be encoded in between.
    """

    def __init__(self, window: float, most: int) -> None:
        self.stopped = Stopped()
        self._most = most
        self._kept: ExpiringMap[Kept] = ExpiringMap(window, most)
        self._newest: tuple[Verdict, Asked, float] | None = None
        self._buffer = bytearray()

    def __len__(self) -> int:
        self._keep_newest()
        return len(self._kept)

    @property
    def lost(self) -> int:
        """Verdicts displaced by a flood before their time."""
        return self._kept.lost

    def put(self, verdict: Verdict, name: str, request: Request, now: float, *, unconfirmed: bool = False) -> None:
        """Keep a verdict on the actor of this name; unconfirmed: that actor is."""
        if not self._most:
            return
        self._keep_newest()
        call = request.request
        asked = (account_of(name), request.client.ip, call.route, call.cost)  # as StoredRequest has them
        if (verdict.shadow or verdict).decision == "allow":
            self._newest = (verdict, asked, now)
            return
        packed = _pack(verdict)
        self._kept.put(verdict.id, (asked, packed), now)
        self.stopped.add(Stop(verdict.id, name, unconfirmed, now, _pack((asked, msgspec.Raw(packed)))))

    def _keep_newest(self) -> None:
        newest = self._newest
        if newest is None:
            return
        verdict, asked, now = newest
        packed = encoded(verdict)
        if packed is None:
            _pack_into(verdict, self._buffer)  # it has the room that the last one took, so it need not grow
            packed = bytes(self._buffer)
        self._kept.put(verdict.id, (asked, packed), now)
        self._newest = None

    def get(self, id_: str, now: float) -> tuple[StoredRequest, Verdict] | None:
        """Find a recent verdict; None if it is no longer kept."""
        self._keep_newest()
        kept = self._kept.get(id_, now)
        return None if kept is None else read_recent(kept)

    def forget(self, account: str) -> int:
        """Forget the verdicts on an account, and its stops that wait for the store; return how many verdicts."""
        self._keep_newest()
        self.stopped.forget(account)
        gone = [key for key, kept in self._kept.items() if kept[0][0] == account]
        for key in gone:
            self._kept.drop(key)
        return len(gone)

    def newest(self, most: int) -> Iterator[tuple[StoredRequest, Verdict]]:
        """Up to `most` verdicts, newest first, each decoded when it is asked for."""
        self._keep_newest()
        return map(read_recent, self._kept.newest(most))
