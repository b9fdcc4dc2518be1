"""Honest customers whose trade makes many accounts look alike: resellers, paid crowds, build fleets, night jobs, moves.

Each class is drawn from its description alone, before any detector was run on it, and not to be tuned to one.
Loads have a heavy tail that is not cut off, and are not brought to a mean.
"""

import numpy as np
from msgspec.structs import replace

from benchmarks.hydra import cards, fingerprints, networks, people, places
from benchmarks.hydra.clock import DAY, HOUR, START, offset
from benchmarks.hydra.fingerprints import Client
from benchmarks.hydra.ground import Ground
from benchmarks.hydra.lookalikes import DESK, FREE, PROGRAM, SEAT_MEDIAN, blocks, member
from benchmarks.hydra.model import HUMAN, Load, Made, local
from benchmarks.hydra.places import Commute, Fixed, Journey, Place, Pool, Renewed

Rng = np.random.Generator

PIECEWORK = replace(HUMAN, hours="office", weekend=0.6, shape=6.0, size=8.0, gap=60.0, fixed=True)
BUILDS = Load(1.0, "office", weekend=0.2, shape=1.0, size=12.0, gap=4.0, fixed=True)
BATCH = Load(1.0, "afternoon", weekend=1.0, shape=1.0, size=30.0, gap=3.0, fixed=True)
HALF_A_DAY = 12 * HOUR


def _program(rng: Rng) -> Client:
    row = fingerprints.build(rng, "sdk")
    return Client(row.user_agent, row.ja4, row.ja4, None, sessions=False)


def reseller(_ground: Ground, rng: Rng, count: int) -> Made:
    """120 white-label accounts that a reseller made for its customers: its card and gateway, half of this week."""
    for size in blocks(count, 120):
        where = people.country(rng)
        gateway = Pool(networks.v4_block(rng, networks.network(rng, "hosting"), 4))
        card, program = replace(cards.ordinary(rng, where), funding="credit"), _program(rng)
        for number in range(size):
            age = float(rng.uniform(-4, 3)) if number % 2 else float(rng.uniform(14, 300))
            usd = round(people.heavy(rng, 8.0, 1.2), 2) if age > 3 else 0.0
            owner = member(rng, "reseller", START - age * DAY, people.card_facts(card, usd))
            load = local(PROGRAM, people.heavy(rng, 10.0), people.country(rng))
            sender = people.sender(rng, owner, gateway, "sdk", replace(load, hours="human"))
            sender.clients = (program,)
            yield owner, [sender]


def labelling(ground: Ground, rng: Rng, count: int) -> Made:
    """150 people in one country who label data at home or on a phone's line, paid for by one company, 10 USD each."""
    for size in blocks(count, 150):
        where = str(rng.choice(["IN", "ID", "BR", "MX"]))
        card = people.card_facts(replace(cards.ordinary(rng, where), funding="credit"), 10.0)
        batches = [START - 9 * DAY, START + DAY]
        for number in range(size):
            created = batches[number % 2] + 10 * HOUR - offset(where) + float(rng.uniform(0, 6 * HOUR))
            owner = member(rng, "labelling", created, card)
            mobile = rng.random() < 0.4
            line: Place = Pool(ground.carriers[where][int(rng.integers(2))]) if mobile else places.home(rng, where)
            load = local(PIECEWORK, people.heavy(rng, 50.0, 0.6), where)
            yield owner, [people.sender(rng, owner, line, "desktop", load)]


def repositories(_ground: Ground, rng: Rng, count: int) -> Made:
    """200 accounts of one company, one for each repository: made by a script, one bill, machines of two hours."""
    for size in blocks(count, 200):
        where, source = people.country(rng), networks.network(rng, "hosting", "US")
        machines = [networks.v4(rng, source) for _ in range(84)]
        card = replace(cards.ordinary(rng, where), funding="credit")
        program, made_at = _program(rng), (START - 90 * DAY, START + 10 * HOUR)
        for number in range(size):
            created = made_at[number % 2] + float(rng.uniform(0, 900))
            usd = 900.0 if number == 0 else 0.0
            owner = member(rng, "repositories", created, people.card_facts(card, usd))
            runs = Renewed(machines, 2 * HOUR, float(rng.uniform(0, 2 * HOUR)))
            sender = people.sender(rng, owner, runs, "sdk", local(BUILDS, people.heavy(rng, 6.0), where))
            sender.clients = (program,)
            yield owner, [sender]


def night_batch(_ground: Ground, rng: Rng, count: int) -> Made:
    """Four universities of 30 whose queues run jobs from one to four at night, each through its cluster's address."""
    for size in blocks(count, 30):
        where = str(rng.choice(["US", "GB", "DE", "IN", "CA"]))
        cluster, program = Fixed(networks.v4(rng, networks.network(rng, "education", where))), _program(rng)
        for _ in range(size):
            owner = member(rng, "night_batch", people.joined(rng, where, 0.3), FREE)
            load = replace(BATCH, daily=people.heavy(rng, 25.0, 1.0), offset=offset(where) - HALF_A_DAY)
            job = people.sender(rng, owner, cluster, "sdk", load)
            job.clients = (program,)
            yield owner, [job]


def migration(_ground: Ground, rng: Rng, count: int) -> Made:
    """150 seats of a company that moves in a day from its office lines to a gateway in a cloud, with new laptops."""
    for size in blocks(count, 150):
        where = people.country(rng)
        office = Pool(networks.v4_block(rng, networks.network(rng, "business", where), 2))
        cloud = Pool(networks.v4_block(rng, networks.network(rng, "hosting", where), 3))
        card = replace(cards.ordinary(rng, where), funding="credit")
        ja4, domain = fingerprints.odd_ja4(int(rng.integers(1000, 90_000))), f"{fingerprints.hexes(rng, 8)}.example"
        moves, laptop = START + 2 * DAY + 6 * HOUR - offset(where), fingerprints.build(rng, "desktop")
        for _ in range(size):
            created = people.joined(rng, where, 0.15)
            months = max(0, int((START - created) / (30 * DAY)))
            payment = people.card_facts(card, 20.0 * months) if rng.random() < 0.4 else FREE
            owner = member(rng, "migration", created, payment)
            owner.domain = domain
            home, load = places.home(rng, where), local(DESK, people.heavy(rng, SEAT_MEDIAN), where)
            before = people.sender(rng, owner, Commute(office, home, offset(where)), "desktop", load)
            after = people.sender(rng, owner, Journey(((moves, home), (moves + 52 * DAY, cloud))), "desktop", load)
            after.clients = (replace(fingerprints.copy(rng, laptop), ja4=ja4, resumed=ja4),)
            before.end, after.start = moves, max(moves, after.start)
            yield owner, [before, after] if before.start < moves else [after]
