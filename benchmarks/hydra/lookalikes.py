"""Honest populations that ordinary rules take for a hydra: one card, one image of a disk, one launch, one campus.

Each class is drawn from its description alone, before any detector was run on it, and not to be tuned to one.
Loads have a heavy tail that is not cut off, and are not brought to a mean.
"""

from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace

from benchmarks.hydra import cards, fingerprints, networks, people, places
from benchmarks.hydra.clock import DAY, HOUR, START, offset
from benchmarks.hydra.fingerprints import Build, Client
from benchmarks.hydra.ground import Ground
from benchmarks.hydra.model import HUMAN, SERVICE, Account, Facts, Load, Made, Sender, local, new_account
from benchmarks.hydra.places import Commute, Fixed, Pool

Rng = np.random.Generator

DESK = replace(HUMAN, hours="office", weekend=0.15, fixed=True)
EVENING = replace(HUMAN, fixed=True)
PROGRAM = replace(SERVICE, weekend=1.0, fixed=True)
CLASSROOM = Load(60.0, "afternoon", weekend=0.0, shape=6.0, size=5.0, gap=80.0, fixed=True, weekdays=(1, 3))
WORKSHOP = Load(240.0, "flat", weekend=1.0, shape=6.0, size=5.0, gap=80.0, fixed=True)
SEAT_MEDIAN = 4.0  # requests a day of one desk; the heaviest of a thousand makes some hundreds
FASTEST_SERVER = 5000.0
FREE: Facts = {"status": "none", "settled_usd": 0.0}


def blocks(count: int, most: int) -> Iterator[int]:
    """Sizes of groups of `most`; the last has what is left."""
    while count > 0:
        yield min(count, most)
        count -= most


def _line(rng: Rng, kind: networks.Kind, where: str) -> Fixed:
    return Fixed(networks.v4(rng, networks.network(rng, kind, where)))


def _domain(rng: Rng) -> str:
    return f"{fingerprints.hexes(rng, 8)}.example"


def member(rng: Rng, klass: str, created: float, payment: Facts) -> Account:
    """An account with these payment facts, on the paid plan where there is a card."""
    paid = payment["status"] != "none"
    facts = {
        "plan": "paid" if paid else "free",
        "verified": people.verified(rng, paid=paid),
        "payment": dict(payment),
    }
    return new_account(rng, "honest", klass, created, facts)


def _working_week(rng: Rng, where: str) -> float:
    """A moment in the working hours of the first five days, most on the first."""
    day = START + int(rng.choice(5, p=[0.4, 0.25, 0.15, 0.12, 0.08])) * DAY
    return day + 9 * HOUR - offset(where) + float(rng.uniform(0, 8 * HOUR))


def _unsettled_card(rng: Rng, where: str) -> Facts:
    """A company's credit card whose first invoice has failed: nothing is settled."""
    card = replace(cards.ordinary(rng, where), funding="credit")
    return people.card_facts(card, 0.0, 1, "failed")


def _desk(rng: Rng, owner: Account, place: places.Place, where: str, client: Client | None = None) -> Sender:
    load = local(DESK, people.heavy(rng, SEAT_MEDIAN), where)
    found = people.sender(rng, owner, place, people.machine(rng), load)
    if client:
        found.clients = (client,)
    return found


def remote_company(_ground: Ground, rng: Rng, count: int) -> Made:
    """110 seats in a week on one credit card in arrears, everybody at home, in three countries."""
    for size in blocks(count, 110):
        homes = [str(where) for where in rng.choice(list(people.COUNTRIES), 3, replace=False)]
        card, domain = _unsettled_card(rng, homes[0]), _domain(rng)
        for seat in range(size):
            where = homes[seat % 3]
            owner = member(rng, "remote_company", _working_week(rng, where), card)
            owner.domain = domain
            yield owner, [_desk(rng, owner, places.home(rng, where), where)]


