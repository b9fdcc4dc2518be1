"""The embedded database read the other way round: from a kind, a country or an AS to networks and addresses
in them.

For simulations and benchmarks that want addresses such as real clients have. One pass over the IPv4 half
takes two seconds, so take what you need in one pass and keep it.
"""

from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import maxminddb

from geoip.book import EMBEDDED
from geoip.facts import Kind
from geoip.layouts import OUR_LAYOUT, OURS, find
from geoip.readers import DatabaseError


class Network(NamedTuple):
    """The addresses from first to last, both included, as numbers; and their common facts."""

    version: int
    first: int
    last: int
    asn: int | None
    organisation: str | None
    country: str | None
    kind: Kind | None

    @property
    def size(self) -> int:
        return self.last - self.first + 1


def networks(
    wanted: Callable[[Network], bool] = lambda _: True, *, version: int = 4, path: Path = EMBEDDED
) -> Iterator[Network]:
    """The networks of one IP version accepted by `wanted`, in the order of their addresses.

    For example `networks(lambda n: n.kind == "mobile" and n.country == "DE")` or `networks(lambda n: n.asn in
    asns)`.
    """
    known: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    with maxminddb.open_database(path) as reader:
        if reader.metadata().database_type != OURS:
            raise DatabaseError(path, f"only {OURS} files, such as geoip build makes, can be read by network")
        for net, record in reader:
            if net.version > version:  # IPv4 comes first
                return
            if net.version == version:
                first = int(net.network_address)
                last = first + (1 << net.max_prefixlen - net.prefixlen) - 1
                network = Network(version, first, last, *_facts(record, known))
                if wanted(network):
                    yield network


def _facts(record: Any, known: dict[tuple[Any, ...], tuple[Any, ...]]) -> tuple[Any, ...]:
    """The facts of a record, remembered: many networks share one, and reading it costs more than finding
    it."""
    system = record.get("as", record)
    key = (system.get("asn"), record.get("country"), record.get("kind"))
    facts = known.get(key)
    if facts is None:
        found = find(OUR_LAYOUT, record)
        facts = tuple(found.get(fact) for fact in ("asn", "organisation", "country", "kind"))
        known[key] = facts
    return facts


class Draw:
    """Draws addresses evenly from networks: a network twice as large is drawn from twice as often."""

    def __init__(self, among: Sequence[Network]) -> None:
        if not among:
            raise ValueError("no network to draw from")
        self._among = among
        self._ends = list(accumulate(network.size for network in among))

    def address(self, random: Random) -> str:
        """One address, as text."""
        place = random.randrange(self._ends[-1])
        network = self._among[bisect(self._ends, place)]
        value = network.first + random.randrange(network.size)
        return str(IPv4Address(value) if network.version == 4 else IPv6Address(value))
