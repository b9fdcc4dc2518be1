"""Honest people who look most like the heads of a hydra: they share a room, a program, a card or a moment.

As in `honest`, each class is drawn from its description alone, in groups of the size that it has in the field.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec.structs import replace

from benchmarks.hydra import fingerprints, networks, people, places
from benchmarks.hydra.clock import DAY, HOUR, START, WEEK, offset
from benchmarks.hydra.fingerprints import Client
from benchmarks.hydra.ground import Ground
from benchmarks.hydra.model import HUMAN, SERVICE, Account, Facts, Load, Made, Sender, local, new_account
from benchmarks.hydra.places import Commute, Fixed, Place, Pool

Rng = np.random.Generator

LESSON_LENGTH = 0.75 * HOUR
# eight requests in a lesson
LESSON = Load(8 * DAY / LESSON_LENGTH, "flat", weekend=1.0, shape=6.0, size=4.0, gap=90.0, fixed=True)
HACKING = replace(HUMAN, weekend=1.0, size=6.0, gap=40.0, fixed=True)
RENTED = replace(SERVICE, weekend=1.0, shape=2.0, size=5.0, fixed=True)
OFFICE = replace(HUMAN, hours="office", weekend=0.1)
WITH_CAMPUSES = ("US", "US", "GB", "DE", "IN")  # the table has universities and companies of these
NEVER = START + 52 * WEEK


def _groups(rng: Rng, count: int, low: int, high: int) -> Iterator[int]:
    """Sizes of groups of `low` to `high` that add up to `count`; the last may be smaller."""
    while count > high:
        size = int(rng.integers(low, max(low, min(high, count - low)) + 1))
        count -= size
        yield size
    if count:
        yield count


def _line(rng: Rng, kinds: Sequence[networks.Kind], where: str) -> Fixed:
    return Fixed(networks.v4(rng, networks.network(rng, kinds[int(rng.integers(len(kinds)))], where)))


def _unpaid(rng: Rng, klass: str, created: float) -> Account:
    """A free account without a card."""
    facts: Facts = {
        "plan": "free",
        "verified": people.verified(rng, paid=False),
        "payment": {"status": "none", "settled_usd": 0.0},
    }
    return new_account(rng, "honest", klass, created, facts)


def _program(row: fingerprints.Build, agent: str = "") -> Client:
    """A program that sends neither device nor session, under its own name or another's."""
    return Client(agent or row.user_agent, row.ja4, row.ja4, None, sessions=False)


def school(_ground: Ground, rng: Rng, count: int) -> Made:
    """Classes of 20 to 30 pupils on identical tablets: signed up in the first lesson, two lessons a day for days."""
    for size in _groups(rng, count, 20, 30):
        where = str(rng.choice(WITH_CAMPUSES))
        line = _line(rng, ("education", "education", "home", "business"), where)
        first = int(rng.integers(1, 4))
        days = range(first, min(5, first + int(rng.integers(2, 5))))
        hours = [float(rng.uniform(8, 10)), float(rng.uniform(11, 14))]
        lessons = [START + day * DAY + hour * HOUR - offset(where) for day in days for hour in hours]
        tablet, subject = fingerprints.build(rng, "tablet"), int(rng.integers(2**63))
        for _ in range(size):
            yield _pupil(rng, where, line, lessons, fingerprints.copy(rng, tablet), subject)


def _pupil(
    rng: Rng, where: str, line: Fixed, lessons: list[float], tablet: Client, subject: int
) -> tuple[Account, list[Sender]]:
    owner = _unpaid(rng, "school", lessons[0] + float(rng.uniform(0, 1500)))
    senders = [people.sender(rng, owner, line, "tablet", LESSON) for _ in lessons]
    for begins, sender in zip(lessons, senders, strict=True):
        sender.start, sender.end = max(begins, owner.created + 60), begins + LESSON_LENGTH
        sender.shapes, sender.templated, sender.verbatim = (subject,), 0.7, True
    if rng.random() < 0.2:
        load = local(HUMAN, people.wish(rng, 0.3), where)
        senders.append(people.sender(rng, owner, places.home(rng, where), "tablet", load))
        senders[-1].start = lessons[1] + 3 * HOUR
    for sender in senders:
        sender.clients, sender.model, sender.adopts = (tablet,), "orca-1", senders[0].adopts
    return owner, senders


