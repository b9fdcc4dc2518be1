"""A map from eight bytes to a short dated record, in a seventh of a dict's memory; it grows without a pause.

A dict's entry costs 170 bytes with its key and value objects, and up to four cold cache lines to read. Here entries lie
side by side in pages of some 300 bytes, which `bytes.find` searches in C: 25 bytes an entry, and two cold lines.
Linear hashing (W. Litwin, 1980) splits one page at a time, so no check waits for a table that doubles.
"""

from typing import Final

FILL = 14
"""Entries of a page on average: more take longer to search, fewer pay more for each page's own header."""
KEY = 8
TIME = 5
_number: Final = int.from_bytes  # looked up on the class it would be made anew each time


class Pages:
    """Entries of eight bytes of key and `size` bytes of record, the last five of them its time in seconds.

    About `most` entries: above that the oldest of the page that a newcomer falls into goes, counted in `lost`. Keys
    are spread by Python's secretly keyed hash of bytes, so nobody outside can crowd one page.
    """

    def __init__(self, size: int, most: int) -> None:
        self.lost = 0
        self._entry = KEY + size
        self._most = most
        self._count = 0
        self._pages: list[bytes] = [b""]
        self._half = 1  # pages at the beginning of this round of splits

    def __len__(self) -> int:
        return self._count

    def get(self, key: bytes) -> bytes | None:
        """Find the record of a key."""
        page = self._pages[self._place(key)]
        at = self._find(page, key)
        return None if at < 0 else page[at + KEY : at + self._entry]

    def put(self, key: bytes, record: bytes, since: float) -> None:
        """Store a record, in place of an existing one. Its page drops records older than `since`."""
        place = self._place(key)
        page = self._without(self._pages[place], key)
        while page and _number(page[self._entry - TIME : self._entry], "little") < since:
            page = page[self._entry :]
            self._count -= 1
        if self._count >= self._most and page:
            page = page[self._entry :]
            self._count -= 1
            self.lost += 1
        self._pages[place] = b"".join((page, key, record))
        self._count += 1
        if self._count > FILL * len(self._pages):
            self._split()

    def drop(self, key: bytes) -> None:
        """Forget a key, if it is there."""
        place = self._place(key)
        self._pages[place] = self._without(self._pages[place], key)

    def _place(self, key: bytes) -> int:
        """Return the page of a key: those after the last one have not been split off yet."""
        spread = hash(key)
        place = spread & (2 * self._half - 1)
        return place if place < len(self._pages) else spread & (self._half - 1)

    def _find(self, page: bytes, key: bytes) -> int:
        """Offset of a key's entry, or -1; a match that is not on an entry's edge is looked past."""
        at = page.find(key)
        while at >= 0 and at % self._entry:
            at = page.find(key, at + 1)
        return at

    def _without(self, page: bytes, key: bytes) -> bytes:
        at = self._find(page, key)
        if at < 0:
            return page
        self._count -= 1
        return page[:at] + page[at + self._entry :]

    def _split(self) -> None:
        """Move the keys of the next page in turn whose hash says so to a new page at the end."""
        turn = len(self._pages) - self._half
        stay: list[bytes] = []
        go: list[bytes] = []
        page = self._pages[turn]
        for at in range(0, len(page), self._entry):
            entry = page[at : at + self._entry]
            (go if hash(entry[:KEY]) & self._half else stay).append(entry)
        self._pages[turn] = b"".join(stay)
        self._pages.append(b"".join(go))
        if len(self._pages) == 2 * self._half:
            self._half *= 2
