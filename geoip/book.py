"""The address book: the only interface to facts about addresses for the rest of the program."""

from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

from geoip.facts import Address, AddressFacts, Kind, known_facts, parse, plain_facts
from geoip.layouts import Found
from geoip.readers import BROKEN, SLOW_READER, Database, DatabaseError, open_database

EMBEDDED: Final = Path(str(files("geoip"))) / "data" / "headcount.mmdb"  # compiled, __file__ is not where this stands
CACHE_SIZE: Final = 65536
"""Addresses kept ready; about 440 bytes each, so 29 MB when full."""
AGED_EVERY: Final = 3600.0
"""Seconds between two looks at how old the databases are."""

# Where databases disagree, a kind that hides who is behind the address tells more than the sort of its
# network: a VPN exit stands in a hosting network. Next the surer one counts, then the order of this table.
_RANK: Final[dict[Kind, int]] = {
    "tor": 18,
    "vpn": 17,
    "proxy": 16,
    "relay": 15,
    "hosting": 4,
    "mobile": 3,
    "education": 2,
    "business": 1,
    "residential": 0,
}
_HIDES: Final = 10
_OUTDATED: Final = 0.5
"""Freshness below which a kind that hides people has no precedence any more: addresses change hands."""


class Loaded(NamedTuple):
    """The result of `load`. Either errors or databases is empty."""

    databases: tuple[Database, ...]
    errors: tuple[DatabaseError, ...]


def load(paths: Sequence[Path | str], embedded: Path | None = EMBEDDED) -> Loaded:
    """Open every file, the embedded one last; all or none.

    It changes nothing that is in use, so a program that must not wait can call it in a thread and `swap`
    afterwards. The embedded file belongs to the package and is not copied into memory.
    """
    opened: list[Database] = []
    errors: list[DatabaseError] = []
    wanted = [(Path(path), False) for path in paths] + ([(embedded, True)] if embedded else [])
    for path, is_embedded in wanted:
        try:
            opened.append(open_database(path, embedded=is_embedded))
        except DatabaseError as error:
            errors.append(error)
    if errors:
        _close(opened)
        return Loaded((), tuple(errors))
    return Loaded(tuple(opened), ())


class _Cache:
    """A cache with first in, first out: a hit costs half as much as with least recently used
    (`python -m tools.lookup_timing`), and an evicted address costs one look-up. It is a dict with a ring of its keys:
    an insertion into a full cachetools.FIFOCache takes longer than the look-up of the address.
    """

    def __init__(self, size: int) -> None:
        self.kept: dict[str, AddressFacts] = {}
        self._size = size
        self._ring: list[str] = []
        self._turn = 0

    def __len__(self) -> int:
        return len(self.kept)

    def put(self, ip: str, facts: AddressFacts) -> None:
        """Store a new entry."""
        if len(self._ring) < self._size:
            self._ring.append(ip)
        else:
            del self.kept[self._ring[self._turn]]
            self._ring[self._turn] = ip
            self._turn = (self._turn + 1) % self._size
        self.kept[ip] = facts

    def clear(self) -> None:
        self.kept.clear()
        self._ring.clear()
        self._turn = 0


class AddressBook:
    """Text of an address in, facts out, with a bounded cache in front.

    Databases earlier in the order win, fact by fact; of kinds of network the most telling wins.

    failures: look-ups that met a corrupt place in a database, since the start; such a look-up knows what the
    other databases know.
    """

    def __init__(self, databases: Iterable[Database] = (), now: float = 0.0, cache_size: int = CACHE_SIZE) -> None:
        self._cache = _Cache(cache_size)
        self._databases: tuple[tuple[Database, float], ...] = ()
        self._aged = 0.0
        self.failures = 0
        self.swap(databases, now)

    @classmethod
    def open(
        cls,
        paths: Sequence[Path | str] = (),
        now: float = 0.0,
        embedded: Path | None = EMBEDDED,
        cache_size: int = CACHE_SIZE,
    ) -> "AddressBook":
        """Open a book on these files. Raises DatabaseError for the first unusable file."""
        loaded = load(paths, embedded)
        if loaded.errors:
            raise loaded.errors[0]
        return cls(loaded.databases, now, cache_size)

    def lookup(self, ip: str) -> AddressFacts:
        """Return the facts about an address, in any form accepted by `geoip.facts.parse`. Never raises."""
        facts = self._cache.kept.get(ip)
        if facts is None:
            facts = self._look_up(ip)
            if facts.host is not None:  # malformed text is never kept, so it pushes nothing out
                self._cache.put(ip, facts)
        return facts

    def reload(
        self, paths: Sequence[Path | str], now: float, embedded: Path | None = EMBEDDED
    ) -> tuple[DatabaseError, ...]:
        """Use these files from now on. If any of them cannot be used nothing changes, and the errors come
        back."""
        loaded = load(paths, embedded)
        if not loaded.errors:
            self.swap(loaded.databases, now)
        return loaded.errors

    def swap(self, databases: Iterable[Database], now: float) -> None:
        """Replace the current databases with open ones, and close the old ones."""
        previous = [database for database, _ in self._databases]
        self._databases = tuple((database, database.freshness(now)) for database in databases)
        self._aged = now
        self._cache.clear()
        _close(database for database in previous if database not in self.databases)

    def age(self, now: float) -> None:
        """Update the freshness of each database, if an hour has passed since the last update."""
        if 0.0 <= now - self._aged < AGED_EVERY:
            return
        self._aged = now
        judged = tuple((database, database.freshness(now)) for database in self.databases)
        if judged != self._databases:
            self._databases = judged
            self._cache.clear()

    @property
    def databases(self) -> tuple[Database, ...]:
        return tuple(database for database, _ in self._databases)

    @property
    def stale(self) -> tuple[Database, ...]:
        return tuple(database for database, freshness in self._databases if freshness < 1.0)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return warnings for the operator at the start."""
        slow = any(not database.is_fast for database in self.databases)
        return (SLOW_READER,) if slow else ()

    def _look_up(self, ip: str) -> AddressFacts:
        address = parse(ip)
        return plain_facts(ip) if address is None else self._gather(address)

    def _gather(self, address: Address) -> AddressFacts:
        known: Found = {}
        for database, freshness in self._databases:
            try:
                found = database.find(address)
            except BROKEN:
                self.failures += 1
                continue
            if found and freshness < 1.0:
                found = {**found, "stale": True, "asn_freshness": freshness, "kind_freshness": freshness}
            if not known:  # mostly one database knows it all
                known = found
            elif found:
                known = _together(known, found)
        return known_facts(address, known)


def _together(known: Found, found: Found) -> Found:
    """Add one database's facts to the facts of earlier databases."""
    both = {**found, **known}
    kind = known
    if "kind" in found and ("kind" not in known or _weight(found) > _weight(known)):
        kind = found
        both["kind"], both["kind_confidence"] = found["kind"], found["kind_confidence"]
    both["kind_freshness"] = kind.get("kind_freshness", 1.0)
    both["asn_freshness"] = (known if "asn" in known else found).get("asn_freshness", 1.0)
    both["stale"] = known.get("stale", False) or found.get("stale", False)
    return both


def _weight(found: Found) -> tuple[bool, float, int]:
    rank, freshness = _RANK[found["kind"]], found.get("kind_freshness", 1.0)
    return rank > _HIDES and freshness >= _OUTDATED, found["kind_confidence"] * freshness, rank


def _close(databases: Iterable[Database]) -> None:
    for database in databases:
        database.reader.close()
