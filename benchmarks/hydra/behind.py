"""Honest people of whom many leave through few addresses: a venue, a call centre, schools, an aeroplane, a carrier.

Each class is drawn from its description alone, before any detector was run on it, and not to be tuned to one.
Loads have a heavy tail that is not cut off, and are not brought to a mean.
"""

import numpy as np
from msgspec.structs import replace

from benchmarks.hydra import fingerprints, networks, people, places
from benchmarks.hydra.clock import DAY, HOUR, START, offset
from benchmarks.hydra.fingerprints import Build
from benchmarks.hydra.ground import Ground
from benchmarks.hydra.lookalikes import DESK, EVENING, FREE, SEAT_MEDIAN, blocks, member
from benchmarks.hydra.model import Made, Sender, local
from benchmarks.hydra.places import Fixed, Journey, Pool
from benchmarks.hydra.together import SHIFT

Rng = np.random.Generator

LESSONS = replace(DESK, weekend=0.0, size=5.0, gap=80.0)
BUILDING = replace(EVENING, weekend=1.0, size=6.0, gap=40.0)
LOANED = 40  # laptops of a venue
DEMO = 10  # one account in so many is a demo account of a sponsor, which many use
SHIFT_TAKES = 8 * HOUR
CLASS = (20, 31)


def hack_days(_ground: Ground, rng: Rng, count: int) -> Made:
    """180 accounts of two days and a night at one venue: loaned laptops go round, and all use the sponsors' keys."""
    for size in blocks(count, 180):
        where = str(rng.choice(["US", "GB", "DE", "IN"]))
        venue = Fixed(networks.v4(rng, networks.network(rng, "business", where)))
        opens = START + DAY + 17 * HOUR - offset(where)
        row = fingerprints.build(rng, "desktop")
        laptops = [fingerprints.copy(rng, row) for _ in range(max(1, LOANED * size // 180))]
        for number in range(size):
            demo = number % DEMO == 0
            created = START - float(rng.uniform(60, 300)) * DAY if demo else opens + float(rng.uniform(0, 3 * HOUR))
            owner = member(rng, "hack_days", created, FREE)
            teams = int(rng.integers(4, 13)) if demo else 1
            used = rng.permutation(len(laptops))[: teams + 2].tolist()
            made = []
            for which in used:
                load = local(BUILDING, people.heavy(rng, 8.0, 1.4) / (1 if demo else 3), where)
                there = people.sender(rng, owner, venue, "desktop", load)
                there.clients, there.start, there.end = (laptops[which],), max(opens, created) + 300, opens + 2 * DAY
                made.append(there)
            if not demo and rng.random() < 1 / 3:
                made.append(_at_home(rng, made[0], where, opens + 2.2 * DAY))
            yield owner, made


def _at_home(rng: Rng, like: Sender, where: str, since: float) -> Sender:
    load = local(EVENING, people.heavy(rng, SEAT_MEDIAN), where)
    later = people.sender(rng, like.account, places.home(rng, where), people.machine(rng), load)
    later.start = since
    return later


def call_centre(_ground: Ground, rng: Rng, count: int) -> Made:
    """270 agents in three shifts on 90 thin clients behind two addresses: free accounts of two mornings."""
    for size in blocks(count, 270):
        where = str(rng.choice(["IN", "PL", "MX", "ID", "BR"]))
        exits = Pool(networks.v4_block(rng, networks.network(rng, "business", where), 2))
        row, domain = fingerprints.build(rng, "desktop"), f"{fingerprints.hexes(rng, 8)}.example"
        seats = [fingerprints.copy(rng, row) for _ in range(-(-size // 3))]
        for number in range(size):
            turn = number % 3
            created = START + (number % 2) * DAY + 9 * HOUR - offset(where) + float(rng.uniform(0, 3 * HOUR))
            owner = member(rng, "call_centre", created, FREE)
            owner.domain = domain
            load = replace(SHIFT, daily=people.heavy(rng, 30.0, 0.8), offset=offset(where) - turn * SHIFT_TAKES)
            agent = people.sender(rng, owner, exits, "desktop", load)
            agent.clients = (seats[number // 3],)
            yield owner, [agent]


def school_district(_ground: Ground, rng: Rng, count: int) -> Made:
    """600 pupils of twelve schools: one managed image, and one cloud filter that opens all their connections."""
    for size in blocks(count, 600):
        where = str(rng.choice(["US", "US", "GB", "DE"]))
        filtered = Pool(networks.v4_block(rng, networks.network(rng, "hosting", where), 4))
        row, domain = fingerprints.build(rng, "tablet"), f"{fingerprints.hexes(rng, 8)}.example"
        image = replace(row, ja4=fingerprints.odd_ja4(int(rng.integers(1000, 90_000))), resumed="")
        left = size
        while left > 0:
            pupils = min(left, int(rng.integers(*CLASS)))
            left -= pupils
            lesson = START + int(rng.integers(4)) * DAY + float(rng.uniform(8, 14)) * HOUR - offset(where)
            for _ in range(pupils):
                owner = member(rng, "school_district", lesson + float(rng.uniform(0, 1500)), FREE)
                owner.domain = domain
                load = local(LESSONS, people.heavy(rng, 8.0, 1.0), where)
                pupil = people.sender(rng, owner, filtered, "tablet", load)
                pupil.clients = (fingerprints.copy(rng, image),)
                yield owner, [pupil]


def government(_ground: Ground, rng: Rng, count: int) -> Made:
    """240 civil servants with one browser behind a proxy of two addresses that opens connections; free accounts."""
    for size in blocks(count, 240):
        where = people.country(rng)
        proxy = Pool(networks.v4_block(rng, networks.network(rng, "business", where), 2))
        row, domain = fingerprints.build(rng, "desktop"), f"{fingerprints.hexes(rng, 8)}.example"
        image = replace(row, ja4=fingerprints.odd_ja4(int(rng.integers(1000, 90_000))), resumed="")
        for _ in range(size):
            day = START + int(rng.integers(-20, 5)) * DAY
            owner = member(rng, "government", day + 9 * HOUR - offset(where) + float(rng.uniform(0, 8 * HOUR)), FREE)
            owner.domain = domain
            clerk = people.sender(rng, owner, proxy, "desktop", local(DESK, people.heavy(rng, SEAT_MEDIAN), where))
            clerk.clients = (fingerprints.copy(rng, image),)
            yield owner, [clerk]


def airline(_ground: Ground, rng: Rng, count: int) -> Made:
    """90 passengers who work for some hours through an airline's six addresses, and at home before and after."""
    for size in blocks(count, 90):
        cabin = Pool(networks.v4_block(rng, networks.network(rng, "business", "US"), 6))
        for _ in range(size):
            where, daily = people.country(rng), people.heavy(rng, SEAT_MEDIAN)
            boards = START + float(rng.uniform(0.3, 3.5)) * DAY
            lands = boards + float(rng.uniform(4, 11)) * HOUR
            joined = people.joined(rng, where) if rng.random() < 0.85 else boards + float(rng.uniform(0, HOUR))
            owner = people.account(rng, "airline", where, joined, paid=people.pays(rng, daily, -0.6))
            home = places.home(rng, where)
            line = people.sender(rng, owner, home, people.machine(rng), local(EVENING, daily, where))
            aboard = replace(local(EVENING, 4 * daily + people.heavy(rng, 20.0), where), hours="flat")
            seat = Sender(owner, cabin, line.clients, aboard, max(boards, line.start), lands, line.model, line.adopts)
            line.place = Journey(((boards, home), (lands, cabin), (lands + 52 * DAY, home)))
            yield owner, [line, seat]


def satellite(_ground: Ground, rng: Rng, count: int) -> Made:
    """120 homes on a satellite operator, which leave through ten shared addresses in two countries not their own."""
    for size in blocks(count, 120):
        exits = [a for at in ("US", "DE") for a in networks.v4_block(rng, networks.network(rng, "business", at), 5)]
        for _ in range(size):
            where, daily = str(rng.choice(["ID", "BR", "MX", "AU", "PL"])), people.heavy(rng, SEAT_MEDIAN)
            joined = people.joined(rng, where, 0.15)
            owner = people.account(rng, "satellite", where, joined, paid=people.pays(rng, daily, -0.6))
            first = 5 * int(rng.integers(2))
            dish = Pool(exits[first : first + 5] if rng.random() < 0.7 else exits)
            yield owner, [people.sender(rng, owner, dish, people.machine(rng), local(EVENING, daily, where))]


def country_app(ground: Ground, rng: Rng, count: int) -> Made:
    """300 users in one country of one app: one build and handshake, most behind one carrier's NAT; free, half new."""
    for size in blocks(count, 300):
        where = str(rng.choice(["IN", "ID", "BR"]))
        row = Build(1.0, f"{fingerprints.hexes(rng, 6)}/3.2.0 (Android; sdk 1.9)", fingerprints.OKHTTP)
        carriers = [Pool(pool) for pool in ground.carriers[where]]
        for _ in range(size):
            owner = member(rng, "country_app", people.joined(rng, where, 0.2), FREE)
            draw = rng.random()
            place = carriers[0] if draw < 0.7 else carriers[-1] if draw < 0.85 else places.home(rng, where)
            phone = people.sender(rng, owner, place, "phone", local(EVENING, people.heavy(rng, 3.0, 1.4), where))
            phone.clients = (fingerprints.copy(rng, row),)
            yield owner, [phone]
