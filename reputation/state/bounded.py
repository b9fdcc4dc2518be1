"""A bounded table: a newcomer gets a place if one of the entries it examines may leave."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

LOOKED_AT = 16
"""Entries that a newcomer to a full table looks at, in turn, so that no request waits for a sweep of all of them."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedTable(Generic[K, V]):
    """Values by key, in turns. The caller keeps the bound: it asks `is_full` before `place`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.rows: dict[K, V] = {}
        self._turns: deque[K] = deque()

    def __len__(self) -> int:
        return len(self.rows)

    def is_full(self) -> bool:
        return len(self.rows) >= self.most

    def place(self, key: K, value: V) -> None:
        """Take a value in, independent of the bound."""
        self.rows[key] = value
        self._turns.append(key)
        if len(self._turns) > 2 * len(self.rows) + LOOKED_AT:  # most of them have left
            self._turns = deque(self.rows)

    def leave(self, key: K) -> V | None:
        return self.rows.pop(key, None)

    def clear(self) -> None:
        self.rows.clear()
        self._turns.clear()

    def look(self) -> list[K]:
        """Return the next keys in turn; each goes to the end of the line, once if it stood there twice."""
        seen: dict[K, None] = {}
        for _ in range(min(LOOKED_AT, len(self._turns))):
            key = self._turns.popleft()
            if key in self.rows:
                seen[key] = None
        self._turns.extend(seen)
        return list(seen)

    def make_place(self, may_leave: Callable[[V, float], bool], now: float) -> list[K]:
        """Remove the next removable entries in turn, and return their keys."""
        gone = [key for key in self.look() if may_leave(self.rows[key], now)]
        for key in gone:
            del self.rows[key]
        return gone
