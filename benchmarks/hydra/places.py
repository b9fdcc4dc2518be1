"""Where a sender's requests come from: callables from time and a uniform draw to an address.

One call serves one session, so that a session keeps its address. All draws were made when the place was, or
follow from (seed, slot), so that a place asked twice gives the same answer.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from msgspec import Struct

from benchmarks.hydra import networks
from benchmarks.hydra.clock import DAY, START, is_office_hour


class Place(Protocol):
    def __call__(self, at: float, draw: float, /) -> str: ...


class Fixed(Struct, frozen=True):
    address: str

    def __call__(self, _at: float, _draw: float) -> str:
        return self.address


class Pool(Struct, frozen=True):
    """Any of the addresses, drawn again for each session: carrier NAT, commercial VPN, rotating proxies."""

    addresses: Sequence[str]

    def __call__(self, _at: float, draw: float) -> str:
        return self.addresses[int(draw * len(self.addresses))]


class Renewed(Struct, frozen=True):
    """A new address of the pool every `period` seconds: sticky proxies, cloud runners, dynamic home lines."""

    addresses: Sequence[str]
    period: float
    phase: float = 0.0

    def __call__(self, at: float, _draw: float) -> str:
        return self.addresses[int((at + self.phase) / self.period) % len(self.addresses)]


class Churning(Struct, frozen=True):
    """A rotating pool: any of the `width` addresses that are up then; each stays up for `life` seconds."""

    addresses: Sequence[str]
    width: int
    life: float

    def __call__(self, at: float, draw: float) -> str:
        first = int((at - START) / self.life * self.width)
        return self.addresses[(first + int(draw * self.width)) % len(self.addresses)]


class DualStack(Struct, frozen=True):
    """IPv4 as it is, and for `share` of the sessions IPv6 with a privacy address that is new every day."""

    v4: Place
    site: int
    seed: int
    share: float

    def __call__(self, at: float, draw: float) -> str:
        if draw >= self.share:
            return self.v4(at, draw)
        interface = (self.seed * 0x9E3779B97F4A7C15 + int(at / DAY) * 0xD1B54A32D192ED03) % 2**64
        return networks.v6_host(self.site, interface)


class Commute(Struct, frozen=True):
    """At work during local office hours (but for a share of days at home), at home otherwise."""

    work: Place
    home: Place
    offset: float
    at_home: float = 0.2

    def __call__(self, at: float, draw: float) -> str:
        place = self.work if is_office_hour(at + self.offset) and draw >= self.at_home else self.home
        return place(at, (draw * 7919.0) % 1.0)


class Journey(Struct, frozen=True):
    """Legs of (until, place); the last place holds for good."""

    legs: tuple[tuple[float, Place], ...]

    def __call__(self, at: float, draw: float) -> str:
        place = next((place for until, place in self.legs if at < until), self.legs[-1][1])
        return place(at, draw)


def home(rng: np.random.Generator, country: str) -> Place:
    """A fixed line: one address all week for most, a new one each day for some, also IPv6 for some."""
    source = networks.network(rng, "home", country)
    renewed = rng.random() < (0.5 if country == "DE" else 0.12)
    count = 8 if renewed else 1
    addresses = tuple(networks.v4(rng, source) for _ in range(count))
    line: Place = Renewed(addresses, DAY, float(rng.uniform(0, DAY))) if renewed else Fixed(addresses[0])
    site = networks.v6_site(rng, source) if rng.random() < 0.4 else None
    if site is None:
        return line
    return DualStack(line, site, int(rng.integers(2**62)), 0.6)
