"""Verdict ids: ULIDs for live verdicts; in a replay made of the line number, so two runs give the same."""

import os
from collections.abc import Callable

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_LAST = 0x7FFF
_OF_BYTE = bytes(ord(_ALPHABET[byte & 31]) for byte in range(256))
_DRAWN = 13  # characters of each id that are drawn for it: 65 bits
_AT_ONCE = 512  # ids whose characters are drawn in one call of the system, which costs more than all of the rest

NewId = Callable[[float], str]
"""Gives a verdict's id by the time in seconds."""


def _base32(value: int, pairs: int) -> str:
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(10 * (pairs - 1), -1, -10)])


class Ulids:
    """ULIDs (26 characters): 48 bits of milliseconds, a counter of 15 bits within one, and 65 random bits of its own.

    Counting keeps the ids of one process in the order of their making, up to 32,768 a millisecond. Nobody can guess an
    id from another: the system's random source gives the bits of each.
    """

    def __init__(self) -> None:
        self._count = 0
        self._millisecond = -1
        self._prefix = ""
        self._drawn = ""
        self._used = 0

    def __call__(self, now: float) -> str:
        millisecond = int(now * 1000)
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            self._prefix = _base32(millisecond, 5)
            self._count = -1
        if self._count < _LAST:
            self._count += 1
        start = self._used
        if start >= len(self._drawn):
            self._drawn = os.urandom(_DRAWN * _AT_ONCE).translate(_OF_BYTE).decode()
            start = 0
        self._used = start + _DRAWN
        count = self._count
        return self._prefix + _ALPHABET[count >> 10] + _PAIRS[count & 1023] + self._drawn[start : start + _DRAWN]


def line_id(number: int, at: float) -> str:
    """Make the id of a replay's verdict: the line's own time in milliseconds, and its number, both in hex."""
    return f"{int(at * 1000):012X}{number:014X}"
