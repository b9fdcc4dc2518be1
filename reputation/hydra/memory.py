"""The bytes of a linker's memory: what names and columns take, and where there is room for more.

What a name takes is estimated: its own size, and what a dictionary, a list and a number take for it. Columns are
counted as they are. docs/reliability.md has the resident memory that was measured for it.
"""

from collections.abc import Hashable

A_NAME = 160
"""Bytes of a name's places in a dictionary and a list, and of its number, besides the name itself."""
OF_TEXT = 56
"""Bytes of a text without its characters, and of any other single value."""
A_SIGHTING = 4096
"""Bytes that a sighting of an account and of values that nobody has seen before takes."""
TIGHT = 0.5
"""The part of the room that made-up accounts may fill: from there on only confirmed ones bring anything new."""


class Memory:
    """The bytes that one ledger takes. most: how many it may take; 0 for no bound.

    left_out: names, accounts and pairs that found no room. columns: as they were counted last.
    """

    def __init__(self, most: int = 0) -> None:
        self.most = most
        self.names = 0
        self.columns = 0
        self.left_out = 0

    @property
    def used(self) -> int:
        return self.names + self.columns

    @property
    def is_full(self) -> bool:
        return 0 < self.most <= self.used

    @property
    def is_tight(self) -> bool:
        """Whether what accounts brings that nobody has confirmed is left out."""
        return 0 < self.most * TIGHT <= self.used

    @property
    def at_once(self) -> int:
        """Sightings to take in between two looks at the room, an eighth of it at most; 0 for any number."""
        return max(self.most // (8 * A_SIGHTING), 1) if self.most else 0

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more fit."""
        return not self.most or self.used + size <= self.most

    def take(self, name: Hashable) -> bool:
        """Make room for a name; else count it as left out."""
        if self.is_full:
            self.left_out += 1
            return False
        self.names += size_of(name)
        return True

    def give_back(self, name: Hashable) -> None:
        """Let a name's room go."""
        self.names -= size_of(name)


def size_of(name: Hashable) -> int:
    """Bytes of a name with its places, the same at each call."""
    if isinstance(name, str):
        return A_NAME + OF_TEXT + len(name) * (1 if name.isascii() else 4)
    return A_NAME + (sum(map(size_of, name)) if isinstance(name, tuple) else OF_TEXT)
