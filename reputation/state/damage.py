"""Unreadable values in stored state: left out, counted, and named in the log up to a bound."""

from typing import Any

MOST_NAMED = 20
"""Names in the log of one process; the counter goes on."""
LONGEST = 200


class Damage:
    """Records damage of every tenant. `count`: values left out."""

    def __init__(self, log: Any = None) -> None:
        self.count = 0
        self._log = log
        self._named: set[bytes] = set()

    def note(self, what: bytes) -> None:
        """Count an unreadable value; `what` is its key, named once in the log."""
        self.count += 1
        if self._log is None or what in self._named or len(self._named) >= MOST_NAMED:
            return
        self._named.add(what)
        self._log.error(
            "state_damaged", key=what[:LONGEST].decode("utf-8", "replace"), instead="as if it were not there"
        )
