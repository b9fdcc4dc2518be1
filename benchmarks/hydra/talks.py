"""Honest populations whose prompts look like those of a relay: conversations that people share, and shared prompts.

Each class is drawn from its description alone, before any detector was run on it, and not to be tuned to one.
Without the shapes of prompts (`--content`) they are a forum's members, a call centre and a company like others.
"""

import numpy as np
from msgspec.structs import replace

from benchmarks.hydra import cards, fingerprints, people, places
from benchmarks.hydra.clock import DAY, HOUR, START, offset
from benchmarks.hydra.ground import Ground
from benchmarks.hydra.lookalikes import DESK, EVENING, FREE, SEAT_MEDIAN, blocks, member
from benchmarks.hydra.model import Made, Pooled, local
from benchmarks.hydra.prompts import READY
from benchmarks.hydra.together import SHIFT

Rng = np.random.Generator

SHIFTS = (0.0, 8 * HOUR, 16 * HOUR)
LIBRARY = 60  # prompts that a company's people share


def forks(_ground: Ground, rng: Rng, count: int) -> Made:
    """90 members of a forum, of all countries and ages, who publish conversations and go on with each other's."""
    for size in blocks(count, 90):
        forum = Pooled(int(rng.integers(2**63)), 0.2, 15.0)
        for _ in range(size):
            where, daily = people.country(rng), people.heavy(rng, 2 * SEAT_MEDIAN)
            created = people.joined(rng, where, 0.2)
            owner = people.account(rng, "forks", where, created, paid=people.pays(rng, daily, -1.0))
            reader = people.sender(
                rng, owner, places.home(rng, where), people.machine(rng), local(EVENING, daily, where)
            )
            reader.pooled = forum
            yield owner, [reader]


def support_desk(_ground: Ground, rng: Rng, count: int) -> Made:
    """90 agents at home, free accounts of one morning, one model of laptop, three shifts that hand tickets on."""
    for size in blocks(count, 90):
        where, tickets = people.country(rng), Pooled(int(rng.integers(2**63)), 0.7, 120.0)
        opens, laptop = START + 9 * HOUR - offset(where), fingerprints.build(rng, "desktop")
        for seat in range(size):
            owner = member(rng, "support_desk", opens + float(rng.uniform(0, 3 * HOUR)), FREE)
            load = replace(local(SHIFT, people.heavy(rng, 30.0, 0.8), where), shape=3.0)
            load = replace(load, offset=load.offset + SHIFTS[seat % 3])
            agent = people.sender(rng, owner, places.home(rng, where), "desktop", load)
            agent.clients, agent.pooled = (fingerprints.copy(rng, laptop),), tickets
            yield owner, [agent]


def shared_prompts(_ground: Ground, rng: Rng, count: int) -> Made:
    """100 seats of one week, at home in two countries, whose company keeps a library of prompts; not yet paid."""
    for size in blocks(count, 100):
        homes = rng.choice(list(people.COUNTRIES), 2, replace=False).tolist()
        library = tuple(int(rng.integers(2**63)) for _ in range(LIBRARY // READY))
        card = people.card_facts(replace(cards.ordinary(rng, homes[0]), funding="credit"), 0.0)
        for seat in range(size):
            where = homes[seat % 2]
            created = START + 9 * HOUR - offset(where) + int(rng.integers(3)) * DAY + float(rng.uniform(0, 8 * HOUR))
            owner = member(rng, "shared_prompts", created, card)
            load = local(DESK, people.heavy(rng, 2 * SEAT_MEDIAN), where)
            worker = people.sender(rng, owner, places.home(rng, where), people.machine(rng), load)
            worker.shapes, worker.templated, worker.verbatim = library, 0.8, True
            yield owner, [worker]