def hackathon(_ground: Ground, rng: Rng, count: int) -> Made:
    """Two days at one venue, all with one starter kit; a third on cloud machines too, a third go on from home."""
    for size in _groups(rng, count, 25, 60):
        where = str(rng.choice(WITH_CAMPUSES))
        opens = START + int(rng.integers(1, 4)) * DAY + 9 * HOUR - offset(where)
        venue, cloud = _line(rng, ("business", "education"), where), networks.network(rng, "hosting")
        row = fingerprints.build(rng, "sdk")
        kit = _program(row, f"starter-{fingerprints.hexes(rng, 4)}/1.0 {row.user_agent}")
        shape = int(rng.integers(2**63))
        for _ in range(size):
            owner = _participant(rng, where, opens)
            senders = [people.sender(rng, owner, venue, "sdk", local(HACKING, float(rng.gamma(2.0, 15.0)), where))]
            if rng.random() < 1 / 3:
                machine = Fixed(networks.v4(rng, cloud))
                senders.append(
                    people.sender(rng, owner, machine, "sdk", local(RENTED, float(rng.gamma(2.0, 8.0)), where))
                )
            for sender in senders:
                sender.start, sender.end = max(opens, owner.created) + 300, opens + 33 * HOUR
            if rng.random() < 1 / 3:
                load = local(HUMAN, people.wish(rng), where)
                senders.append(people.sender(rng, owner, places.home(rng, where), "sdk", load))
                senders[-1].start = opens + 36 * HOUR
            for sender in senders:
                sender.clients, sender.shapes, sender.primed = (kit,), (shape, *sender.shapes), True
                sender.model, sender.adopts = senders[0].model, senders[0].adopts
            yield owner, senders


def _participant(rng: Rng, where: str, opens: float) -> Account:
    """Most sign up when they arrive, the others have had their account for long."""
    if rng.random() < 0.65:
        return people.account(rng, "hackathon", where, opens + float(rng.uniform(0, 2 * HOUR)), paid=False)
    created = people.joined(rng, where, fresh=0.0)
    return people.account(rng, "hackathon", where, created, paid=bool(rng.random() < 0.3))


def company_trial(_ground: Ground, rng: Rng, count: int) -> Made:
    """A company tries it: 20 to 80 seats in one week at one line, nothing paid, two models of laptop."""
    for size in _groups(rng, count, 20, 80):
        where = people.country(rng)
        line = _line(rng, ("business",), where)
        laptops = [fingerprints.build(rng, "desktop") for _ in range(2)]
        named, domain = rng.random() < 0.5, f"{fingerprints.hexes(rng, 8)}.example"
        for _ in range(size):
            day = START + int(rng.choice(5, p=[0.3, 0.25, 0.2, 0.15, 0.1])) * DAY
            owner = _unpaid(rng, "company_trial", day + 9 * HOUR - offset(where) + float(rng.uniform(0, 8 * HOUR)))
            if named:
                owner.facts["organisation"] = {"id": domain, "verified": False}
            at_home = rng.random() < 0.35
            place = Commute(line, places.home(rng, where), offset(where), 0.4) if at_home else line
            sender = people.sender(rng, owner, place, "desktop", local(OFFICE, people.wish(rng), where))
            sender.clients = (fingerprints.copy(rng, laptops[int(rng.integers(2))]),)
            yield owner, [sender]


def application(ground: Ground, rng: Rng, count: int) -> Made:
    """Users of one third-party application: its program and model, homes and phones all over, new since its launch."""
    for size in _groups(rng, count, 40, 400):
        ja4 = fingerprints.odd_ja4(int(rng.integers(1000, 90_000)))
        name = f"app-{fingerprints.hexes(rng, 6)}/{int(rng.integers(1, 4))}.{int(rng.integers(10))}"
        row = fingerprints.Build(1.0, name, ja4)
        model = ("orca-1", "orca-mini")[int(rng.integers(2))]
        launched = START + float(rng.uniform(0.4, 4.0)) * DAY
        prompts = tuple(int(rng.integers(2**63)) for _ in range(2))
        primed = bool(prompts[0] & 1)  # half of the applications send an example dialogue first
        for _ in range(size):
            where, daily = people.country(rng), people.wish(rng)
            fresh = rng.random() < 0.75
            created = launched + 2.5 * DAY * rng.beta(1.0, 2.5) if fresh else people.joined(rng, where, fresh=0.0)
            owner = people.account(rng, "application", where, created, paid=people.pays(rng, daily, -2.4))
            senders = _on_phone_or_home(ground, rng, owner, where, daily)
            keeps = rng.random() < 0.9
            for sender in senders:
                sender.start = max(sender.start, launched)
                sender.clients, sender.shapes = (fingerprints.copy(rng, row),), (*prompts, sender.shapes[-1])
                sender.primed = primed
                if keeps:
                    sender.model, sender.adopts = model, NEVER
            yield owner, senders


