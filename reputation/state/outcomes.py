"""The outcomes of an account and their times, in a short packed list, and their current weight. Pure.

Marks fade with a half-life; declines count for 30 days, and weigh as an outcome only so far as payment does not count
them already.
"""

import struct
from collections.abc import Iterator
from typing import Literal, NamedTuple

from reputation.wire.known import Facts
from reputation.wire.messages import OutcomeKind

DAY = 86_400.0
MONTH = 30 * DAY
KEPT = 400 * DAY
"""Seconds that an account of which nothing was pushed is remembered for an outcome against it."""
MOST = 32
"""Outcomes of one kind that are kept, the newest: one kind cannot push another out."""
Kind = OutcomeKind | Literal["charge_failed"]
"""An outcome, or a failed charge that billing's events told of, which payment counts."""
KINDS: tuple[Kind, ...] = (
    "chargeback", "declined", "abuse", "good", "challenge_passed", "challenge_failed", "charge_failed",
)  # fmt: skip
"""The place of a kind is what is kept of it, so new ones come at the end."""
MARKS: dict[Kind, tuple[int, int]] = {
    "chargeback": (2, 0),
    "abuse": (2, 0),
    "declined": (1, 0),
    "challenge_failed": (1, 0),
    "challenge_passed": (0, 1),
    "good": (0, 2),
}
"""Marks in halves of an outcome, against and in favour, that each outcome leaves on its account."""
LEAST = 0.25
"""Marks that have faded below this say nothing any more."""

_RECORD = struct.Struct("<BQ")
_MARKS = [MARKS.get(kind, (0, 0)) for kind in KINDS]
_DECLINED, _FAILED = KINDS.index("declined"), KINDS.index("charge_failed")


class Marks(NamedTuple):
    """The present weight of outcomes, in marks; below LEAST it is 0. declines: of 30 days, counted by payment."""

    against: float = 0.0
    in_favour: float = 0.0
    declines: int = 0


NONE = Marks()


def noted(kept: bytes, kind: Kind, at: float) -> bytes:
    """The list with one more outcome, in the order of their times."""
    number = KINDS.index(kind)
    found = sorted([*_records(kept), (number, max(int(at), 0))], key=lambda one: one[1])
    over = sum(one[0] == number for one in found) - MOST
    if over > 0:
        found.remove(next(one for one in found if one[0] == number))
    return _packed(found)


def weighed(kept: bytes, facts: Facts, half_life: float, now: float) -> Marks:
    """The weight of outcomes next to an account's facts. half_life: in days.

    A time ahead of the clock, which was wrong then or is now, is as far from now as one behind it.
    """
    declines = declines_told(facts, now)
    if not kept:
        return Marks(declines=declines) if declines else NONE
    lately = [number for number, at in _records(kept) if abs(now - at) < MONTH]
    declines = max(declines, lately.count(_FAILED))
    against = float(max(lately.count(_DECLINED) - declines, 0) * MARKS["declined"][0])
    in_favour = 0.0
    for number, at in _records(kept):
        if number != _DECLINED:
            fade = 0.5 ** (abs(now - at) / (half_life * DAY))
            against += _MARKS[number][0] * fade
            in_favour += _MARKS[number][1] * fade
    return Marks(against if against >= LEAST else 0.0, in_favour if in_favour >= LEAST else 0.0, declines)


def declines_told(facts: Facts, now: float) -> int:
    """Declines from billing, until they are older than 30 days."""
    payment = facts.payment
    if payment is None or not payment.declines_30d:
        return 0
    return payment.declines_30d if facts.payment_at is None or abs(now - facts.payment_at) < MONTH else 0


def failures(kept: bytes, now: float) -> int:
    """Return the failed charges of the last 30 days from billing's events."""
    return sum(number == _FAILED and abs(now - at) < MONTH for number, at in _records(kept))


def is_heavy(kept: bytes, now: float) -> bool:
    """Say whether any outcome counts against the account; a newcomer then does not displace it."""
    return bool(kept) and any(_MARKS[number][0] and abs(now - at) < KEPT for number, at in _records(kept))


def _records(kept: bytes) -> Iterator[tuple[int, int]]:
    """Kind and time of each; one that a newer version knows alone is left."""
    whole = len(kept) - len(kept) % _RECORD.size
    return (one for one in _RECORD.iter_unpack(kept[:whole]) if one[0] < len(KINDS))


def _packed(found: list[tuple[int, int]]) -> bytes:
    return b"".join(_RECORD.pack(*one) for one in found)
