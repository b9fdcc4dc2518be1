"""An expiring map: recent values by name, in bounded memory."""

from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """Values that stay for at least `window` seconds and at most twice that, unless more than `most` come.

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

    def newest(self, most: int) -> list[V]:
        """Up to `most` values, newest first."""
        values = [value for _, value in self._old.values()] + [value for _, value in self._young.values()]
        return values[: -most - 1 : -1]