def charity(_ground: Ground, rng: Rng, count: int) -> Made:
    """50 laptops made from one image of a disk, so with one device id; half of the charities pay 25 USD a seat."""
    for paying, part in ((False, count - count // 2), (True, count // 2)):
        for size in blocks(part, 50):
            where, domain = people.country(rng), _domain(rng)
            office, laptop = _line(rng, "business", where), fingerprints.client(rng, "desktop", 0.0)
            for _ in range(size):
                age = float(rng.uniform(15, 90)) if paying else float(rng.uniform(-5, 40))
                own = people.card_facts(cards.ordinary(rng, where), 25.0) if paying else FREE
                owner = member(rng, "charity", START - age * DAY, own)
                owner.domain = domain
                place = Commute(office, places.home(rng, where), offset(where))
                yield owner, [_desk(rng, owner, place, where, laptop)]


def course(ground: Ground, rng: Rng, count: int) -> Made:
    """200 students on two afternoons a week behind one /24 of a campus, some 60 requests each; free accounts."""
    yield from _students(ground, rng, count, verified=False)


def verified_course(ground: Ground, rng: Rng, count: int) -> Made:
    """The same students, all in the verified organisation of their university."""
    yield from _students(ground, rng, count, verified=True)


def _students(_ground: Ground, rng: Rng, count: int, *, verified: bool) -> Made:
    for size in blocks(count, 200):
        where = str(rng.choice(["US", "GB", "DE", "IN", "CA"]))
        campus = Pool(networks.v4_block(rng, networks.network(rng, "education", where), 60))
        opens, domain = START + DAY + 13 * HOUR - offset(where), _domain(rng)
        lesson = int(rng.integers(2**63))
        for _ in range(size):
            owner = member(
                rng, "verified_course" if verified else "course", opens + float(rng.uniform(0, 2 * HOUR)), FREE
            )
            owner.domain = domain
            if verified:
                owner.facts["organisation"] = {"id": domain, "verified": True}
            load = local(CLASSROOM, people.heavy(rng, 50.0, 0.6), where)
            student = people.sender(rng, owner, campus, people.machine(rng), load)
            student.shapes, student.templated, student.verbatim = (lesson,), 0.7, True
            yield owner, [student]


def accelerator(_ground: Ground, rng: Rng, count: int) -> Made:
    """60 start-ups on one Wi-Fi, with cards of two issuers of one fintech and a server each on one of two clouds."""
    for size in blocks(count, 60):
        where = str(rng.choice(["US", "GB", "DE", "IN"]))
        wifi, clouds = _line(rng, "business", where), [networks.network(rng, "hosting") for _ in range(2)]
        issuers = [cards.iin(where, cards.ISSUERS + int(n)) for n in rng.choice(1000, 2, replace=False)]
        for number in range(size):
            card = cards.Card(f"fp_{fingerprints.hexes(rng, 16)}", issuers[int(rng.integers(2))], "debit", where)
            payment = people.card_facts(card, float(rng.choice([0.0, 20.0, 30.0, 100.0], p=[0.2, 0.5, 0.2, 0.1])))
            owner = member(rng, "accelerator", _working_week(rng, where), payment)
            owner.domain = _domain(rng)
            place = Commute(wifi, places.home(rng, where), offset(where), 0.1)
            machine = Fixed(networks.v4(rng, clouds[number % 2]))
            runs = people.sender(rng, owner, machine, "sdk", local(PROGRAM, people.heavy(rng, 8.0), where))
            yield owner, [_desk(rng, owner, place, where), runs]


def freelancer(_ground: Ground, rng: Rng, count: int) -> Made:
    """One person who keeps 25 accounts for clients, on one card and one laptop; most are months old and paid."""
    for size in blocks(count, 25):
        where = people.country(rng)
        home, laptop = places.home(rng, where), fingerprints.client(rng, "desktop", 0.0)
        card = people.card_facts(replace(cards.ordinary(rng, where), funding="credit"), 0.0)
        for _ in range(size):
            age = float(rng.uniform(20, 400)) if rng.random() < 0.8 else float(rng.uniform(-5, 5))
            settled = 20.0 * (1 + max(0, int(age)) // 30)
            owner = member(rng, "freelancer", START - age * DAY, {**card, "settled_usd": settled})
            load = local(EVENING, people.heavy(rng, SEAT_MEDIAN), where)
            sender = people.sender(rng, owner, home, "desktop", load)
            sender.clients = (laptop,)
            yield owner, [sender]


def front_page(_ground: Ground, rng: Rng, count: int) -> Made:
    """300 sign-ups in the 30 hours of a story, seven in ten with one SDK on machines in three clouds."""
    for size in blocks(count, 300):
        story = START + float(rng.uniform(0.5, 4.0)) * DAY
        clouds = [networks.network(rng, "hosting") for _ in range(3)]
        row = fingerprints.build(rng, "sdk")
        program = Client(row.user_agent, row.ja4, row.ja4, None, sessions=False)
        for _ in range(size):
            where, created = people.country(rng), story + 30 * HOUR * float(rng.beta(1.2, 2.0))
            paid = rng.random() < 0.15
            own = people.card_facts(cards.ordinary(rng, where), 20.0) if paid else FREE
            owner = member(rng, "front_page", created, own)
            if rng.random() < 0.7:
                machine = Fixed(networks.v4(rng, clouds[int(rng.integers(3))]))
                sender = people.sender(rng, owner, machine, "sdk", local(PROGRAM, people.heavy(rng, 6.0), where))
                sender.clients = (program,)
            else:
                load = local(EVENING, people.heavy(rng, SEAT_MEDIAN), where)
                sender = people.sender(rng, owner, places.home(rng, where), people.machine(rng), load)
            yield owner, [sender]


def rare_client(_ground: Ground, rng: Rng, count: int) -> Made:
    """30 paying subscribers, at home in many countries, of one client of their own: 150 requests a day."""
    for size in blocks(count, 30):
        ja4 = fingerprints.odd_ja4(int(rng.integers(1000, 90_000)))
        row = Build(1.0, f"client-{fingerprints.hexes(rng, 6)}/2.4", ja4)
        for _ in range(size):
            where, age = people.country(rng), float(rng.uniform(15, 400))
            settled = 20.0 * (1 + int(age) // 30)
            payment = people.card_facts(cards.ordinary(rng, where), settled)
            owner = member(rng, "rare_client", START - age * DAY, payment)
            load = local(replace(EVENING, size=8.0), people.heavy(rng, 150.0, 0.9), where)
            sender = people.sender(rng, owner, places.home(rng, where), "desktop", load)
            sender.clients = (fingerprints.copy(rng, row),)
            yield owner, [sender]


def arrears(_ground: Ground, rng: Rng, count: int) -> Made:
    """500 seats in a week at one office on one credit card whose invoice has failed; three models of laptop."""
    for size in blocks(count, 500):
        where = people.country(rng)
        office, card, domain = _line(rng, "business", where), _unsettled_card(rng, where), _domain(rng)
        laptops = [fingerprints.build(rng, "desktop") for _ in range(3)]
        for seat in range(size):
            owner = member(rng, "arrears", _working_week(rng, where), card)
            owner.facts["organisation"], owner.domain = {"id": domain, "verified": False}, domain
            place = Commute(office, places.home(rng, where), offset(where), 0.1)
            yield owner, [_desk(rng, owner, place, where, fingerprints.copy(rng, laptops[seat % 3]))]


def sdk_servers(_ground: Ground, rng: Rng, count: int) -> Made:
    """180 programs on a rented machine each, with five handshakes of SDKs; one of them makes 5,000 a day."""
    for size in blocks(count, 180):
        kinds = [r for r in fingerprints.SDK if "acme" in r.user_agent]
        handshakes = list(dict.fromkeys(row.ja4 for row in kinds))[:5]
        for number in range(size):
            where = people.country(rng)
            daily = people.heavy(rng, 15.0, 1.8) if number else FASTEST_SERVER
            paid = number == 0 or bool(rng.random() < 0.5)
            owner = people.account(rng, "sdk_servers", where, people.joined(rng, where), paid=paid)
            machine = Fixed(networks.v4(rng, networks.network(rng, "hosting", where)))
            sender = people.sender(rng, owner, machine, "sdk", local(PROGRAM, daily, where))
            ja4 = handshakes[int(rng.integers(5))]
            agent = str(rng.choice([row.user_agent for row in kinds if row.ja4 == ja4]))
            sender.clients = (Client(agent, ja4, ja4, None, sessions=False),)
            yield owner, [sender]


def mislabelled_office(_ground: Ground, rng: Rng, count: int) -> Made:
    """115 people of all ages and plans behind one office line that address lists call a hosting company's."""
    for size in blocks(count, 115):
        where = people.country(rng)
        office, domain = _line(rng, "hosting", where), _domain(rng)
        for _ in range(size):
            paid = bool(rng.random() < 0.45)
            owner = people.account(rng, "mislabelled_office", where, people.joined(rng, where), paid=paid)
            owner.domain = domain
            yield owner, [_desk(rng, owner, Commute(office, places.home(rng, where), offset(where)), where)]


def mislabelled_room(_ground: Ground, rng: Rng, count: int) -> Made:
    """40 people who sign up in a room within 25 minutes, on a line that address lists call a hosting company's."""
    for size in blocks(count, 40):
        where = str(rng.choice(["US", "DE", "FR", "NL"]))
        line, lesson = _line(rng, "hosting", where), int(rng.integers(2**63))
        opens = START + int(rng.integers(1, 5)) * DAY + 13 * HOUR - offset(where)
        for _ in range(size):
            owner = member(rng, "mislabelled_room", opens + float(rng.uniform(0, 1500)), FREE)
            there = people.sender(rng, owner, line, people.machine(rng), WORKSHOP)
            there.start, there.end = owner.created + 120, opens + 4 * HOUR
            there.shapes, there.templated, there.verbatim = (lesson,), 0.7, True
            load = local(EVENING, people.heavy(rng, 1.0), where)
            later = people.sender(rng, owner, places.home(rng, where), "desktop", load)
            later.clients, later.start = there.clients, opens + 6 * HOUR
            yield owner, [there, later]
