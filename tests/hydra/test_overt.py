"""Overt sharing: one bill makes a company, one place is no secret, and one application is no actor."""

import random

import numpy as np
import pytest

from reputation.hydra import overt
from reputation.hydra.families import FAMILIES, HIDING, INDEX
from reputation.hydra.ledger import Ledger
from reputation.hydra.overt import Places, applied, invoiced
from reputation.hydra.sightings import Known, Sighting


def shared(*settled, funding="credit", disputes=0):
    ledger = Ledger()
    for number, usd in enumerate(settled):
        ledger.know(Known(f"a{number}", card="c", funding=funding, settled_usd=usd, disputes=disputes))
    return invoiced(ledger)


def test_one_paid_card_explains_all_accounts_that_paid_with_it():
    assert shared(25.0, 30.0, 20.0, 40.0, 0.0) == dict.fromkeys(range(4), 0)


def test_cards_that_did_not_pay_for_four_fifths_explain_nobody():
    assert shared(25.0, 30.0, 20.0, 0.0, 0.0) == {}


def test_prepaid_cards_and_disputed_ones_explain_nobody():
    assert shared(25.0, 25.0, funding="prepaid") == {}
    assert shared(25.0, 25.0, disputes=1) == {}


def test_one_account_is_no_company_and_no_cards_are_none():
    assert shared(25.0) == {}
    assert invoiced(Ledger()) == {}


def placed(networks, kind, asn=7):
    """Whether accounts mainly seen in these networks are in one place; each is seen once elsewhere too."""
    ledger = Ledger()
    for number, net in enumerate(networks):
        for at, where in enumerate((net, net, f"elsewhere-{number}")):
            ledger.see(Sighting(1000.0 + at, f"a{number}", host=where, net=where, asn=asn, network=kind))
    ledger.absorb()
    return Places(ledger).one(np.arange(len(networks)))


@pytest.mark.parametrize("kind", ["education", "business", "residential", None])
def test_accounts_mainly_seen_where_people_are_are_in_one_place(kind):
    assert placed(["room"] * 4 + ["home-1", "home-2"], kind)


def test_of_a_large_group_a_sample_tells():
    assert placed(["campus"] * 400 + [f"home-{n}" for n in range(600)], "education")
    assert not placed(["campus"] * 200 + [f"home-{n}" for n in range(800)], "education")


def test_many_groups_are_told_as_each_alone_would_be(monkeypatch):
    monkeypatch.setattr(overt, "AT_ONCE", 3)
    ledger, dice = Ledger(), random.Random(5)
    for number in range(120):
        for _ in range(3):
            asn, net = dice.choice([7, None]), f"net-{dice.randrange(9)}"
            ledger.see(Sighting(1000.0, f"a{number}", host=net, net=net, asn=asn))
    ledger.absorb()
    groups = [np.array(sorted(dice.sample(range(120), dice.randrange(9)))) for _ in range(50)]
    groups = [group.astype(np.int64) for group in groups]
    at_once, alone = Places(ledger), Places(ledger)
    assert at_once.excused(groups).tolist() == [alone.excuse(group) for group in groups]
    assert 0 < at_once.together(groups).sum() < 50


@pytest.mark.parametrize("kind", sorted(HIDING))
def test_networks_for_hire_and_carriers_are_no_place(kind):
    assert not placed(["room"] * 6, kind)


def test_scattered_accounts_and_addresses_of_no_known_operator_are_in_no_place():
    assert not placed(["room"] * 2 + [f"home-{n}" for n in range(5)], "residential")
    assert not placed(["room"] * 6, None, asn=None)
    assert not Places(Ledger()).one(np.arange(0))


def test_who_was_in_a_place_once_belongs_to_it_though_mostly_on_the_road():
    ledger = Ledger()
    for name in "abc":
        for at, (net, kind) in enumerate([("home", "residential"), *[(f"carrier-{name}", "mobile")] * 4]):
            ledger.see(Sighting(1000.0 + at, name, net=net, asn=7, network=kind))
    ledger.absorb()
    assert Places(ledger).one(np.arange(3))
    ledger.see(Sighting(2000.0, "d", net="home", asn=7, network="residential"))
    ledger.absorb()
    assert Places(ledger).one(np.arange(3))


def test_those_who_share_a_card_with_people_in_one_place_belong_there():
    ledger = Ledger()
    for number, net in enumerate(["office"] * 4 + [f"home-{n}" for n in range(4)]):
        ledger.know(Known(f"a{number}", card="firm"))
        ledger.see(Sighting(1000.0, f"a{number}", net=net, asn=7, network="business"))
    ledger.absorb()
    assert Places(ledger).one(np.arange(4, 8))
    assert not Places(without_cards(ledger)).one(np.arange(4, 8))


def without_cards(ledger):
    ledger.ints["card"][:] = -1
    return ledger


def test_an_application_explains_its_software_its_task_and_its_day_but_no_address_and_no_card():
    numbers = {name: number for number, name in enumerate(FAMILIES)}
    plain = frozenset({INDEX["user_agent"], INDEX["model"], INDEX["signup_day"]})
    assert applied(frozenset(numbers[name] for name in ("software", "model", "time")), plain)
    assert not applied(frozenset(numbers[name] for name in ("software", "payment", "time")), plain)
    assert not applied(frozenset(numbers[name] for name in ("software", "network", "time")), plain)


def test_an_application_does_not_explain_a_handshake_that_is_not_of_the_browser_it_claims():
    told = frozenset(map(FAMILIES.index, ("software", "model", "time")))
    assert not applied(told, frozenset({INDEX["disguise"], INDEX["model"], INDEX["signup_day"]}))


def in_room_and_cloud(shared_cloud):
    """Six people who were in one room and work in a cloud: each on a machine of its own, or all on the same three."""
    ledger = Ledger()
    for number in range(6):
        ledger.see(Sighting(1000.0, f"a{number}", net="room", asn=7, network=None))
        for at in range(8):
            machine = f"cloud-{at % 3}" if shared_cloud else f"cloud-{number}"
            ledger.see(Sighting(1001.0 + at, f"a{number}", net=machine, asn=9, network="hosting"))
    ledger.see(Sighting(1000.0, "b", net="cloud-0", asn=9, network="hosting"))
    ledger.absorb()
    return Places(ledger)


def test_a_room_is_the_place_of_people_who_work_in_clouds_of_their_own():
    assert in_room_and_cloud(shared_cloud=False).one(np.arange(6))


def test_a_few_shared_data_centres_are_no_place_though_one_network_is_of_an_unknown_kind():
    assert not in_room_and_cloud(shared_cloud=True).one(np.append(np.arange(6), 6))


def test_who_was_not_seen_yet_is_nowhere_and_a_group_of_them_waits():
    ledger = Ledger()
    for number in range(12):
        ledger.know(Known(f"a{number}", card="firm"))
    for number in range(4):
        ledger.see(
            Sighting(1000.0, f"a{number}", net="office" if number < 2 else f"road-{number}", asn=7, network=None)
        )
    ledger.absorb()
    places = Places(ledger)
    assert places.excuse(np.arange(12))
    assert places.one(np.arange(12))
    for number in range(4, 12):
        ledger.see(Sighting(1000.0, f"a{number}", net=f"road-{number}", asn=7, network="hosting"))
    ledger.absorb()
    assert not Places(without_cards(ledger)).excuse(np.arange(12))
