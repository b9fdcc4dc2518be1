"""The machine's clock, and its steps (set by a person or by NTP) while this process runs."""

import threading
import time
from collections.abc import Callable

STEP = 0.5
"""Seconds from which on a difference is a step; smaller ones are left to what reads the time."""
STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""A clock that cannot be set. Linux has one that goes on while the machine is suspended."""


def steady() -> float:
    return time.clock_gettime(STEADY)


class Clock:
    """Seconds since 1970. `moved` is called with each step, in seconds, before any caller gets the time after it.

    Facts, days and expiries are of the world, so they follow the machine's clock. What was earned or used since a
    moment ago is not, so such moments are moved by the step: then as much time passed as really did.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = steady) -> None:
        self.moved: list[Callable[[float], object]] = []
        self.steps = 0
        self._wall = wall
        self._steady = steady
        self._thread = threading.get_ident()
        self._offset = self._difference()

    def __call__(self) -> float:
        wall = self._wall()
        if abs(wall - self._steady() - self._offset) < STEP or threading.get_ident() != self._thread:
            return wall
        return self._look()

    def _look(self) -> float:
        """Compare the clocks again: a delay of the process between two readings looks like a step."""
        offset = self._difference()
        step, self._offset = offset - self._offset, offset
        if abs(step) >= STEP:
            self.steps += 1
            for moved in self.moved:
                moved(step)
        return self._wall()

    def _difference(self) -> float:
        """The wall clock minus the steady clock."""
        while True:
            before = self._steady()
            wall = self._wall()
            if abs(self._steady() - before) < STEP / 5:
                return wall - before
