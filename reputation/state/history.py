"""The past: the places and outcomes of an account, and outcomes of accounts in the same networks.

An account's visits and outcomes are short packed lists. Marks fade with a half-life; declines count for 30 days, and
weigh as an outcome only so far as payment does not count them already.
"""

import math
import struct
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from reputation.state.dirty_set import DirtySet
from reputation.state.windows import RESOLUTION, seconds_at, word_of
from reputation.wire.known import Facts
from reputation.wire.messages import OutcomeKind

DAY: Final = 86_400.0
MONTH: Final = 30 * DAY
KEPT: Final = 400 * DAY
"""Seconds that an account of which nothing was pushed is remembered for an outcome against it."""
MOST_OF_A_KIND: Final = 32
"""Outcomes of one kind that are kept, the newest: one kind cannot push another out."""
MarkedOutcome = OutcomeKind | Literal["charge_failed"]
"""An outcome, or a failed charge that billing's events reported, which payment counts."""
KINDS: tuple[MarkedOutcome, ...] = (
    "chargeback", "declined", "abuse", "good", "challenge_passed", "challenge_failed", "charge_failed",
)  # fmt: skip
"""The place of a kind is what is kept of it, so new ones come at the end."""
MARKS: dict[MarkedOutcome, tuple[int, int]] = {
    "chargeback": (2, 0),
    "abuse": (2, 0),
    "declined": (1, 0),
    "challenge_failed": (1, 0),
    "challenge_passed": (0, 1),
    "good": (0, 2),
}
"""Marks in halves of an outcome, against and in favour, that each outcome leaves on its account."""
LEAST_MARKS: Final = 0.25
"""Marks that have faded below this say nothing any more."""

_RECORD: Final = struct.Struct("<BQ")
_MARKS: Final = [MARKS.get(kind, (0, 0)) for kind in KINDS]
_DECLINED, _FAILED = KINDS.index("declined"), KINDS.index("charge_failed")

MOST_VISITS: Final = 16
VISIT_WINDOW: Final = DAY
_VISIT: Final = struct.Struct("<QIHQ")
VISIT: Final = _VISIT.size
_number: Final = int.from_bytes  # looked up on the class it would be made again each time


def visit(recent: bytes, host: int, asn: int | None, country: str | None, now: float) -> bytes:
    """Note an address in an account's packed visits: three counts, then the newest visits first.

    The counts are of different addresses, ASNs and countries within the window, one byte each.

    Returns the same object where nothing had to change, which is the common case.
    """
    key = word_of(host)
    if recent[3:11] == key and 0 <= now - seconds_at(recent, 17) < RESOLUTION:
        return recent
    at = _find_visit(recent, key)
    if at > 0 and now - VISIT_WINDOW <= seconds_at(recent, len(recent) - 8) <= now:
        # an address that is there already and nothing that expired: the counts stay as they are
        moved = recent[at : at + 14] + max(int(now), 0).to_bytes(8, "little")
        return recent[:3] + moved + recent[3:at] + recent[at + VISIT :]
    code = _number(country.encode()[:2], "little") if country else 0
    first = (host, asn or 0, code, max(int(now), 0))
    rest = [
        (*v[:3], min(v[3], first[3]))  # a time to come is one from before the clock was set back
        for v in _VISIT.iter_unpack(recent[3:])
        if v[0] != first[0] and v[3] >= now - VISIT_WINDOW
    ]
    visits = [first, *rest[: MOST_VISITS - 1]]
    counts = bytes((len(visits), len({v[1] for v in visits} - {0}), len({v[2] for v in visits} - {0})))
    return counts + b"".join(_VISIT.pack(*v) for v in visits)


def _find_visit(recent: bytes, key: bytes) -> int:
    """Offset of an address's visit, or -1."""
    at = recent.find(key, 3)
    while at >= 0 and (at - 3) % VISIT:
        at = recent.find(key, at + 1)
    return at


def visited(recent: bytes) -> list[tuple[int, int]]:
    """Hosts and ASNs (0: not known) of an account's packed visits."""
    return [(host, asn) for host, asn, _, _ in _VISIT.iter_unpack(recent[3:])]


def visits(recent: bytes) -> list[tuple[int, int]]:
    """Hosts of an account's packed visits, and when they were seen."""
    return [(host, at) for host, _, _, at in _VISIT.iter_unpack(recent[3:])]


def visits_with_asn(recent: bytes) -> list[tuple[int, int]]:
    """ASNs (0: not known) of an account's packed visits, and when they were seen."""
    return [(asn, at) for _, asn, _, at in _VISIT.iter_unpack(recent[3:])]


class Marks(NamedTuple):
    """The present weight of outcomes, in marks; below LEAST_MARKS it is 0. declines: of 30 days, counted by payment."""

    against: float = 0.0
    in_favour: float = 0.0
    declines: int = 0


NO_MARKS: Final = Marks()


def noted(kept: bytes, kind: MarkedOutcome, at: float) -> bytes:
    """The list with one more outcome, in the order of their times."""
    number = KINDS.index(kind)
    found = sorted([*_records(kept), (number, max(int(at), 0))], key=lambda one: one[1])
    over = sum(one[0] == number for one in found) - MOST_OF_A_KIND
    if over > 0:
        found.remove(next(one for one in found if one[0] == number))
    return _packed(found)


