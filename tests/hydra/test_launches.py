"""An application's first day on a few clouds looks like a script on rented machines; its use does not."""

import random

import numpy as np
import pytest

from reputation.hydra.cores import Group
from reputation.hydra.families import FAMILIES
from reputation.hydra.launches import Launches
from reputation.hydra.linker import Linker
from reputation.hydra.sightings import Known, Sighting
from tests.hydra.crowd import HOUR, NOW, honest


def heavy(rng):
    return max(3, min(round(rng.lognormvariate(2.5, 1.3)), 400))


def even(_rng):
    return 14


def people(linker, requests=heavy):
    names = honest(linker)
    rng = random.Random(8)
    for name in names:
        for _ in range(requests(rng)):
            linker.see(Sighting(NOW - rng.uniform(0, 20 * HOUR), name))
    return names


def users(linker, requests, count=60, funding=None):
    """Programs of one SDK on one cloud, of accounts that were made within six hours."""
    rng = random.Random(9)
    names = [f"u{n}" for n in range(count)]
    for n, name in enumerate(names):
        created = NOW - 8 * HOUR + rng.uniform(0, 6 * HOUR)
        card = {} if funding is None else {"card": f"c{n}", "funding": funding, "iin": "533333"}
        linker.know(Known(name, created, "free", **card))
        for at in [created, *(rng.uniform(created, NOW) for _ in range(requests(rng)))]:
            linker.see(
                Sighting(
                    at, name, f"172.16.{n}.7", f"172.16.{n}.0/24", 64500, "DE", "hosting", "ja4-sdk", "sdk/1.0",
                    model="m-1",
                )
            )  # fmt: skip
    return names


def linked(linker, names):
    links = linker.epoch(NOW)
    return [name for name in names if name in links.members]


def test_uneven_use_of_one_application_on_one_cloud_is_left_alone_and_even_work_is_not():
    for requests, found in ((heavy, False), (even, True)):
        linker = Linker()
        people(linker)
        names = users(linker, requests)
        assert (len(linked(linker, names)) > 0.9 * len(names)) is found


def test_what_turns_out_to_be_a_launch_is_let_go():
    """Five requests each, then as people use it."""
    linker = Linker()
    people(linker)
    names = users(linker, lambda _: 5)
    assert len(linked(linker, names)) > 0.9 * len(names)
    rng = random.Random(3)
    for n, name in enumerate(names):
        net = f"172.16.{n}.0/24"
        linker.see_many(
            Sighting(NOW + 60, name, net[:-4] + "7", net, 64500, "DE", "hosting", "ja4-sdk", "sdk/1.0", model="m-1")
            for _ in range(heavy(rng))
        )
    assert not linker.epoch(NOW + 120).members


@pytest.mark.parametrize("seen", [0, 4, 20])
def test_a_restored_cluster_is_kept_while_the_use_of_few_members_is_known(seen):
    linker, after = Linker(), Linker()
    people(linker)
    names = users(linker, even)
    found = linked(linker, names)
    after.restore(linker.export())
    people(after)
    rng = random.Random(3)
    for name in found[:seen]:
        after.see_many(Sighting(NOW - 60.0, name, model="m-1") for _ in range(heavy(rng)))
    assert linked(after, names) == found


def test_a_restored_cluster_is_kept_by_an_epoch_on_an_empty_ledger():
    linker, after = Linker(), Linker()
    people(linker)
    names = users(linker, even)
    found = linked(linker, names)
    after.restore(linker.export())
    assert found
    assert linked(after, names) == found


def test_uneven_use_excuses_nothing_that_an_application_does_not_explain():
    linker = Linker()
    people(linker)
    names = users(linker, heavy, funding="prepaid")
    assert len(linked(linker, names)) > 0.9 * len(names)


def test_heads_of_unequal_age_at_one_rate_are_even():
    linker = Linker()
    people(linker)
    ages = np.geomspace(1.5, 20, 40)
    for n, age in enumerate(ages.tolist()):
        linker.see_many(Sighting(NOW - age * HOUR * (1 - k / (4 * age)), f"x{n}") for k in range(round(4 * age)))
    linker.ledger.absorb()
    linker.ledger.turn(NOW)
    members = np.array(sorted(linker.ledger.accounts.ids[f"x{n}"] for n in range(len(ages))))
    group = Group(members, np.zeros(len(members)), frozenset(map(FAMILIES.index, ("network", "software", "time"))))
    assert Launches(linker.ledger).without([group]) == [group]
