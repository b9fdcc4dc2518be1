"""What honest people and hydras have in common: carriers' egress addresses, VPN exits, proxy exits."""

from pathlib import Path

import numpy as np
from msgspec import Struct

from benchmarks.hydra import networks, people

VPN_PROVIDERS = 4
PROXY_FILE = "proxy_exits_2025-09.txt"
CARRIER_EXITS = (
    0.04  # share of residential proxy exits that are phones behind a carrier's NAT, shared with honest users
)


class Ground(Struct, frozen=True):
    """carriers: country -> regions -> addresses; vpn: exits by provider; exits: of proxy networks."""

    carriers: dict[str, list[list[str]]]
    vpn: list[list[str]]
    exits: list[str]


def lay(rng: np.random.Generator, honest: int, exits: int, data: Path | None = None) -> Ground:
    """Draw it for a world of so many honest accounts; `exits`: addresses that proxy networks may use.

    With `data` the exits are those of its list of verified ones, drawn without repeats as far as it reaches.
    """
    carriers = people.carrier_pools(rng, max(300, honest // 4))
    vpn = [networks.v4_block(rng, networks.network(rng, "vpn"), max(12, honest // 100)) for _ in range(VPN_PROVIDERS)]
    listed = networks.listed_exits(data / PROXY_FILE) if data and (data / PROXY_FILE).exists() else []
    found = [listed[int(i)] for i in rng.permutation(len(listed))[:exits]]
    found += networks.drawn_exits(rng, exits - len(found))
    phones = [address for regions in carriers.values() for pool in regions for address in pool]
    for slot in np.flatnonzero(rng.random(exits) < CARRIER_EXITS).tolist():
        found[slot] = phones[int(rng.integers(len(phones)))]
    return Ground(carriers, vpn, found)
