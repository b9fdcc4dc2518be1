"""Addresses inside real networks: who announces what, and draws of single addresses from it."""

import csv
import ipaddress
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from msgspec import Struct

Kind = Literal["home", "mobile", "hosting", "vpn", "education", "business", "exit"]
TABLE = Path(__file__).with_name("networks.csv")

# Of 40,000 proxy exits verified in September 2025, 39% shared their /24 with another, and those /24s
# were an eighth as many as the exits; the built-in draw keeps both.
DENSE_SHARE, DENSE_NETWORKS = 0.39, 0.12


class Network(Struct, frozen=True):
    """One ASN's part of a country's users of one kind. v4, v6: (first address, prefix length)."""

    kind: Kind
    country: str
    asn: int
    share: int
    exits: int
    v4: tuple[tuple[int, int], ...]
    v6: tuple[tuple[int, int], ...]


def _parsed(row: dict[str, str]) -> Network:
    nets = [ipaddress.ip_network(text) for text in row["networks"].split()]
    kind = next(kind for kind in get_args(Kind) if kind == row["kind"])
    four, six = ([n for n in nets if n.version == v] for v in (4, 6))
    return Network(
        kind,
        row["country"],
        int(row["asn"]),
        int(row["share"]),
        int(row["exits"]),
        tuple((int(n.network_address), n.prefixlen) for n in four),
        tuple((int(n.network_address), n.prefixlen) for n in six),
    )


@cache
def table() -> tuple[Network, ...]:
    with TABLE.open(encoding="utf-8") as rows:
        return tuple(map(_parsed, csv.DictReader(rows)))


@cache
def _candidates(kind: Kind, country: str) -> tuple[tuple[Network, ...], tuple[float, ...]]:
    of_kind = [n for n in table() if n.kind == kind and n.share]
    found = [n for n in of_kind if n.country == country] or of_kind
    total = sum(n.share for n in found)
    return tuple(found), tuple(n.share / total for n in found)


def network(rng: np.random.Generator, kind: Kind, country: str = "") -> Network:
    """A network of that kind by its share of the country's users; of any country where the table has none."""
    found, shares = _candidates(kind, country)
    return found[int(rng.choice(len(found), p=shares))]


def holder(address: str) -> Network | None:
    """The network of the table that an IPv4 address lies in."""
    found = ipaddress.ip_address(address)
    if found.version == 6:
        return None
    return next((n for n in table() if any(int(found) >> (32 - b) == a >> (32 - b) for a, b in n.v4)), None)


def dotted(value: int) -> str:
    return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"


def _prefix(rng: np.random.Generator, prefixes: Sequence[tuple[int, int]], bits: int) -> tuple[int, int]:
    sizes = np.array([2.0 ** (bits - length) for _, length in prefixes])
    return prefixes[int(rng.choice(len(prefixes), p=sizes / sizes.sum()))]


def v4(rng: np.random.Generator, source: Network) -> str:
    """An address of the network, each as likely; never .0 or .255."""
    first, length = _prefix(rng, source.v4, 32)
    value = first + int(rng.integers(1 << (32 - length)))
    return dotted(value if 0 < value & 255 < 255 else value ^ 1 ^ (value & 2))


def v4_block(rng: np.random.Generator, source: Network, count: int) -> list[str]:
    """Addresses that lie together in as few /24s as they fit in, as a provider's egress addresses do."""
    addresses: list[str] = []
    while len(addresses) < count:
        stem = v4(rng, source).rsplit(".", 1)[0]
        hosts = rng.permutation(np.arange(1, 255))[: min(count - len(addresses), 60)]
        addresses.extend(f"{stem}.{host}" for host in hosts)
    return addresses


def v6_site(rng: np.random.Generator, source: Network) -> int | None:
    """The first address of a customer's /64, or None where the network has no IPv6 in the table."""
    if not source.v6:
        return None
    first, length = source.v6[int(rng.integers(len(source.v6)))]
    free = max(0, 64 - length)
    return first + (int(rng.integers(0, 1 << min(free, 62))) << 64)


def v6_host(site: int, interface: int) -> str:
    """An address in a /64: the privacy addresses of one home differ in the last 64 bits alone."""
    return str(ipaddress.IPv6Address(site | (interface & (2**64 - 1))))


def listed_exits(path: Path) -> list[str]:
    """Addresses of a list of verified proxy exits, one a line."""
    return path.read_text(encoding="ascii").split()


def drawn_exits(rng: np.random.Generator, count: int) -> list[str]:
    """Exits as the list of September 2025 has them: by ASN, and as crowded in their /24s."""
    known = [n for n in table() if n.exits]
    weights = np.array([float(n.exits) for n in known])
    picks = rng.choice(len(known), size=count, p=weights / weights.sum())
    crowded = rng.random(count) < DENSE_SHARE
    stems: dict[tuple[int, int], str] = {}
    found = []
    for pick, crowd in zip(picks.tolist(), crowded.tolist(), strict=True):
        slot = (pick, int(rng.integers(max(1, round(known[pick].exits * DENSE_NETWORKS)))))
        if not crowd:
            found.append(v4(rng, known[pick]))
            continue
        stem = stems.setdefault(slot, v4(rng, known[pick]).rsplit(".", 1)[0])
        found.append(f"{stem}.{int(rng.integers(1, 255))}")
    return found
