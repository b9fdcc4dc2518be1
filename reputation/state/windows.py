"""Sliding windows of members seen with each key: small packed records, bounded for any input.

A million accounts have these, so an entry is a `bytes`: 13 bytes a member instead of a dict of objects. Keys with one
member lie in pages: a dict's entry costs 170 bytes with its key and value objects, and up to four cold cache lines to
read. Here entries lie side by side in pages of some 300 bytes, which `bytes.find` searches in C: 25 bytes an entry, and
two cold lines. Linear hashing (W. Litwin, 1980) splits one page at a time, so no check waits for a table that doubles.
"""

from typing import Final

from reputation.wire.values import i64

RESOLUTION: Final = 1800.0
"""Seconds after which a sighting is written again; the windows are exact to this."""

KEY: Final = 8
TIME: Final = 5
RECORD: Final = 13  # bytes: eight that stand for a member, five of time
FILL: Final = 14
"""Entries of a page on average: more take longer to search, fewer pay more for each page's own header."""
_number: Final = int.from_bytes  # looked up on the class it would be made again each time


class CompactMap:
    """Entries of eight bytes of key and `size` bytes of record, the last five of them its time in seconds.

    About `most` entries: above that the oldest of the page that a newcomer falls into goes, counted in `lost`. Keys
    are spread by Python's secretly keyed hash of bytes, so no client can crowd one page.
    """

    def __init__(self, size: int, most: int) -> None:
        self.lost = 0
        self._entry = KEY + size
        self._most = most
        self._count = 0
        self._slots: list[bytes] = [b""]
        self._half = 1  # pages at the beginning of this round of splits

    def __len__(self) -> int:
        return self._count

    def get(self, key: bytes) -> bytes | None:
        """Find the record of a key."""
        slot = self._slots[self._place(key)]
        at = self._find(slot, key)
        return None if at < 0 else slot[at + KEY : at + self._entry]

    def put(self, key: bytes, record: bytes, since: float) -> None:
        """Store a record, in place of an existing one. Its page drops records older than `since`."""
        place = self._place(key)
        slot = self._without(self._slots[place], key)
        while slot and seconds_at(slot, self._entry - TIME) < since:
            slot = slot[self._entry :]
            self._count -= 1
        if self._count >= self._most and slot:
            slot = slot[self._entry :]
            self._count -= 1
            self.lost += 1
        self._slots[place] = b"".join((slot, key, record))
        self._count += 1
        if self._count > FILL * len(self._slots):
            self._split()

    def drop(self, key: bytes) -> None:
        """Forget a key, if it is there."""
        place = self._place(key)
        self._slots[place] = self._without(self._slots[place], key)

    def _place(self, key: bytes) -> int:
        """Return the page of a key: those after the last one have not been split off yet."""
        spread: i64 = hash(key)
        half: i64 = self._half
        place = spread & (2 * half - 1)
        return place if place < len(self._slots) else spread & (half - 1)

    def _find(self, slot: bytes, key: bytes) -> int:
        """Offset of a key's entry, or -1; matches across an entry's edge are skipped."""
        at = slot.find(key)
        while at >= 0 and at % self._entry:
            at = slot.find(key, at + 1)
        return at

    def _without(self, slot: bytes, key: bytes) -> bytes:
        at = self._find(slot, key)
        if at < 0:
            return slot
        self._count -= 1
        return slot[:at] + slot[at + self._entry :]

    def _split(self) -> None:
        """Move keys of the next page in turn, chosen by their hash, to a new page at the end."""
        turn = len(self._slots) - self._half
        stay: list[bytes] = []
        go: list[bytes] = []
        slot = self._slots[turn]
        for at in range(0, len(slot), self._entry):
            entry = slot[at : at + self._entry]
            (go if hash(entry[:KEY]) & self._half else stay).append(entry)
        self._slots[turn] = b"".join(stay)
        self._slots.append(b"".join(go))
        if len(self._slots) == 2 * self._half:
            self._half *= 2


