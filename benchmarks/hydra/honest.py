"""The honest classes, one row each: what share of a world they are and how one batch of them is made.

Drawn from the description of the field before any detector was run against them, and not to be tuned to one.
"""

from typing import Any

import msgspec
import numpy as np

from benchmarks.hydra import fingerprints, gatherings, networks, people, places
from benchmarks.hydra.clock import DAY, HOUR, START, WEEK, offset
from benchmarks.hydra.ground import Ground
from benchmarks.hydra.model import HUMAN, SERVICE, Account, Load, Made, Population, Sender, local, new_account
from benchmarks.hydra.places import Commute, Fixed, Journey, Place, Pool, Renewed
from benchmarks.hydra.populations import Row

Rng = np.random.Generator

# thirty requests in four hours
LESSON = Load(180.0, "flat", weekend=1.0, shape=6.0, size=5.0, gap=80.0, fixed=True)
PIPELINE = Load(1.0, "office", weekend=0.2, shape=1.0, size=12.0, gap=4.0)


def _phone(ground: Ground, rng: Rng, owner: Account, where: str, daily: float) -> Sender:
    pool = ground.carriers[where][int(rng.integers(2))]
    return people.sender(rng, owner, Pool(pool), "phone", local(HUMAN, daily, where))


def homes(ground: Ground, rng: Rng, count: int) -> Made:
    """One person at home; a third also on a phone; one in eight shares the line, half of those the card."""
    previous: tuple[str, Place, Any] | None = None
    for _ in range(count):
        daily, shared = people.wish(rng), previous is not None and rng.random() < 0.125
        where = previous[0] if shared and previous else people.country(rng)
        place = previous[1] if shared and previous else places.home(rng, where)
        paid = people.pays(rng, daily, -0.6)
        owner = people.account(rng, "home", where, people.joined(rng, where), paid=paid)
        if shared and previous and paid and previous[2].get("fingerprint") and rng.random() < 0.5:
            owner.facts["payment"] |= {k: previous[2][k] for k in ("fingerprint", "funding")}
        on_phone = rng.random() < 0.35
        senders = [people.sender(rng, owner, place, people.machine(rng), local(HUMAN, daily, where))]
        if on_phone:
            senders.append(_phone(ground, rng, owner, where, daily * 0.3))
        previous = (where, place, owner.facts["payment"])
        yield owner, senders


def carrier_nat(ground: Ground, rng: Rng, count: int) -> Made:
    """Phones and mobile routers behind a carrier's NAT: thousands on an address, many addresses a person."""
    for _ in range(count):
        where, daily = people.country(rng), people.wish(rng)
        paid = people.pays(rng, daily, -0.8)
        owner = people.account(rng, "carrier_nat", where, people.joined(rng, where), paid=paid)
        pool = ground.carriers[where][int(rng.integers(2))]
        kind = "phone" if rng.random() < 0.7 else people.machine(rng)
        yield owner, [people.sender(rng, owner, Pool(pool), kind, local(HUMAN, daily, where))]


def offices(_ground: Ground, rng: Rng, count: int) -> Made:
    """Companies of 5 to 60 people behind one or two addresses; some inspect TLS; half are organisations."""
    left = count
    while left:
        size = min(left, 5 + int(rng.gamma(1.2, 14.0)))
        left -= size
        yield from _office(rng, "office", size)


def _office(rng: Rng, klass: str, size: int) -> Made:
    where = people.country(rng)
    line = Pool(networks.v4_block(rng, networks.network(rng, "business", where), 1 + int(rng.random() < 0.3)))
    odd = 0.97 if rng.random() < 0.06 else 0.02
    inspected = fingerprints.tail_ja4(rng) if odd > 0.5 else None
    named = rng.random() < 0.5
    organisation = {"id": f"{fingerprints.hexes(rng, 8)}.example", "verified": bool(rng.random() < 0.5)}
    for _ in range(size):
        daily = people.wish(rng, 1.2)
        owner = people.account(rng, klass, where, people.joined(rng, where), paid=people.pays(rng, daily, 0.2))
        if named:
            owner.facts["organisation"] = organisation
        place = Commute(line, places.home(rng, where), offset(where))
        load = local(msgspec.structs.replace(HUMAN, hours="office", weekend=0.15), daily, where)
        sender = people.sender(rng, owner, place, people.machine(rng), load)
        if inspected:
            sender.clients = tuple(msgspec.structs.replace(c, ja4=inspected, resumed=inspected) for c in sender.clients)
        yield owner, [sender]


