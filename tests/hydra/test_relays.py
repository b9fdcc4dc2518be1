"""Aged accounts with one borrowed handshake that move between homes and work evenly are linked; people are not."""

import random

import pytest

from reputation.hydra.linker import Linker
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.sightings import Known, Sighting
from tests.hydra.crowd import DAY, NOW

AGENTS = [
    f"Mozilla/5.0 ({system}) {browser}/{n}.0"
    for system in ("Windows NT 10.0", "Macintosh; Intel Mac OS X 10_15_7")
    for n, browser in ((142, "Chrome"), (144, "Firefox"))
]
GO = "ja4 of Go"
COUNTRIES = ("US", "DE", "BR", "IN", "JP")
DAYS = 2


def use(linker, rng, name, *, daily, ja4=None, agent=None, moves=False, network="residential", net=None):
    """Two days of one program, in one home, or in another country's every six hours."""
    agent = agent or rng.choice(AGENTS)
    homes = [net or f"10.{rng.randrange(250)}.{rng.randrange(250)}.0/24" for _ in range(4 * DAYS if moves else 1)]
    for _ in range(max(3, round(daily * DAYS))):
        ago = rng.uniform(0, DAYS * DAY)
        spot = int(ago / DAY * 4) % len(homes)
        home, country = homes[spot], COUNTRIES[spot % len(COUNTRIES)] if moves else "US"
        linker.see(
            Sighting(
                NOW - ago, name, home[:-4] + "7", home, 100 + int(home.split(".")[2]) % 60, country, network,
                ja4 or f"ja4 of {agent}", agent, model="m-1",
            )
        )  # fmt: skip


def people(linker, count=300):
    """Half of them proven, one in thirty on a journey, one in ten with a program in Go; their use is uneven."""
    rng = random.Random(1)
    for n in range(count):
        linker.know(Known(f"h{n}", NOW - rng.uniform(4, 600) * DAY, "free", proven=n % 2 == 0))
        program = {"agent": "goterm/1.0", "ja4": GO} if n % 10 < 1 else {}
        use(linker, rng, f"h{n}", daily=min(rng.lognormvariate(2.0, 1.3), 200.0), moves=n % 30 == 1, **program)


def aged(linker, count=60, *, daily=lambda _: 22.0, moves=lambda _: True, **how):
    """Accounts that are a year old with one handshake under everybody's browsers; three in ten are proven."""
    rng = random.Random(2)
    names = [f"x{n}" for n in range(count)]
    for n, name in enumerate(names):
        linker.know(Known(name, NOW - rng.uniform(200, 600) * DAY, "free", proven=n % 10 < 3))
        use(linker, rng, name, daily=daily(rng), moves=moves(rng), **({"ja4": GO} | how))
    return names


def linked(names, linker):
    members = linker.epoch(NOW).members
    assert not [name for name in members if name.startswith("h")]
    return [name for name in names if name in members]


def test_aged_accounts_of_a_relay_are_linked_but_for_the_proven():
    linker = Linker()
    people(linker)
    found = linked(aged(linker), linker)
    assert len(found) >= 36  # of 42
    assert not [name for name in found if int(name[1:]) % 10 < 3]


@pytest.mark.parametrize("part", ["relays", "software", "rotation", "load"])
def test_what_makes_a_relay_can_be_switched_off(part):
    linker = Linker(LinkerSettings(without=(part,)))
    people(linker)
    assert not linked(aged(linker), linker)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"moves": lambda rng: rng.random() < 0.05}, id="users of an antivirus product, some on a journey"),
        pytest.param({"network": "vpn"}, id="users of its tunnel"),
        pytest.param({"daily": lambda rng: min(rng.lognormvariate(2.0, 1.3), 200.0)}, id="a company of travellers"),
        pytest.param({"ja4": None}, id="travellers in their own browsers"),
        pytest.param({"net": "192.0.2.0/24"}, id="one office"),
    ],
)
def test_people_whose_handshake_something_on_the_way_rewrites_are_not_linked(how):
    linker = Linker()
    people(linker)
    assert not linked(aged(linker, **how), linker)