class FanIn:
    """How many different members each key met within `window` seconds, such as accounts on an address.

    Nearly every key has one member ever: those are in pages, 25 bytes each. Others are in two generations of one
    dict, some 130 bytes each: what is not seen again for a whole window is dropped with the older one. At most
    `max_keys` keys are kept (a flood of new ones shortens the window, counted in `shortened`) and `max_members`
    members a key; a key that full takes a newcomer up at most once in RESOLUTION seconds.
    """

    def __init__(self, window: float, max_keys: int, max_members: int = 64) -> None:
        self.window = window
        self._rotations = 0
        self._half = max_keys // 4
        self._most = max_members
        self._most_single = max_keys - 2 * self._half
        self._single = CompactMap(RECORD, self._most_single)
        self._young: dict[int, bytes] = {}
        self._old: dict[int, bytes] = {}
        self._turn = 0.0
        self._newest = 0.0

    def __len__(self) -> int:
        return len(self._single) + len(self._young) + len(self._old)

    @property
    def shortened(self) -> int:
        """Count how often something was forgotten before its time."""
        return self._rotations + self._single.lost

    def see(self, key: int, member: bytes, now: float) -> int:
        """Note a sighting of `member` (see `name_of`) with `key`, and count the key's members within the window."""
        if now < self._newest - RESOLUTION:
            self._forget()
        self._newest = now
        word = _page_key(key)
        only = self._single.get(word)
        if only is None:
            if key in self._young or key in self._old:
                return self._see_among(key, member, now)
        else:
            age = now - seconds_at(only, KEY)
            if only.startswith(member):
                if age < RESOLUTION:
                    return 1
            elif age < self.window:
                self._join(key, word, only, now)
                return self._see_among(key, member, now)
        self._single.put(word, member + int(now).to_bytes(5, "little"), now - self.window)
        return 1

    def members(self, key: int, now: float) -> set[int]:
        """Return the members of a key within the window, as numbers: `number_of` each."""
        found = self._single.get(_page_key(key))
        if found is None:
            found = self._young.get(key) or self._old.get(key, b"")
        return _within(found, now - self.window)

    def groups(self) -> list[bytes]:
        """Return the packed members of each key with several: for `companions`."""
        young = self._young
        return [*young.values(), *[found for key, found in self._old.items() if key not in young]]

    def _forget(self) -> None:
        """Start again after the clock was set back: sightings with future times would stay until those times."""
        self._rotations += 1
        self._single = CompactMap(RECORD, self._most_single)
        self._young, self._old, self._turn = {}, {}, 0.0

    def _join(self, key: int, word: bytes, only: bytes, now: float) -> None:
        """Move a key from the pages to the dict at its second member."""
        self._single.drop(word)
        self._put(key, only, now)

    def _see_among(self, key: int, member: bytes, now: float) -> int:
        """Note a member of a key with several members.

        The records stand in the order of their times, so the newest is the last and the expired come first.
        """
        members = self._young.get(key)
        is_young = members is not None
        if members is None:
            members = self._old.get(key, b"")
        at = 0 if members.startswith(member) else _find(members, member)
        if at >= 0:
            if is_young and now - _time(members, at) < RESOLUTION:
                return len(members) // RECORD
            members = members[:at] + members[at + RECORD :]
        elif is_young and len(members) >= self._most * RECORD and now - _time(members, -RECORD) < RESOLUTION:
            return self._most
        since = now - self.window
        while members and (len(members) >= self._most * RECORD or _time(members, 0) < since):
            members = members[RECORD:]
        self._put(key, members + member + int(now).to_bytes(5, "little"), now)
        return len(members) // RECORD + 1

    def remember(self, key: int, member: bytes, at: float, now: float) -> None:
        """Note an earlier sighting, in the order of its time, such as one from before a restart."""
        self._turn, at = self._turn or now, min(at, now)
        word = _page_key(key)
        only = self._single.get(word)
        if at < 0 or now - at >= self.window or (only is not None and only.startswith(member)):
            return
        members = self._young.get(key) or self._old.get(key, b"") if only is None else only
        if not members:
            self._single.put(word, member + int(at).to_bytes(5, "little"), now - self.window)
            return
        full = len(members) >= self._most * RECORD or len(self._young) >= self._half
        if full or _find(members, member) >= 0:
            return
        self._single.drop(word)
        place = len(members)
        while place and _time(members, place - RECORD) > at:
            place -= RECORD
        self._young[key] = members[:place] + member + int(at).to_bytes(5, "little") + members[place:]

    def _put(self, key: int, members: bytes, now: float) -> None:
        if len(self._young) >= self._half or now - self._turn >= self.window:
            self._rotations += len(self._young) >= self._half
            self._old, self._young, self._turn = self._young, {}, now
        self._young[key] = members


def name_of(member: str) -> bytes:
    """Return eight bytes to identify a member in this process."""
    return hash(member).to_bytes(8, "little", signed=True)


def number_of(member: str) -> int:
    """Return the number that `name_of` writes."""
    return _number(name_of(member), "little")


def companions(groups: list[bytes], member: bytes, since: float) -> set[int]:
    """Return, as numbers, who was seen with the same key as a member, of groups that a window gave."""
    found: set[int] = set()
    for group in groups:
        if _find(group, member) >= 0:
            found |= _within(group, since)
    found.discard(_number(member, "little"))
    return found


def _within(members: bytes, since: float) -> set[int]:
    starts = range(0, len(members), RECORD)
    return {_number(members[at : at + KEY], "little") for at in starts if _time(members, at) >= since}


def _page_key(key: int) -> bytes:
    """Return a key as eight bytes for a page: the last ones differ most, and `bytes.find` compares these first."""
    return key.to_bytes(8, "big", signed=True) if key < 0 else key.to_bytes(8, "big")


def word_of(key: int) -> bytes:
    """Return a key as eight bytes: a host, which is never negative, or a hash."""
    return key.to_bytes(8, "little", signed=True) if key < 0 else key.to_bytes(8, "little")


def seconds_at(record: bytes, at: int) -> int:
    """Read the five bytes of a time; an integer's `from_bytes` takes a slice and three times as long."""
    low = record[at] | record[at + 1] << 8 | record[at + 2] << 16
    return low | record[at + 3] << 24 | record[at + 4] << 32


def _find(members: bytes, name: bytes) -> int:
    """Offset of a member's record, or -1; matches across a record's edge are skipped."""
    at = members.find(name)
    while at >= 0 and at % RECORD:
        at = members.find(name, at + 1)
    return at


def _time(members: bytes, at: int) -> int:
    """Return the time of the record at an offset, from the end if it is negative."""
    return seconds_at(members, at + KEY if at >= 0 else len(members) + at + KEY)
