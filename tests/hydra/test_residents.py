"""A network for hire is a place if the accounts behind it are used as people use theirs."""

import numpy as np
import pytest

from reputation.hydra.ledger import Ledger
from reputation.hydra.overt import Places
from reputation.hydra.residents import Residents
from reputation.hydra.sightings import Known, Sighting

DAY, HOUR = 86_400.0, 3600.0
NOW = 20_000 * DAY
SCHOOL = (8, 15)


def put(ledger, name, dice, requests, *, net, hours, days=(1, 2, 3), kind="hosting", **facts):
    """An account in one network that makes so many requests on some days, between two hours of each."""
    ledger.know(Known(name, NOW - 90 * DAY, **facts))
    at = NOW - dice.choice(days, size=requests) * DAY + dice.uniform(*hours, size=requests) * HOUR
    where = {"host": f"{net}.1", "net": net, "asn": 7, "network": kind}
    ledger.see_many(Sighting(float(one), name, **where) for one in sorted(at))


def world(loads, hours, *, days=(1, 2, 3), nets=("gateway",), people=60, around=(), awake=SCHOOL):
    """Places and a group of accounts behind `nets`; around: loads of others who were there before, in hours `awake`."""
    ledger, dice = Ledger(), np.random.default_rng(3)
    for number in range(people):
        wakes = int(dice.integers(24))
        busy = int(3 + 40 * np.exp(1.3 * dice.normal()))
        home = {"net": f"home-{number}", "kind": "residential"}
        put(ledger, f"p{number}", dice, busy, hours=(wakes, wakes + 14), proven=True, settled_usd=300.0, **home)
    for number, load in enumerate(around):
        put(ledger, f"b{number}", dice, load, net=nets[0], hours=awake)
    for number, load in enumerate(loads):
        for net in nets:
            put(ledger, f"m{number}", dice, load, net=net, hours=hours, days=days)
    ledger.absorb()
    return Places(ledger), np.array(sorted(ledger.accounts.ids[f"m{n}"] for n in range(len(loads))))


def heavy(count, spread=1.0, seed=8):
    dice = np.random.default_rng(seed)
    return [int(5 + 20 * np.exp(spread * dice.normal())) for _ in range(count)]


def test_pupils_behind_a_filter_in_a_data_centre_are_in_one_place():
    places, pupils = world(heavy(30), SCHOOL)
    assert places.one(pupils)


@pytest.mark.parametrize(
    ("loads", "hours"), [(heavy(30), (0, 24)), ([66] * 30, (6, 22))], ids=["sleepless", "even by day"]
)
def test_heads_behind_one_rented_address_are_in_no_place(loads, hours):
    places, heads = world(loads, hours)
    assert not places.one(heads)


def test_a_lesson_may_be_even_for_all_are_awake_in_the_same_few_hours():
    places, pupils = world([20] * 30, (9, 11))
    assert places.one(pupils)


def test_heads_that_share_several_rented_networks_are_in_no_place_whatever_their_hours():
    places, heads = world(heavy(30), SCHOOL, nets=("rented-1", "rented-2"))
    assert not places.one(heads)


def test_without_people_to_compare_with_a_network_for_hire_is_no_place():
    places, pupils = world(heavy(30), SCHOOL, people=5)
    assert not places.one(pupils)


def test_a_new_class_is_judged_by_its_unevenness_until_it_was_seen_for_a_night():
    today = (0,)  # hours before NOW
    places, pupils = world(heavy(20), (-6, -1), days=today)
    assert places.one(pupils)
    places, heads = world([20] * 20, (-6, -1), days=today)
    assert not places.one(heads)


def test_a_new_class_waits_for_its_night_if_those_who_were_there_before_do_not_sleep():
    places, pupils = world(heavy(20), (-6, -1), days=(0,), around=heavy(40), awake=(0, 24))
    assert not places.one(pupils)
    places, pupils = world(heavy(20), (-6, -1), days=(0,), around=heavy(40), awake=SCHOOL)
    assert places.one(pupils)


def test_too_few_requests_tell_nothing():
    ledger = Ledger()
    assert not Residents.seen_by(ledger).live_at(0, np.zeros(0, np.int64))
    places, pupils = world([1] * 10, (-6, -1), days=(0,))
    assert not places.one(pupils)