def _company(_ground: Ground, rng: Rng, count: int, *, proved: bool) -> Made:
    """Seats bought in one week with one card, used from one address, mostly on the company's laptops."""
    where = "US" if proved else "DE"
    klass = "company_verified" if proved else "company_plain"
    line = Fixed(networks.v4(rng, networks.network(rng, "business", where)))
    card = people.payment(rng, where, START, paid=True)
    laptops = [fingerprints.build(rng, "desktop") for _ in range(2)]
    domain = f"{fingerprints.hexes(rng, 8)}.example"
    for seat in range(count):
        day = START + int(rng.choice(5, p=[0.4, 0.25, 0.15, 0.12, 0.08])) * DAY
        created = day + 9 * HOUR - offset(where) + float(rng.uniform(0, 8 * HOUR))
        facts = {
            "plan": "paid",
            "verified": ["email"],
            "organisation": {"id": domain, "verified": proved},
            "payment": {**card, "settled_usd": 25.0},
        }
        owner = new_account(rng, "honest", klass, created, facts)
        place = Commute(line, places.home(rng, where), offset(where), 0.1)
        load = local(msgspec.structs.replace(HUMAN, hours="office", weekend=0.1), people.wish(rng), where)
        sender = people.sender(rng, owner, place, people.machine(rng), load)
        if rng.random() < 0.6:
            laptop = laptops[seat % 2]
            ja4, agent = laptop.ja4, laptop.user_agent
            device = f"dv-{fingerprints.hexes(rng, 16)}"
            sender.clients = (fingerprints.Client(agent, ja4, laptop.resumed or ja4, device, sessions=True),)
        yield owner, [sender]


def company_verified(ground: Ground, rng: Rng, count: int) -> Made:
    return _company(ground, rng, count, proved=True)


def company_plain(ground: Ground, rng: Rng, count: int) -> Made:
    return _company(ground, rng, count, proved=False)


