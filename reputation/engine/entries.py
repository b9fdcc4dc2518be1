"""Entries of the two lists of operators: the values that they name, their order, and their look-up by network. Pure.

Exceptions (`exceptions.py`) let pass, denials (`denials.py`) stop. `decider` says which of two entries counts.
"""

from ipaddress import IPv4Network, IPv6Network, ip_network
from socket import AF_INET6, inet_pton
from typing import Annotated, Final, Generic, Protocol, TypeVar

from msgspec import Meta

from geoip.facts import AddressFacts, CarrierError, counted_network
from reputation.wire.errors import Invalid
from reputation.wire.messages import EntryRef

LONGEST: Final = 366 * 86_400.0
MOST: Final = 10_000
"""Entries of one list of a tenant; a tenant with more needs another weight instead."""
WIDEST: Final = {4: 8, 6: 19}
"""Shortest prefix that a network may have, by version: a wider one would be no exception any more."""
CLOCKS_DIFFER: Final = 60.0
"""Seconds that another replica's clock may be ahead."""
MOST_ASN: Final = 4_294_967_295
RANKS: Final = {"account": 0, "organisation": 1, "card": 1, "cluster": 1, "network": 2, "asn": 3}
"""Kinds of entries, the most specific first."""

Reasoned = Annotated[str, Meta(min_length=1, max_length=1024)]


class Ending(Protocol):
    """What the look-up needs to know."""

    @property
    def value(self) -> str:
        """What it names, in canonical form."""

    @property
    def expires(self) -> float:
        """When it ends, in seconds since 1970."""


class Entry(Ending, Protocol):
    """What the order of entries needs to know too."""

    @property
    def kind(self) -> str:
        """One of RANKS."""

    @property
    def at(self) -> float:
        """When it was made, in seconds since 1970."""

    def ref(self) -> EntryRef:
        """Return the entry as a verdict shows it."""


E = TypeVar("E", bound=Ending)
K = TypeVar("K")


def rank_of(entry: Entry) -> tuple[int, int]:
    """Order entries that match one check: the most specific is the least; of two networks the narrower."""
    rank = RANKS[entry.kind]
    return rank, -int(entry.value.rpartition("/")[2]) if rank == RANKS["network"] else 0


def denial_decides(allow: Entry | None, deny: Entry | None) -> bool:
    """Say whether of the most specific exception and denial of a check the denial counts; the exception wins a tie."""
    return deny is not None and (allow is None or rank_of(deny) < rank_of(allow))


class Dated(Protocol):
    @property
    def at(self) -> float:
        """When it was made, in seconds since 1970."""


def is_ahead(entry: Dated, now: float) -> bool:
    """Say whether a clock ahead of this one made an entry."""
    return entry.at > now + CLOCKS_DIFFER


def canonical(kind: str, value: str) -> str:
    """Return the canonical form of a value. Raises Invalid."""
    if kind == "network":
        return _network(value)
    return _asn(value) if kind == "asn" else value


def _network(text: str) -> str:
    try:
        network = ip_network(text)
    except ValueError as error:
        raise Invalid(f"{error}; write a network as 203.0.113.0/24 or 2001:db8::/48", "/value") from None
    _check_width(network)
    try:
        counted = counted_network(network)
    except CarrierError as error:
        raise Invalid(f"{text}: {error}", "/value") from None
    _check_width(counted)
    return str(counted)


def _check_width(network: IPv4Network | IPv6Network) -> None:
    if network.prefixlen < WIDEST[network.version]:
        raise Invalid(f"an entry may not be wider than /{WIDEST[network.version]}; name smaller networks", "/value")


def _asn(text: str) -> str:
    digits = text.upper().removeprefix("AS")
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits[:12]) <= MOST_ASN):
        raise Invalid("an ASN must be a number such as 64500 or AS64500", "/value")
    return str(int(digits))


class Networks(Generic[E]):
    """Entries by network. `sort` comes after the last `add`."""

    def __init__(self) -> None:
        self._v4: dict[int, dict[int, tuple[E, ...]]] = {}
        self._v6: dict[int, dict[int, tuple[E, ...]]] = {}

    def add(self, entry: E) -> None:
        """Add an entry of the kind `network`."""
        network = ip_network(entry.value)
        shift = network.max_prefixlen - network.prefixlen
        table = self._v4 if network.version == 4 else self._v6
        put(table.setdefault(shift, {}), int(network.network_address) >> shift, entry)

    def sort(self) -> None:
        """Bring the narrowest networks to the front: they have the fewest bits to the right."""
        self._v4, self._v6 = dict(sorted(self._v4.items())), dict(sorted(self._v6.items()))

    def find(self, address: AddressFacts, now: float) -> E | None:
        """Return the active entry of the narrowest network with an address."""
        if address.host is None or not (self._v4 or self._v6):
            return None
        if address.host < 1 << 32:  # IPv6 forms that carry an IPv4 address are counted as that address
            tables, number = self._v4, address.host
        else:
            tables, number = self._v6, int.from_bytes(inet_pton(AF_INET6, address.ip))
        for shift, table in tables.items():
            found = active(table.get(number >> shift, ()), now)
            if found is not None:
                return found
        return None


def put(table: dict[K, tuple[E, ...]], key: K, entry: E) -> None:
    """Add an entry to those of a key."""
    table[key] = (*table.get(key, ()), entry)


def active(entries: tuple[E, ...], now: float) -> E | None:
    """Return the first entry that has not ended."""
    for entry in entries:
        if entry.expires > now:
            return entry
    return None
