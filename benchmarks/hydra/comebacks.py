"""Honest populations whose load rises within minutes: when a colleague is stopped, or a service is back.

Each class is drawn from its description alone, before any detector was run on it, and not to be tuned to one.
"""

import numpy as np
from msgspec.structs import replace

from benchmarks.hydra import fingerprints, people, places
from benchmarks.hydra.clock import DAY, HOUR, START, WEEK, offset
from benchmarks.hydra.ground import Ground
from benchmarks.hydra.lookalikes import EVENING, FREE, blocks, member
from benchmarks.hydra.model import Made, Sender, local
from benchmarks.hydra.spans import within
from benchmarks.hydra.together import SHIFT

Rng = np.random.Generator

BUSY = 300.0  # requests a day of the median of a team: more than entry allowances and a reserve give
RUSH, RUSH_TAKES = 6.0, HOUR / 3


def relief_team(_ground: Ground, rng: Rng, count: int) -> Made:
    """Teams of 40 at home with free accounts of one week, busy enough to be stopped; a colleague then takes over."""
    for size in blocks(count, 40):
        where, team = people.country(rng), fingerprints.hexes(rng, 8)
        for _ in range(size):
            created = START + 9 * HOUR - offset(where) + int(rng.integers(2)) * DAY + float(rng.uniform(0, 8 * HOUR))
            owner = member(rng, "relief_team", created, FREE)
            owner.team = team
            load = local(SHIFT, people.heavy(rng, BUSY, 0.8), where)
            yield owner, [people.sender(rng, owner, places.home(rng, where), people.machine(rng), load)]


def comeback(_ground: Ground, rng: Rng, count: int) -> Made:
    """150 users of all countries, new in the week, whom two outages of this API cut off; then all come back at once."""
    for size in blocks(count, 150):
        cuts = sorted(START + float(rng.uniform(0.5, 3.7)) * DAY for _ in range(2))
        ends = [cut + float(rng.uniform(0.5, 2)) * HOUR for cut in cuts]
        edges = [START, *(edge for pair in zip(cuts, ends, strict=True) for edge in pair), START + WEEK]
        for _ in range(size):
            where = people.country(rng)
            owner = member(rng, "comeback", START + float(rng.uniform(0, 1)) * DAY, FREE)
            load = local(replace(EVENING, size=2.0), people.heavy(rng, 10.0, 1.2), where)
            user = people.sender(rng, owner, places.home(rng, where), people.machine(rng), load)
            found: list[Sender] = list(within(user, zip(edges[::2], edges[1::2], strict=True)))
            rush = within(user, [(end, end + RUSH_TAKES) for end in ends], RUSH)
            yield owner, [*found, *rush]
