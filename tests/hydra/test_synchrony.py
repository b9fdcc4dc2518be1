"""Heads that a dispatcher starts and pauses together are found; people and programs that act together are not."""

import random

import numpy as np
import pytest

from reputation.hydra.bins import BINS
from reputation.hydra.families import INDEX
from reputation.hydra.items import collect
from reputation.hydra.linker import Linker
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.sightings import Known, Sighting
from reputation.hydra.synchrony import BUSY, JOBS, PAUSE, PEOPLE, spans_of, used, usual_hours
from tests.hydra.crowd import DAY, HOUR, NOW
from tests.hydra.test_waves import AGENTS, people

MINUTE = 60.0
TODAY = NOW - NOW % DAY - DAY
"""The day whose use is judged; it ends with the last sighting of `people`."""
JOBS_AT = (0.4, 4.6, 9.25, 14.8, 19.1)
"""Hours at which a dispatcher's queue has work: at any minute, by day and by night."""
LENGTH = 40 * MINUTE


def works(linker, name, begins, rng, chances=5, length=LENGTH, agent=None, net=None, network="residential"):
    """So many requests in each span that begins at these hours, at home."""
    agent = agent or rng.choice(AGENTS)
    net = net or f"10.{rng.randrange(250)}.{rng.randrange(250)}.0/24"
    for at in sorted(TODAY + HOUR * hour + rng.uniform(0, length) for hour in begins for _ in range(chances)):
        linker.see(
            Sighting(
                at, name, net.replace(".0/", f".{rng.randrange(250)}/")[:-3], net, rng.randrange(40), "US", network,
                f"ja4 of {agent}", agent, model="m-1",
            )
        )  # fmt: skip


def workers(linker, begins=lambda _: JOBS_AT, count=40, age=DAY, loads=lambda _: 5, **how):
    """Free accounts of one day, each at a home of its own with a common browser."""
    names = [f"x{n}" for n in range(count)]
    for name in names:
        rng = random.Random(name)
        linker.know(Known(name, TODAY - age + rng.uniform(0, 8 * HOUR), "free"))
        works(linker, name, begins(rng), rng, loads(rng), **how)
    return names


def found(names, linker):
    links = linker.epoch(TODAY + DAY - MINUTE)
    assert set(links.members) <= set(names)
    return [name for name in names if name in links.members]


def crew(settings=None, **how):
    linker = Linker(settings)
    people(linker, 160)
    return found(workers(linker, **how), linker)


def test_heads_of_a_dispatcher_are_found_and_nobody_else_is():
    assert len(crew()) > 0.8 * 40


@pytest.mark.parametrize("part", ["crews", "synchrony", "time", "load"])
def test_each_part_of_it_can_be_switched_off(part):
    assert not crew(LinkerSettings(without=(part,)))


def test_heads_behind_one_address_are_found_too():
    assert len(crew(net="192.0.2.0/24", agent="python-requests/2.32")) > 0.8 * 40


def uneven(rng):
    return round(min(max(rng.lognormvariate(1.0, 1.5), 1), 80))


@pytest.mark.parametrize(
    "how",
    [
        {"begins": lambda _: (9, 10, 13, 14, 15), "length": HOUR},
        {"begins": lambda _: (22, 1.4, 4.6), "length": 2.4 * HOUR, "loads": lambda _: 9},
        {"begins": lambda _: (13, 14, 15), "length": HOUR},
        {"begins": lambda _: range(0, 24, 3), "length": 5 * MINUTE},
        {"begins": lambda _: np.arange(0, 24, 0.25), "length": MINUTE, "loads": lambda _: 1},
        {"begins": lambda _: (8.4, 10.6, 13.25, 16.8, 20.1), "length": 20 * MINUTE},
        {"begins": lambda rng: [hour for hour in JOBS_AT if rng.random() < 0.9], "loads": uneven},
        {"agent": "homelab/2.1"},
        {"network": "hosting"},
        {"begins": lambda rng: [rng.uniform(0, 23) for _ in range(5)]},
    ],
    ids=[
        "office hours with lunch", "a night shift with two breaks", "an afternoon's lesson", "schedules on the hour",
        "schedules on the quarters", "events that people hear of by day", "uneven use", "one program, each at home",
        "servers", "each for itself",
    ],
)  # fmt: skip
def test_what_honest_accounts_do_together_is_left_alone(how):
    assert not crew(**how)


