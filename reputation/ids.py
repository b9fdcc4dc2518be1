"""Verdict ids: ULIDs for live verdicts, made of the line number in a replay, so that two runs give the same."""

import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_RANDOM_BITS = 80


def _base32(value: int, pairs: int) -> str:
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(10 * (pairs - 1), -1, -10)])


class Ulids:
    """ULIDs (26 characters): 48 bits of milliseconds, then 80 that start at random and count up.

    Counting keeps ids of one process different and sorted, and costs less than drawing each.
    """

    def __init__(self) -> None:
        self._counter = secrets.randbits(_RANDOM_BITS - 1)
        self._millisecond = -1
        self._prefix = ""

    def __call__(self, now: float) -> str:
        millisecond = int(now * 1000)
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            self._prefix = _base32(millisecond, 5)
        self._counter = (self._counter + 1) & ((1 << _RANDOM_BITS) - 1)
        return self._prefix + _base32(self._counter, 8)


def line_id(number: int, at: float) -> str:
    """Make the id of a replay's verdict: the line's own time, and its number."""
    return _base32(int(at * 1000), 5) + _base32(number, 8)
