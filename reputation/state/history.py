"""Sliding windows of members seen with each key: small packed records, bounded for any input.

A million accounts have these, so an entry is a `bytes`: 13 bytes a member instead of a dict of objects.
"""

import math
import struct
from collections.abc import Iterable
from typing import Final

from reputation.state.compact_map import Pages
from reputation.state.dirty_set import Touched

DAY = 86_400.0
RESOLUTION = 1800.0
"""Seconds after which a sighting is written again; the windows are exact to this."""

RECORD = 13  # bytes: eight that stand for a member, five of time
_VISIT = struct.Struct("<QIHQ")
_WORD = (1 << 64) - 1
_number: Final = int.from_bytes  # looked up on the class it would be made anew each time


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
        self._single = Pages(RECORD, self._most_single)
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
        """Note that `member` (see `name_of`) was seen with `key`, and count the key's members within the window."""
        if now < self._newest - RESOLUTION:
            self._forget()
        self._newest = now
        word = (key & _WORD).to_bytes(8, "little")
        only = self._single.get(word)
        if only is None:
            if key in self._young or key in self._old:
                return self._see_among(key, member, now)
        elif not only.startswith(member) and now - _time(only, 0) < self.window:
            self._join(key, word, only, now)
            return self._see_among(key, member, now)
        elif only.startswith(member) and now - _time(only, 0) < RESOLUTION:
            return 1
        self._single.put(word, member + int(now).to_bytes(5, "little"), now - self.window)
        return 1

    def _forget(self) -> None:
        """Start again after the clock was set back: sightings with future times would stay until those times."""
        self._rotations += 1
        self._single = Pages(RECORD, self._most_single)
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
        word = (key & _WORD).to_bytes(8, "little")
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
    return (hash(member) & _WORD).to_bytes(8, "little")


def _find(members: bytes, name: bytes) -> int:
    """Offset of a member's record, or -1; a match that is not on a record's edge is looked past."""
    at = members.find(name)
    while at >= 0 and at % RECORD:
        at = members.find(name, at + 1)
    return at


def _time(members: bytes, at: int) -> int:
    """Return the time of the record at an offset, from the end if it is negative."""
    start = at + 8 if at >= 0 else len(members) + at + 8
    return _number(members[start : start + 5], "little")


VISIT = _VISIT.size
MOST_VISITS = 16
VISIT_WINDOW = DAY


def visit(recent: bytes, host: int, asn: int | None, country: str | None, now: float) -> bytes:
    """Note an address in an account's packed visits: three counts, then the newest visits first.

    The counts are of different addresses, ASNs and countries within the window, one byte each.

    Returns the same object where nothing had to change, which is the common case.
    """
    key = (host & _WORD).to_bytes(8, "little")
    if recent[3:11] == key and 0 <= now - _number(recent[17:25], "little") < RESOLUTION:
        return recent
    at = _find_visit(recent, key)
    if at > 0 and now - VISIT_WINDOW <= _number(recent[-8:], "little") <= now:
        # an address that is there already and nothing that expired: the counts stay as they are
        moved = recent[at : at + 14] + max(int(now), 0).to_bytes(8, "little")
        return recent[:3] + moved + recent[3:at] + recent[at + VISIT :]
    code = _number(country.encode()[:2], "little") if country else 0
    first = (host & _WORD, asn or 0, code, max(int(now), 0))
    rest = [
        (*v[:3], min(v[3], first[3]))  # a time to come is one from before the clock was set back
        for v in _VISIT.iter_unpack(recent[3:])
        if v[0] != first[0] and v[3] >= now - VISIT_WINDOW
    ]
    visits = [first, *rest[: MOST_VISITS - 1]]
    counts = bytes((len(visits), len({v[1] for v in visits} - {0}), len({v[2] for v in visits} - {0})))
    return counts + b"".join(_VISIT.pack(*v) for v in visits)


def _find_visit(recent: bytes, key: bytes) -> int:
    """Offset of an address's visit, or -1."""
    at = recent.find(key, 3)
    while at >= 0 and (at - 3) % VISIT:
        at = recent.find(key, at + 1)
    return at


class Density:
    """Share of bad accounts learnt by key (a /24, a /48, an ASN), forgotten with a half-life.

    Beta-binomial with a prior worth `strength` accounts at the population's own rate, so that a key with two
    accounts says little. Bounded to `max_keys`, the least informed half dropped when it is full.
    """

    def __init__(self, half_life: float, max_keys: int, strength: float = 5.0) -> None:
        self._half_life = half_life
        self._max_keys = max_keys
        self._strength = strength
        self._counts: dict[int, tuple[float, float, float]] = {}
        self._all = (1.0, 19.0, 0.0)
        self.touched: Touched[int] = Touched()

    def __len__(self) -> int:
        return len(self._counts)

    def _now(self, entry: tuple[float, float, float], now: float) -> tuple[float, float]:
        bad, good, at = entry
        fade = 0.5 ** (max(now - at, 0.0) / self._half_life)
        return bad * fade, good * fade

    @property
    def population(self) -> tuple[float, float, float]:
        """Bad and good accounts of the whole population, and when they were counted."""
        return self._all

    def restore(self, population: tuple[float, float, float], counts: dict[int, tuple[float, float, float]]) -> None:
        """Restore the values learnt before a restart."""
        self._all, self._counts = population, counts

    def get(self, key: int) -> tuple[float, float, float] | None:
        """Bad and good accounts counted at a key, and when."""
        return self._counts.get(key)

    def keys(self) -> Iterable[int]:
        return self._counts.keys()

    def learn_all(self, keys: Iterable[int], *, bad: bool, now: float) -> None:
        """Count one account's outcome for the population and for each of its keys."""
        all_bad, all_good = self._now(self._all, now)
        self._all = (max(all_bad, 1.0) + bad, max(all_good, 19.0) + (not bad), now)
        for key in keys:
            if key not in self._counts and len(self._counts) >= self._max_keys:
                self._forget_half()
            known_bad, known_good = self._now(self._counts.get(key, (0.0, 0.0, now)), now)
            self._counts[key] = (known_bad + bad, known_good + (not bad), now)
            self.touched.add(key)

    def odds(self, key: int, now: float) -> float:
        """Log-odds of a bad account at this key over those of the population; 0 where nothing is known."""
        entry = self._counts.get(key)
        if entry is None:
            return 0.0
        if entry[2] > now:  # learnt before the clock was set back: it begins to fade now
            entry = self._counts[key] = (entry[0], entry[1], now)
            self.touched.add(key)
        bad, good = self._now(entry, now)
        rate = self._all[0] / (self._all[0] + self._all[1])
        at_key = (bad + self._strength * rate) / (good + self._strength * (1 - rate))
        return math.log(at_key) - math.log(rate / (1 - rate))

    def _forget_half(self) -> None:
        ranked = sorted(self._counts.items(), key=lambda item: item[1][0] + item[1][1])
        self.touched.add_all(self._counts)
        self._counts = dict(ranked[len(ranked) // 2 :])


def visited(recent: bytes) -> list[tuple[int, int]]:
    """Hosts and ASNs (0: not known) of an account's packed visits."""
    return [(host, asn) for host, asn, _, _ in _VISIT.iter_unpack(recent[3:])]


def visits(recent: bytes) -> list[tuple[int, int]]:
    """Hosts of an account's packed visits, and when they were seen."""
    return [(host, at) for host, _, _, at in _VISIT.iter_unpack(recent[3:])]
