"""Verdict ids: ULIDs for live verdicts, made of the line number in a replay, so that two runs give the same."""

import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


def _base32(value: int, pairs: int) -> str:
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(10 * (pairs - 1), -1, -10)])


class Ulids:
    """ULIDs (26 characters): 48 bits of milliseconds, 60 random ones, and 20 that count up.

    Counting keeps the ids of one process different and in order, and costs less than drawing each.
    """

    def __init__(self) -> None:
        self._count = 0
        self._millisecond = -1
        self._prefix = ""
        self._random = ""

    def __call__(self, now: float) -> str:
        millisecond = int(now * 1000)
        count = self._count = (self._count + 1) & 0xFFFFF
        if millisecond != self._millisecond or not count:
            if not count or not self._random:
                self._random = _base32(secrets.randbits(60), 6)
            self._millisecond = millisecond
            self._prefix = _base32(millisecond, 5) + self._random
        return self._prefix + _PAIRS[count >> 10] + _PAIRS[count & 1023]


def line_id(number: int, at: float) -> str:
    """Make the id of a replay's verdict: the line's own time in milliseconds, and its number, both in hex."""
    return f"{int(at * 1000):012X}{number:014X}"