def weighed(kept: bytes, facts: Facts, half_life: float, now: float) -> Marks:
    """The weight of outcomes next to an account's facts. half_life: in days.

    A time ahead of the clock, which was wrong then or is now, is as far from now as one behind it.
    """
    declines = reported_declines(facts, now)
    if not kept:
        return Marks(declines=declines) if declines else NO_MARKS
    lately = [number for number, at in _records(kept) if abs(now - at) < MONTH]
    declines = max(declines, lately.count(_FAILED))
    against = float(max(lately.count(_DECLINED) - declines, 0) * MARKS["declined"][0])
    in_favour = 0.0
    for number, at in _records(kept):
        if number != _DECLINED:
            fade = 0.5 ** (abs(now - at) / (half_life * DAY))
            against += _MARKS[number][0] * fade
            in_favour += _MARKS[number][1] * fade
    return Marks(against if against >= LEAST_MARKS else 0.0, in_favour if in_favour >= LEAST_MARKS else 0.0, declines)


def reported_declines(facts: Facts, now: float) -> int:
    """Declines from billing, until they are older than 30 days."""
    payment = facts.payment
    if payment is None or not payment.declines_30d:
        return 0
    return payment.declines_30d if facts.payment_at is None or abs(now - facts.payment_at) < MONTH else 0


def failures(kept: bytes, now: float) -> int:
    """Return the failed charges of the last 30 days from billing's events."""
    return sum(number == _FAILED and abs(now - at) < MONTH for number, at in _records(kept))


def outcomes(kept: bytes) -> list[tuple[MarkedOutcome, int]]:
    """Return the outcomes of an account with their times, the oldest first."""
    return [(KINDS[number], at) for number, at in _records(kept)]


def is_heavy(kept: bytes, now: float) -> bool:
    """Say whether any outcome counts against the account; a newcomer then does not displace it."""
    return bool(kept) and any(_MARKS[number][0] and abs(now - at) < KEPT for number, at in _records(kept))


def _records(kept: bytes) -> Iterator[tuple[int, int]]:
    """Kind and time of each; kinds of a newer version are skipped."""
    whole = len(kept) - len(kept) % _RECORD.size
    return (one for one in _RECORD.iter_unpack(kept[:whole]) if one[0] < len(KINDS))


def _packed(found: list[tuple[int, int]]) -> bytes:
    return b"".join(_RECORD.pack(*one) for one in found)


class Density:
    """Share of bad accounts learnt by key (a /24, a /48, an ASN), forgotten with a half-life.

    Beta-binomial with a prior worth `strength` accounts at the population's own rate, so that a key with two
    accounts says little. Bounded to `max_keys`, the least informed half dropped when it is full.
    """

    def __init__(self, half_life: float, max_keys: int, strength: float = 5.0) -> None:
        self._half_life = half_life
        self._max_keys = max_keys
        self._strength = strength
        self._counts: dict[int, tuple[float, float, float]] = {}
        self._all = (1.0, 19.0, 0.0)
        self.dirty: DirtySet[int] = DirtySet()

    def __len__(self) -> int:
        return len(self._counts)

    def _now(self, entry: tuple[float, float, float], now: float) -> tuple[float, float]:
        bad, good, at = entry
        fade = 0.5 ** (max(now - at, 0.0) / self._half_life)
        return bad * fade, good * fade

    @property
    def population(self) -> tuple[float, float, float]:
        """Bad and good accounts of the whole population, and when they were counted."""
        return self._all

    def restore(self, population: tuple[float, float, float], counts: dict[int, tuple[float, float, float]]) -> None:
        """Restore the values learnt before a restart."""
        self._all, self._counts = population, counts

    def get(self, key: int) -> tuple[float, float, float] | None:
        """Bad and good accounts counted at a key, and when."""
        return self._counts.get(key)

    def keys(self) -> Iterable[int]:
        return self._counts.keys()

    def learn_all(self, keys: Iterable[int], *, bad: bool, now: float) -> None:
        """Count one account's outcome for the population and for each of its keys."""
        all_bad, all_good = self._now(self._all, now)
        self._all = (max(all_bad, 1.0) + bad, max(all_good, 19.0) + (not bad), now)
        for key in keys:
            if key not in self._counts and len(self._counts) >= self._max_keys:
                self._forget_half()
            known_bad, known_good = self._now(self._counts.get(key, (0.0, 0.0, now)), now)
            self._counts[key] = (known_bad + bad, known_good + (not bad), now)
            self.dirty.add(key)

    def odds(self, key: int, now: float) -> float:
        """Log-odds of a bad account at this key over those of the population; 0 where nothing is known."""
        entry = self._counts.get(key)
        if entry is None:
            return 0.0
        if entry[2] > now:  # learnt before the clock was set back: it begins to fade now
            entry = self._counts[key] = (entry[0], entry[1], now)
            self.dirty.add(key)
        bad, good = self._now(entry, now)
        rate = self._all[0] / (self._all[0] + self._all[1])
        at_key = (bad + self._strength * rate) / (good + self._strength * (1 - rate))
        return math.log(at_key) - math.log(rate / (1 - rate))

    def _forget_half(self) -> None:
        ranked = sorted(self._counts.items(), key=lambda item: item[1][0] + item[1][1])
        self.dirty.add_all(self._counts)
        self._counts = dict(ranked[len(ranked) // 2 :])
