"""Honest populations that begin, pause and stop together: by the clock, a timetable, a shift, an outage, a feed.

Each class is drawn from its description alone, before any detector was run on it, and not to be tuned to one.
Loads have a heavy tail that is not cut off, and are not brought to a mean.
"""

import numpy as np
from msgspec.structs import replace

from benchmarks.hydra import fingerprints, networks, people, places
from benchmarks.hydra.clock import DAY, HOUR, START, WEEK, offset
from benchmarks.hydra.ground import Ground
from benchmarks.hydra.lookalikes import EVENING, FREE, PROGRAM, blocks, member
from benchmarks.hydra.model import Load, Made, Sender, local
from benchmarks.hydra.places import Fixed, Pool
from benchmarks.hydra.spans import Span, within

Rng = np.random.Generator

SEMINAR = Load(60.0, "seminar", weekend=0.0, shape=6.0, size=4.0, gap=80.0, fixed=True, weekdays=(1, 3))
SHIFT = Load(60.0, "shift", shape=6.0, size=2.0, gap=60.0, fixed=True)
NIGHT_SHIFT = replace(SHIFT, hours="night shift")
TICK = Load(24.0, "flat", weekend=1.0, clockwork=True, fixed=True, phase=0.0)
TICKS_A_DAY = (96, 24, 24, 24, 4, 1)
BETWEEN = 15.0  # seconds between a schedule's requests
LASTS = 600.0  # seconds in which the watchers of a feed hear of an event
EVENTS_A_DAY = 12.0


def cron(_ground: Ground, rng: Rng, count: int) -> Made:
    """Programs of unrelated owners, half of them at home, that a schedule starts on the full hour or its quarters."""
    for _ in range(count):
        where = people.country(rng)
        owner = people.account(rng, "cron", where, people.joined(rng, where, 0.2), paid=bool(rng.random() < 0.3))
        rented = Fixed(networks.v4(rng, networks.network(rng, "hosting", where)))
        machine = rented if rng.random() < 0.5 else places.home(rng, where)
        ticks, each = int(rng.choice(TICKS_A_DAY)), min(60, max(1, round(people.heavy(rng, 1.0, 1.2))))
        first = people.sender(rng, owner, machine, "sdk", TICK)
        made: list[Sender] = []
        for request in range(each):
            phase = request * BETWEEN * ticks / DAY
            made += within(first, [(first.start, first.end)])
            made[-1].load = replace(TICK, daily=float(ticks), phase=phase)
        yield owner, made


def remote_course(_ground: Ground, rng: Rng, count: int) -> Made:
    """120 people in many countries who follow a course at home: two days a week, before and after one lunch."""
    for size in blocks(count, 120):
        clock = offset(str(rng.choice(["US", "GB", "DE", "IN"])))
        opens, lesson = START + DAY + 10 * HOUR - clock, int(rng.integers(2**63))
        for _ in range(size):
            where = people.country(rng)
            owner = member(rng, "remote_course", opens + float(rng.uniform(0, 1.5 * HOUR)), FREE)
            load = replace(SEMINAR, daily=people.heavy(rng, 40.0, 0.8), offset=clock)
            student = people.sender(rng, owner, places.home(rng, where), people.machine(rng), load)
            student.shapes, student.templated, student.verbatim = (lesson,), 0.7, True
            yield owner, [student]


def shift(_ground: Ground, rng: Rng, count: int) -> Made:
    """A call centre of 90 that works at home: new free accounts of one day, one shift with one lunch, every day."""
    for size in blocks(count, 90):
        where = people.country(rng)
        opens = START + 9 * HOUR - offset(where)
        for _ in range(size):
            owner = member(rng, "shift", opens + float(rng.uniform(0, 3 * HOUR)), FREE)
            load = local(SHIFT, people.heavy(rng, 30.0, 0.8), where)
            yield owner, [people.sender(rng, owner, places.home(rng, where), people.machine(rng), load)]