def test_two_shifts_of_one_day_are_no_crew():
    """Together they have as many spans as a dispatcher has jobs; none of them works in more than three."""
    linker = Linker()
    people(linker, 160)
    night, day = (22.1, 0.3, 3.4), (7.2, 11.8, 14.5)
    assert not found(workers(linker, lambda rng: night if rng.random() < 0.5 else day, length=HOUR / 2), linker)


def test_an_outage_makes_no_crew():
    """Everyone's use has two gaps, and all come back at once."""
    linker = Linker()
    people(linker, 160)

    def between(rng):
        return [
            hour for hour in (rng.uniform(7, 23) for _ in range(14)) if not 10.2 < hour < 11.9 and not 17 < hour < 19
        ]

    assert not found(workers(linker, between, loads=lambda _: 1), linker)


def test_sign_ups_at_any_time_are_no_crew():
    linker = Linker()
    people(linker, 160)
    names = [f"x{n}" for n in range(40)]
    for n, name in enumerate(names):
        linker.know(Known(name, TODAY - (4 + 20 * n) * DAY, "free"))
        works(linker, name, JOBS_AT, random.Random(name))
    assert not found(names, linker)


def kinds(linker):
    linker.ledger.absorb()
    ledger = linker.ledger
    items = collect(ledger, np.ones(ledger.size, bool), TODAY + DAY - MINUTE)
    return {items.kind[item] for item in items.items.tolist()}, items


def test_what_is_usual_is_learnt_from_accounts_above_suspicion():
    for count, learnt in ((2 * PEOPLE + 40, True), (PEOPLE - 1, False)):
        linker = Linker()
        people(linker, count)
        workers(linker)
        shown, _ = kinds(linker)
        assert (INDEX["in_step"] in shown) is learnt


def test_the_night_is_when_the_country_s_proven_accounts_are_quiet():
    linker = Linker()
    people(linker, 160)
    linker.ledger.absorb()
    hours = usual_hours(linker.ledger)
    klass = hours.klass[0]
    night = {int(slot) // 6 for slot in linker.ledger.bins.slots()[hours.night[klass]]}
    assert night <= {23, 0, 1, 2, 3, 4, 5, 6}
    assert hours.expected.sum(axis=1) == pytest.approx(1.0)


def test_an_account_shows_when_it_works_by_visits_with_pauses_between():
    linker = Linker()
    for name, minutes in (("bursts", (0, 10, 20, 300, 310, 320, 600)), ("one", range(0, 80, 10)), ("few", (0, 300))):
        for minute in minutes:
            linker.see(Sighting(TODAY + minute * MINUTE, name))
    linker.ledger.absorb()
    use = used(linker.ledger, np.arange(3), usual_hours(linker.ledger))
    assert [linker.ledger.accounts.names[n] for n in use.accounts] == ["bursts"]
    assert (use.busy.tolist(), use.visits.tolist()) == ([7], [3])
    assert BUSY <= 7


def test_jobs_are_parted_by_real_pauses_only():
    seen, usual = np.zeros(BINS, int), np.ones(BINS)
    seen[[10, 11, 20, 21, 40]] = 9
    excess = seen > 5
    assert spans_of(excess, seen, usual) == [(10, 12), (20, 22), (40, 41)]
    seen[12:20] = 4  # busier than usual: no pause
    assert spans_of(excess, seen, usual) == [(10, 22), (40, 41)]
    assert spans_of(np.isin(np.arange(BINS), [5, 5 + PAUSE]), seen, usual) == [(5, 6 + PAUSE)]
    assert JOBS > 3