def _on_phone_or_home(ground: Ground, rng: Rng, owner: Account, where: str, daily: float) -> list[Sender]:
    """At home, on a carrier's network, or half of the requests on each."""
    kinds = (("desktop",), ("phone",), ("desktop", "phone"))[int(rng.choice(3, p=[0.4, 0.35, 0.25]))]
    load = local(HUMAN, daily / len(kinds), where)
    return [people.sender(rng, owner, _outside(ground, rng, where, kind), kind, load) for kind in kinds]


def _outside(ground: Ground, rng: Rng, where: str, kind: str) -> Place:
    """Where one leaves from with that kind of machine: a carrier's network or a line at home."""
    if kind == "phone":
        return Pool(ground.carriers[where][int(rng.integers(2))])
    return places.home(rng, where)


def agency(_ground: Ground, rng: Rng, count: int) -> Made:
    """An agency's 10 to 30 accounts, one for each client, on its card, from its rented server and its office."""
    for size in _groups(rng, count, 10, 30):
        where = people.country(rng)
        card = people.payment(rng, where, START, paid=True)
        server, office = _line(rng, ("hosting",), where), _line(rng, ("business",), where)
        program = _program(fingerprints.build(rng, "sdk"))
        desks = [fingerprints.client(rng, people.machine(rng)) for _ in range(int(rng.integers(2, 6)))]
        this_week = rng.random() < 0.4
        for _ in range(size):
            age = -int(rng.integers(4)) if this_week else int(rng.integers(20, 300))
            created = people.daytime(rng, START - age * DAY, where)
            settled = float(rng.uniform(40, 150)) * (1 + max(0, age) // 30)
            facts: Facts = {
                "plan": "paid",
                "verified": people.verified(rng, paid=True),
                "payment": {**card, "settled_usd": round(settled, 2), "declines_30d": 0},
            }
            owner, daily = new_account(rng, "honest", "agency", created, facts), people.wish(rng, 1.5)
            runs = people.sender(rng, owner, server, "sdk", local(SERVICE, daily * 0.8, where))
            looks = people.sender(rng, owner, office, "desktop", local(OFFICE, daily * 0.2, where))
            runs.clients, looks.clients = (program,), (desks[int(rng.integers(len(desks)))],)
            yield owner, [runs, looks]


def launch(ground: Ground, rng: Rng, count: int) -> Made:
    """Everybody who signs up within hours of a story in the news; half of them leave after a day."""
    story = START + (int(rng.integers(5)) + float(rng.uniform(0.3, 0.8))) * DAY
    for _ in range(count):
        where, daily = people.country(rng), people.wish(rng, 0.7)
        created = story + 8 * HOUR * float(rng.beta(1.3, 3.0))
        owner = people.account(rng, "launch", where, created, paid=people.pays(rng, daily, -2.4))
        kind = "phone" if rng.random() < 0.4 else people.machine(rng)
        place = _outside(ground, rng, where, kind)
        sender = people.sender(rng, owner, place, kind, local(HUMAN, daily, where))
        if rng.random() < 0.5:
            sender.end = created + DAY
        yield owner, [sender]


def saas(_ground: Ground, rng: Rng, count: int) -> Made:
    """Customers of an automation service, which keeps their keys: its few addresses and its SDK for all of them."""
    for size in _groups(rng, count, 30, 300):
        machines = networks.v4_block(rng, networks.network(rng, "hosting"), int(rng.integers(2, 9)))
        program = _program(fingerprints.build(rng, "sdk"))
        for _ in range(size):
            where, daily = people.country(rng), people.wish(rng)
            paid = people.pays(rng, daily, 0.6)
            owner = people.account(rng, "saas", where, people.joined(rng, where), paid=paid)
            sender = people.sender(rng, owner, Pool(machines), "sdk", local(SERVICE, daily, where))
            sender.clients = (program,)
            yield owner, [sender]