def night_shift(_ground: Ground, rng: Rng, count: int) -> Made:
    """An office of 90 that serves another continent at night: one morning's free accounts, two breaks of an hour."""
    for size in blocks(count, 90):
        where = people.country(rng)
        office = Fixed(networks.v4(rng, networks.network(rng, "business", where)))
        opens, laptop = START + 9 * HOUR - offset(where), fingerprints.build(rng, "desktop")
        for _ in range(size):
            owner = member(rng, "night_shift", opens + float(rng.uniform(0, 3 * HOUR)), FREE)
            load = local(NIGHT_SHIFT, people.heavy(rng, 30.0, 0.8), where)
            agent = people.sender(rng, owner, office, "desktop", load)
            agent.clients = (fingerprints.copy(rng, laptop),)
            yield owner, [agent]


def appliance(_ground: Ground, rng: Rng, count: int) -> Made:
    """90 users of one program of this week on a machine at home, which hears of a feed's events by day and by night."""
    for size in blocks(count, 90):
        release, spans = START + float(rng.uniform(0, 1)) * DAY, _events(rng)
        build = fingerprints.Build(1.0, f"{fingerprints.hexes(rng, 6)}-hub/1.4", fingerprints.PYTHON)
        for _ in range(size):
            where = people.country(rng)
            owner = member(rng, "appliance", release + float(rng.beta(1.2, 2.0)) * DAY, FREE)
            load = local(replace(PROGRAM, size=1.0), people.heavy(rng, 10.0, 0.8), where)
            hub = people.sender(rng, owner, places.home(rng, where), "sdk", load)
            hub.clients, hub.feed = (fingerprints.copy(rng, build),), int(spans[0][0] * 1000)
            yield owner, list(within(hub, spans, DAY / (LASTS * EVENTS_A_DAY))) or [hub]


def outage(ground: Ground, rng: Rng, count: int) -> Made:
    """150 phones of one carrier, out of service twice for one to three hours: all pause, and come back, together."""
    for size in blocks(count, 150):
        where = people.country(rng)
        carrier = Pool(ground.carriers[where][0])
        cuts = sorted(START + float(rng.uniform(0.3, 3.7)) * DAY for _ in range(2))
        edges = [START, *(edge for cut in cuts for edge in (cut, cut + float(rng.uniform(1, 3)) * HOUR)), START + WEEK]
        for _ in range(size):
            paid = bool(rng.random() < 0.3)
            owner = people.account(rng, "outage", where, people.joined(rng, where, 0.2), paid=paid)
            phone = people.sender(rng, owner, carrier, "phone", local(EVENING, people.heavy(rng, 5.0), where))
            yield owner, list(within(phone, zip(edges[::2], edges[1::2], strict=True)))


def _events(rng: Rng) -> list[Span]:
    """Times of a feed's events in the week, each with the time in which it is read."""
    events = START + np.cumsum(rng.exponential(DAY / EVENTS_A_DAY, int(7 * EVENTS_A_DAY)))
    return [(at, at + LASTS) for at in events.tolist() if at < START + WEEK]


def followers(_ground: Ground, rng: Rng, count: int) -> Made:
    """90 users of a browser extension of this week that reads a feed's events at once, while their machine is on."""
    for size in blocks(count, 90):
        release = START + float(rng.uniform(0, 1)) * DAY
        spans = _events(rng)
        feed = int(spans[0][0] * 1000)
        for _ in range(size):
            where = people.country(rng)
            owner = member(rng, "followers", release + float(rng.beta(1.2, 2.0)) * DAY, FREE)
            load = local(replace(EVENING, size=1.0), people.heavy(rng, 2.0, 1.0), where)
            reader = people.sender(rng, owner, places.home(rng, where), "desktop", load)
            reader.clients = (fingerprints.client(rng, "desktop", 0.0),)
            reader.feed = feed
            found = list(within(reader, spans, DAY / LASTS))
            yield owner, found or [reader]
