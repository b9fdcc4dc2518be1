"""What happened a short while ago, by name, in bounded memory."""

from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """Values that stay for at least `window` seconds and at most twice that, unless more than `most` come.

    Two generations of a dict: the older one is dropped whole, so nothing is paid for each value. What a flood
    pushes out early is counted in `lost`.
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
        return found[1] if found is not None and now - found[0] <= self._window else None

    def put(self, key: Hashable, value: V, now: float) -> None:
        """Keep a value from `now` on."""
        full = len(self._young) >= self._half
        if full or now - self._turn > self._window:
            self.lost += len(self._old) if full and now - self._turn <= self._window else 0
            self._old, self._young, self._turn = self._young, {}, now
        self._young[key] = (now, value)

    def newest(self, most: int) -> list[V]:
        """Up to `most` values, newest first."""
        values = [value for _, value in self._old.values()] + [value for _, value in self._young.values()]
        return values[: -most - 1 : -1]