def campus(_ground: Ground, rng: Rng, count: int) -> Made:
    """Students at the start of term: new free accounts, campus NAT, some in a computer room."""
    left = count
    while left:
        size = min(left, 60 + int(rng.gamma(2.0, 60.0)))
        left -= size
        where = str(rng.choice(["US", "GB", "DE", "IN", "CA", "AU"], p=[0.45, 0.1, 0.1, 0.2, 0.08, 0.07]))
        source = networks.network(rng, "education", where)
        line = Pool(networks.v4_block(rng, source, max(2, size // 40)))
        room = [fingerprints.client(rng, "desktop", 0.0) for _ in range(12)]
        named = rng.random() < 0.5
        domain = f"{fingerprints.hexes(rng, 8)}.example"
        for _ in range(size):
            daily = people.wish(rng, 0.7)
            created = people.joined(rng, where, fresh=0.28)
            owner = people.account(rng, "campus", where, created, paid=people.pays(rng, daily, -2.2))
            if named:
                owner.facts["organisation"] = {"id": domain, "verified": False}
            place = Commute(line, places.home(rng, where) if rng.random() < 0.4 else line, offset(where), 0.1)
            sender = people.sender(rng, owner, place, people.machine(rng), local(HUMAN, daily, where))
            if rng.random() < 0.15:
                sender.clients = (room[int(rng.integers(len(room)))],)
            yield owner, [sender]


def workshop(_ground: Ground, rng: Rng, count: int) -> Made:
    """A room of 12 to 40 people who sign up within half an hour and follow one tutorial for an afternoon."""
    left = count
    while left:
        size = min(left, int(rng.integers(25, 41)))
        left -= size
        where = str(rng.choice(["US", "DE", "GB", "IN"]))
        kind: networks.Kind = "business" if rng.random() < 0.5 else "education"
        line = Fixed(networks.v4(rng, networks.network(rng, kind, where)))
        day = START + int(rng.integers(1, 5)) * DAY
        opens = day + 13 * HOUR - offset(where)
        lesson = int(rng.integers(2**63))
        for _ in range(size):
            created = opens + float(rng.uniform(0, 1500))
            owner = people.account(rng, "workshop", where, created, paid=False)
            there = people.sender(rng, owner, line, people.machine(rng), LESSON)
            there.verbatim = True
            there.start, there.end, there.shapes, there.templated = (
                created + 120,
                opens + 4 * HOUR,
                (lesson,),
                0.7,
            )
            later = people.sender(
                rng,
                owner,
                places.home(rng, where),
                people.machine(rng),
                local(HUMAN, people.wish(rng, 0.3), where),
            )
            later.clients, later.start = there.clients, opens + 6 * HOUR
            yield owner, [there, later]


def vpn(ground: Ground, rng: Rng, count: int) -> Made:
    """People who leave through a commercial VPN: the exits near them, shared with everybody else there."""
    for _ in range(count):
        where, daily = people.country(rng), people.wish(rng)
        owner = people.account(rng, "vpn", where, people.joined(rng, where), paid=people.pays(rng, daily, -0.3))
        provider = ground.vpn[int(rng.integers(len(ground.vpn)))]
        near = [provider[int(i)] for i in rng.integers(0, len(provider), 6)]
        place = Pool(near) if rng.random() < 0.6 else _sometimes(rng, near, where)
        yield owner, [people.sender(rng, owner, place, people.machine(rng), local(HUMAN, daily, where))]


def _sometimes(rng: Rng, exits: list[str], where: str) -> Pool:
    line = places.home(rng, where)
    return Pool([*exits, *(line(START + d * DAY, 0.99) for d in range(6))])


def server(_ground: Ground, rng: Rng, count: int) -> Made:
    """Programs on one to four rented machines, around the clock, with the SDK of the day."""
    for _ in range(count):
        where, daily = people.country(rng), people.wish(rng, 2.5)
        owner = people.account(rng, "server", where, people.joined(rng, where), paid=people.pays(rng, daily, 0.4))
        source = networks.network(rng, "hosting", where)
        place = Pool([networks.v4(rng, source) for _ in range(1 + int(rng.geometric(0.6)) % 4)])
        yield owner, [people.sender(rng, owner, place, "sdk", local(SERVICE, daily, where))]


def ci(_ground: Ground, rng: Rng, count: int) -> Made:
    """Build fleets: bursts in office hours from cloud machines that live two hours."""
    for _ in range(count):
        where, daily = people.country(rng), people.wish(rng, 2.5)
        owner = people.account(rng, "ci", where, people.joined(rng, where), paid=people.pays(rng, daily, 0.6))
        source = networks.network(rng, "hosting", "US")
        machines = [networks.v4(rng, source) for _ in range(84)]
        place = Renewed(machines, 2 * HOUR, float(rng.uniform(0, 2 * HOUR)))
        yield owner, [people.sender(rng, owner, place, "sdk", local(PIPELINE, daily, where))]


def travellers(ground: Ground, rng: Rng, count: int) -> Made:
    """At home, then an airport, some days of another country's hotel and phone network, then home again."""
    for _ in range(count):
        where, away, daily = people.country(rng), people.country(rng), people.wish(rng)
        owner = people.account(rng, "traveller", where, people.joined(rng, where), paid=people.pays(rng, daily, 0.0))
        leaves = START + float(rng.uniform(0, 5)) * DAY
        arrives, returns = leaves + 14 * HOUR, leaves + float(rng.uniform(2, 6)) * DAY
        at_home = places.home(rng, where)
        airport = Fixed(networks.v4(rng, networks.network(rng, "business", where)))
        hotel = networks.v4(rng, networks.network(rng, "business", away))
        abroad = Pool([hotel, hotel, *ground.carriers[away][0][:3]])
        place = Journey(((leaves, at_home), (arrives, airport), (returns, abroad), (returns + 52 * DAY, at_home)))
        yield owner, [people.sender(rng, owner, place, people.machine(rng), local(HUMAN, daily, where))]


def shared_key(_ground: Ground, rng: Rng, count: int) -> Made:
    """A team of three to eight that shares one account and its key, each from a desk of their own."""
    for _ in range(count):
        where, daily = people.country(rng), people.wish(rng, 1.5)
        owner = people.account(rng, "shared_key", where, people.joined(rng, where), paid=people.pays(rng, daily, 0.6))
        line = Fixed(networks.v4(rng, networks.network(rng, "business", where)))
        team = int(rng.integers(3, 9))
        desks = [Commute(line, places.home(rng, where), offset(where), 0.4) for _ in range(team)]
        yield (
            owner,
            [people.sender(rng, owner, desk, people.machine(rng), local(HUMAN, daily / team, where)) for desk in desks],
        )


CLASSES: dict[str, Row] = {
    "home": Row(0.37, homes),
    "carrier_nat": Row(0.17, carrier_nat),
    "office": Row(0.12, offices),
    "company_verified": Row(0.03, company_verified),
    "company_plain": Row(0.03, company_plain),
    "campus": Row(0.07, campus),
    "workshop": Row(0.01, workshop),
    "vpn": Row(0.05, vpn),
    "server": Row(0.06, server),
    "ci": Row(0.03, ci),
    "traveller": Row(0.04, travellers),
    "shared_key": Row(0.02, shared_key),
}

GATHERINGS: dict[str, Row] = {
    "school": Row(0.015, gatherings.school),
    "hackathon": Row(0.015, gatherings.hackathon),
    "company_trial": Row(0.02, gatherings.company_trial),
    "application": Row(0.02, gatherings.application),
    "agency": Row(0.012, gatherings.agency),
    "launch": Row(0.025, gatherings.launch),
    "saas": Row(0.013, gatherings.saas),
}
ROOM = {"home": 0.07, "carrier_nat": 0.03, "office": 0.02}
"""What other classes give up where there are gatherings."""


def classes(*, gathered: bool) -> dict[str, Row]:
    """The classes of a world, without or with the gatherings."""
    if not gathered:
        return CLASSES
    return {name: Row(row.share - ROOM.get(name, 0.0), row.make) for name, row in CLASSES.items()} | GATHERINGS


def populate(ground: Ground, seed: int, count: int, *, gathered: bool = False, week: int = 0) -> Population:
    """`count` honest accounts by class; homes take the rest. Each class and week has random numbers of its own."""
    rows = classes(gathered=gathered)
    sizes = {name: round(row.share * count) for name, row in rows.items()}
    sizes["home"] += count - sum(sizes.values())
    made = Population()
    for number, (name, row) in enumerate(rows.items()):
        rng = np.random.default_rng([seed, 1, number, week] if week else [seed, 1, number])
        for owner, senders in row.make(ground, rng, max(0, sizes[name])):
            made.add(owner, *senders)
    return made


def newcomers(ground: Ground, seed: int, count: int, *, gathered: bool, week: int, until: float) -> Population:
    """Who signs up in a later week, up to a time: as many and of such kinds as in the first one."""
    drawn, later = populate(ground, seed, count, gathered=gathered, week=week), week * WEEK
    fresh = [owner for owner in drawn.accounts if START <= owner.created < until - later]
    known = {id(owner) for owner in fresh}
    senders = [sender for sender in drawn.senders if id(sender.account) in known]
    for owner in fresh:
        owner.created += later
    for sender in senders:
        sender.start += later
        sender.end += 0.0 if sender.end == START + WEEK else later  # who stays until the end, stays on
    return Population(fresh, senders)
