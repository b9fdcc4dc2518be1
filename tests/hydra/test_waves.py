"""Heads that share their day of sign-up, sleepless hours and even work are found; people who share less are not."""

import random

import numpy as np
import pytest

from reputation.hydra.families import INDEX
from reputation.hydra.items import collect
from reputation.hydra.ledger import Ledger
from reputation.hydra.linker import Linker
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.rhythm import ENOUGH, NIGHT, PEOPLE, at_night, daily_use
from reputation.hydra.sightings import Known, Sighting
from tests.hydra.crowd import DAY, HOUR, NOW

AGENTS = [
    f"Mozilla/5.0 ({system}) {browser}/{n}.0"
    for system in ("Windows NT 10.0", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64")
    for n, browser in ((142, "Chrome"), (144, "Firefox"))
]
DAYS = 3


def awake(rng):
    return rng.uniform(0, 24)


def asleep(rng):
    return rng.uniform(7, 23)


def use(linker, name, hours=awake, daily=22.0, agent=None, rng=None, net=None, network="residential"):
    """So many requests a day for three days, at home."""
    rng = rng or random.Random(name)
    midnight = NOW - NOW % DAY - DAYS * DAY
    agent = agent or rng.choice(AGENTS)
    net = net or f"10.{rng.randrange(250)}.{rng.randrange(250)}.0/24"
    for at in [midnight, midnight + DAYS * DAY - 60, *(midnight + DAY * rng.randrange(DAYS) + HOUR * hours(rng)
               for _ in range(round(daily * DAYS)))]:  # fmt: skip
        linker.see(
            Sighting(
                at, name, net.replace(".0/", f".{rng.randrange(250)}/")[:-3], net, rng.randrange(40), "US", network,
                f"ja4 of {agent}", agent, model="m-1",
            )
        )  # fmt: skip


def people(linker, count=300):
    """Half of them proven: they sleep, and their use is uneven."""
    rng = random.Random(1)
    names = [f"h{n}" for n in range(count)]
    for n, name in enumerate(names):
        linker.know(Known(name, NOW - rng.uniform(4, 600) * DAY, "free", proven=n % 2 == 0))
        use(linker, name, asleep, min(rng.lognormvariate(3.0, 1.2), 300.0))
    return names


def heads(linker, count=40, age=5 * DAY, **how):
    names = [f"x{n}" for n in range(count)]
    for name in names:
        rng = random.Random(name)
        linker.know(Known(name, NOW - age - rng.uniform(0, 8 * HOUR), "free"))
        use(linker, name, **({"daily": rng.uniform(20, 24)} | how))
    return names


def linked(names, linker):
    links = linker.epoch(NOW)
    return [name for name in names if name in links.members]


def test_even_work_around_the_clock_on_heads_of_one_day_is_found_and_nobody_else_is():
    linker = Linker()
    found = linked(people(linker) + (wave := heads(linker)), linker)
    assert set(found) <= set(wave)
    assert len(found) > 0.8 * len(wave)


@pytest.mark.parametrize(
    "how",
    [
        {"hours": asleep},
        {"agent": "homelab/2.1"},
        {"net": "192.0.2.0/24"},
        {"network": "hosting"},
    ],
    ids=["they sleep", "one program", "one place", "servers"],
)
def test_what_people_do_too_is_left_alone(how):
    linker = Linker()
    people(linker)
    assert not linked(heads(linker, **how), linker)


def test_uneven_use_is_left_alone():
    linker = Linker()
    people(linker)
    rng = random.Random(4)
    names = [f"x{n}" for n in range(40)]
    for name in names:
        linker.know(Known(name, NOW - 5 * DAY - rng.uniform(0, 8 * HOUR), "free"))
        use(linker, name, daily=max(9.0, min(rng.lognormvariate(3.0, 1.2), 300.0)))
    assert not linked(names, linker)


def test_sign_ups_at_any_time_are_no_wave():
    linker = Linker()
    people(linker)
    names = [f"x{n}" for n in range(40)]
    for n, name in enumerate(names):
        linker.know(Known(name, NOW - (4 + 20 * n) * DAY, "free"))
        use(linker, name)
    assert not linked(names, linker)


@pytest.mark.parametrize("part", ["waves", "time", "rhythm", "load"])
def test_each_part_of_it_can_be_switched_off(part):
    linker = Linker(LinkerSettings(without=(part,)))
    people(linker)
    assert not linked(heads(linker), linker)


def sleepless(count, network="residential"):
    """Names of the accounts that do not sleep, beside so many proven people."""
    ledger = Ledger()
    for n in range(count):
        ledger.know(Known(f"h{n}", NOW - 90 * DAY, proven=True))
        use(ledger, f"h{n}", asleep)
    use(ledger, "x", network=network)
    use(ledger, "y", network=network)
    use(ledger, "z", asleep)
    ledger.absorb()
    found = collect(ledger, np.ones(ledger.size, bool), NOW)
    return {ledger.accounts.names[n] for n in found.accounts[found.kind[found.items] == INDEX["sleepless"]]} & set(
        "xyz"
    )


def test_what_sleep_is_is_learnt_from_accounts_above_suspicion():
    assert sleepless(PEOPLE) == {"x", "y"}
    assert not sleepless(PEOPLE - 1)
    assert not sleepless(PEOPLE, "hosting")


def test_the_quietest_hours_may_lie_across_midnight():
    by_hour = np.ones((3, 24))
    by_hour[1, 22:] = by_hour[1, : NIGHT - 2] = 0.0
    by_hour[2, 5 : 5 + NIGHT - 1] = 0.0
    assert at_night(by_hour) == pytest.approx([NIGHT / 24, 0.0, 1 / (24 - NIGHT + 1)])


def test_use_is_a_day_s_and_a_first_day_counts_whole():
    ledger = Ledger()
    for n in range(2 * ENOUGH):
        ledger.see(Sighting(NOW + n, "new"))
        ledger.see(Sighting(NOW + n * 4 * DAY / (2 * ENOUGH - 1), "old"))
    ledger.absorb()
    assert daily_use(ledger, np.arange(2)) == pytest.approx([2 * ENOUGH, ENOUGH / 2])
