"""Honest people whose handshake is not that of their browser: something on the way opens their connections.

Each class is drawn from its description alone, before any detector was run on it, and not to be tuned to one.
"""

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from benchmarks.hydra import fingerprints, networks, people, places
from benchmarks.hydra.clock import DAY
from benchmarks.hydra.fingerprints import Client
from benchmarks.hydra.ground import Ground
from benchmarks.hydra.lookalikes import EVENING, FREE, SEAT_MEDIAN, blocks, member
from benchmarks.hydra.model import Made, local
from benchmarks.hydra.places import Place, Pool, Renewed

Rng = np.random.Generator

PRODUCTS = (fingerprints.odd_ja4(200_000), fingerprints.odd_ja4(200_001), fingerprints.GO_NEXT)
"""Handshakes of three products that filter what a computer loads. The third is written in Go."""
MARKET = (0.55, 0.25, 0.2)
TUNNELLED = 0.12  # of their users use the tunnel that comes with the product, whose exits are in many countries


def _opened(client: Client, ja4: str) -> Client:
    return replace(client, ja4=ja4, resumed=ja4)


def antivirus(_ground: Ground, rng: Rng, count: int) -> Made:
    """Users of three products that read what their computer loads, of all countries and ages; some use its tunnel."""
    tunnel = [networks.v4(rng, networks.network(rng, "vpn")) for _ in range(24)]
    for _ in range(count):
        where, daily = people.country(rng), people.heavy(rng, SEAT_MEDIAN)
        created = people.joined(rng, where, 0.12)
        owner = people.account(rng, "antivirus", where, created, paid=people.pays(rng, daily, -1.0))
        product = PRODUCTS[int(rng.choice(len(PRODUCTS), p=MARKET))]
        kind = "terminal" if rng.random() < 0.2 else "desktop"
        line: Place = Pool(tunnel) if rng.random() < TUNNELLED else places.home(rng, where)
        desk = people.sender(rng, owner, line, kind, local(EVENING, daily, where), 0.0)
        desk.clients = (_opened(desk.clients[0], product),)
        phone = people.sender(rng, owner, places.home(rng, where), "phone", local(EVENING, 0.4 * daily, where), 0.0)
        yield owner, [desk, phone] if rng.random() < 0.3 else [desk]


def inspected(_ground: Ground, rng: Rng, count: int) -> Made:
    """A company of 120 in three countries whose connections a gateway in the cloud opens: free accounts of all ages."""
    for size in blocks(count, 120):
        homes = [str(where) for where in rng.choice(list(people.COUNTRIES), 3, replace=False)]
        sites = [networks.v4_block(rng, networks.network(rng, "hosting", where), 3) for where in homes]
        exits = [near[n] for n in range(3) for near in sites]
        ja4, domain = fingerprints.odd_ja4(int(rng.integers(1000, 90_000))), f"{fingerprints.hexes(rng, 8)}.example"
        for seat in range(size):
            where = homes[seat % 3]
            created = people.joined(rng, where, 0.2)
            owner = member(rng, "inspected", created, FREE)
            owner.domain = domain
            load = local(replace(EVENING, hours="office", weekend=0.15), people.heavy(rng, SEAT_MEDIAN), where)
            desk = people.sender(rng, owner, _gateway(rng, exits, seat % 3), people.machine(rng), load, 0.0)
            desk.clients = (_opened(desk.clients[0], ja4),)
            yield owner, [desk]


def _gateway(rng: Rng, exits: Sequence[str], country: int) -> Place:
    """The gateway's exits in one's country; one seat in five travels and leaves through those of all countries."""
    near = [address for number, address in enumerate(exits) if number % 3 == country]
    if rng.random() < 0.2:
        return Renewed([*near, *exits], DAY / 2, float(rng.uniform(0, DAY)))
    return Pool(near)
