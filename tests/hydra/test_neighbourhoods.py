"""Neighbourhood budgets: a careful hydra gets its share, and who only shares its browser or carrier keeps theirs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation.hydra.ledger import Ledger
from reputation.hydra.neighbourhoods import CROWD, FLOOR, budgets, residents
from reputation.hydra.sightings import Known, Sighting

NOW, DAY, HOUR = 1_790_000_000.0, 86_400.0, 3600.0
TYPICAL = 10.0


class Crowd:
    """A ledger, and who in it is unproven."""

    def __init__(self):
        self.ledger = Ledger()
        self.unproven = []

    def add(self, prefix, count, requests, *, age=DAY, proven=False, **seen):
        """age: seconds since the accounts were made, or None where nobody tells."""
        for n in range(count):
            name = f"{prefix}{n}"
            made = None if age is None else NOW - age - n
            self.ledger.know(Known(name, made, iin=seen.get("iin"), proven=proven))
            where = {key: value(n) if callable(value) else value for key, value in seen.items() if key != "iin"}
            self.ledger.see(Sighting(NOW - HOUR, name, cost=requests, **where))
            self.unproven.append(not proven)

    def budgets(self):
        self.ledger.absorb()
        self.ledger.turn(NOW)
        everybody, unproven = np.ones(self.ledger.size, bool), np.array(self.unproven)
        who = residents(self.ledger, unproven, everybody, ~unproven, NOW)
        return budgets(self.ledger, who, TYPICAL, NOW)


def web(crowd):
    """Established people on three browsers and three carriers, each at an address of their own."""
    for n in range(3):
        crowd.add(f"e{n}", 100, 10.0, age=300 * DAY, proven=True, ja4=f"browser-{n}", asn=n, net=f"10.{n}.{{}}".format)


def hydra(crowd, **seen):
    crowd.add("x", 600, 100.0, net=lambda n: f"172.16.{n}", **seen)


def test_a_hydra_with_everybodys_browser_and_carrier_puts_no_budget_on_them():
    crowd = Crowd()
    web(crowd)
    crowd.add("new", 30, 30.0, ja4="browser-1", asn=1, net="10.9.{}".format)
    hydra(crowd, ja4="browser-1", asn=1)
    assert not [key for key in crowd.budgets() if key == ("ja4", "browser-1")]


def test_where_no_ages_are_known_a_browser_that_everybody_has_is_still_no_neighbourhood():
    crowd = Crowd()
    crowd.add("u", 400, 20.0, age=None, ja4="everybody's", net="10.9.{}".format)
    crowd.add("v", 8, 600.0, age=None, ja4="rare", net="10.8.{}".format)
    assert list(crowd.budgets()) == [("ja4", "rare")]


def test_in_a_room_that_a_hydra_crowds_newcomers_with_modest_needs_are_served_in_full():
    """Shares are max-min: what the heads want above their share they do not get from those who want less."""
    crowd = Crowd()
    web(crowd)
    crowd.add("new", 10, 3.0, ja4="rare", net="10.9.{}".format)
    hydra(crowd, ja4="rare")
    budget = crowd.budgets()["ja4", "rare"]
    assert budget.level >= 3.0
    assert budget.level * 600 + 10 * 3.0 == pytest.approx(budget.daily)


def test_a_room_full_of_beginners_is_served_and_only_a_fuller_one_shares():
    crowd = Crowd()
    web(crowd)
    crowd.add("room", 40, 40.0, ja4="browser-2", asn=2, net="192.0.2")
    assert np.isinf(crowd.budgets()["net", "192.0.2"].level)
    crowd.add("more", 40, 80.0, ja4="browser-2", asn=2, net="192.0.2")
    budget = crowd.budgets()["net", "192.0.2"]
    assert budget.daily == FLOOR * TYPICAL
    assert budget.members == 80
    assert np.isfinite(budget.level)


def test_few_accounts_are_no_neighbourhood():
    crowd = Crowd()
    web(crowd)
    crowd.add("x", CROWD - 1, 10_000.0, iin="499999", net="198.51.100", ja4="odd")
    assert crowd.budgets() == {}


@settings(deadline=None, max_examples=25)
@given(st.integers(CROWD, 60), st.floats(1, 1000), st.integers(0, 30))
def test_no_budget_is_below_the_floor_and_what_is_given_out_is_no_more_than_it(heads, requests, honest):
    crowd = Crowd()
    web(crowd)
    crowd.add("x", heads, requests, net="198.51.100", iin="499999")
    crowd.add("h", honest, 5.0, net="198.51.100")
    for key, budget in crowd.budgets().items():
        assert budget.daily >= FLOOR * TYPICAL
        among = heads + honest * (key[0] == "net")
        assert min(budget.level, requests) * heads <= budget.daily * (1 + 1e-6)
        assert budget.members <= among or key[0] == "signup"


def listed(crowd, key):
    return crowd.budgets().get(key)


@pytest.mark.parametrize(("count", "there"), [(CROWD - 1, False), (CROWD, True)])
def test_eight_accounts_are_a_neighbourhood(count, there):
    assert CROWD == 8
    crowd = Crowd()
    crowd.add("x", count, 2000.0, net="198.51.100", asn=1)
    assert (listed(crowd, ("net", "198.51.100")) is not None) == there


@pytest.mark.parametrize(("requests", "there"), [(100.0, False), (100.125, True)])
def test_a_neighbourhood_is_listed_once_it_uses_more_than_half_of_its_budget(requests, there):
    """Ten accounts, no baseline: the floor of 200 typical uses of ten units, so 1,000 is half."""
    crowd = Crowd()
    crowd.add("x", 10, requests, net="198.51.100", asn=1)
    budget = listed(crowd, ("net", "198.51.100"))
    assert (budget is not None) == there
    if budget is not None:
        assert (budget.daily, budget.members, budget.level) == (2000.0, 10, np.inf)


def test_those_established_there_raise_its_budget_threefold_and_by_the_newcomers_of_such_places():
    """25 established of 100, and 50 newcomers beside them: 3 * 25 * 1.5 typical uses above the floor."""
    crowd = Crowd()
    crowd.add("e", 25, 1.0, age=300 * DAY, proven=True, net="198.51.100", asn=1)
    crowd.add("f", 75, 1.0, age=300 * DAY, proven=True, net="10.9.{}".format, asn=1)
    crowd.add("x", 50, 200.0, net="198.51.100", asn=1)
    budget = listed(crowd, ("net", "198.51.100"))
    assert budget.daily == pytest.approx((FLOOR + 3 * 25 * 1.5) * TYPICAL)
    assert budget.members == 50
    assert budget.level == pytest.approx(budget.daily / 50)


@pytest.mark.parametrize(("holders", "there"), [(6, True), (7, False)])
def test_a_browser_of_more_than_a_fiftieth_of_established_accounts_is_no_neighbourhood(holders, there):
    crowd = Crowd()
    crowd.add("e", holders, 1.0, age=300 * DAY, proven=True, ja4="odd", asn=1, net="10.8.{}".format)
    crowd.add("f", 300 - holders, 1.0, age=300 * DAY, proven=True, ja4="usual", asn=1, net="10.9.{}".format)
    crowd.add("x", 20, 500.0, ja4="odd", asn=1, net="10.7.{}".format)
    assert (listed(crowd, ("ja4", "odd")) is not None) == there


@pytest.mark.parametrize(("holders", "there"), [(2, True), (3, False)])
def test_two_established_accounts_are_never_too_many(holders, there):
    crowd = Crowd()
    crowd.add("e", holders, 1.0, age=300 * DAY, proven=True, ja4="odd", asn=1, net="10.8.{}".format)
    crowd.add("f", 30, 1.0, age=300 * DAY, proven=True, ja4="usual", asn=1, net="10.9.{}".format)
    crowd.add("x", 20, 500.0, ja4="odd", asn=1, net="10.7.{}".format)
    assert (listed(crowd, ("ja4", "odd")) is not None) == there


def test_an_account_is_established_a_fortnight_after_it_was_made():
    ledger = Ledger()
    made = (NOW - 14 * DAY + 0.5, NOW - 14 * DAY, None, NOW - DAY, NOW - DAY)
    for n, at in enumerate(made):
        ledger.know(Known(f"a{n}", at))
    ledger.absorb()
    base, suspects, trusted = (
        np.array([True] * 4 + [False]),
        np.array([True, False, True, True, True]),
        np.arange(5) == 3,
    )
    who = residents(ledger, suspects, base, trusted, NOW)
    assert who.established.tolist() == [False, True, True, True, False]
    assert who.unproven.tolist() == [True, False, True, True, False]


def aged(kind, ages, **seen):
    """Budgets of twenty accounts that were last seen with a value so long ago."""
    crowd = Crowd()
    crowd.add("x", 20, 500.0, net="10.7.{}".format)
    for n in range(20):
        crowd.ledger.see(Sighting(NOW - ages, f"x{n}", cost=1.0, **seen))
    return [key for key in crowd.budgets() if key[0] == kind]


@pytest.mark.parametrize(("kind", "seen", "window"), [("net", {"net": "198.51.100"}, 3), ("ja4", {"ja4": "odd"}, 7)])
def test_who_was_there_within_the_window_of_a_value_belongs_to_its_neighbourhood(kind, seen, window):
    assert len(aged(kind, window * DAY, **seen)) == 1
    assert aged(kind, window * DAY + 1, **seen) == []


def test_sign_ups_of_one_hour_at_one_operator_are_a_neighbourhood_for_a_week():
    hour = int((NOW - 6 * DAY) // HOUR)
    for made, there in ((hour * HOUR + 60, [("signup", "64500", str(hour))]), (NOW - 7 * DAY - 30, [])):
        crowd = Crowd()
        crowd.add("x", 20, 500.0, age=NOW - made, asn=64500, net="10.7.{}".format)
        assert [key for key in crowd.budgets() if key[0] == "signup"] == there


def test_a_sign_up_wave_is_of_its_operator_and_hour_alone():
    hour = int((NOW - DAY) // HOUR)
    crowd = Crowd()
    for asn in (1, 2):
        for later in (0, 1):
            age = NOW - (hour + later) * HOUR - 100
            crowd.add(f"x{asn}{later}", 10, 150.0, age=age, asn=asn, net=f"10.{asn}{later}.{{}}".format)
    found = {key: budget.members for key, budget in crowd.budgets().items() if key[0] == "signup"}
    assert found == {("signup", str(asn), str(hour + later)): 10 for asn in (1, 2) for later in (0, 1)}


def test_the_busiest_come_first_and_equals_by_name():
    crowd = Crowd()
    crowd.add("a", 20, 500.0, iin="1", net="10.1.{}".format)
    crowd.add("b", 30, 500.0, iin="2", net="10.2.{}".format)
    crowd.add("c", 20, 500.0, iin="0", net="10.3.{}".format)
    assert list(crowd.budgets()) == [("iin", "2"), ("iin", "0"), ("iin", "1")]


def test_who_asked_for_nothing_lately_is_no_member():
    crowd = Crowd()
    crowd.add("x", 10, 500.0, net="198.51.100")
    crowd.add("quiet", 10, 0.0, net="198.51.100")
    assert listed(crowd, ("net", "198.51.100")).members == 10


def test_who_belongs_to_a_network_counts_there_wherever_it_is_and_raises_no_budget():
    crowd = Crowd()
    crowd.add("e", 40, 1.0, age=300 * DAY, proven=True, net="10.9.{}".format)
    crowd.add("x", 10, 300.0, net="198.51.100")
    crowd.add("away", 10, 300.0, age=None, net="10.8.{}".format)
    crowd.ledger.absorb()
    crowd.ledger.turn(NOW)
    home = crowd.ledger.names["net"].ids["198.51.100"]
    everybody, unproven = np.ones(crowd.ledger.size, bool), np.array(crowd.unproven)
    who = residents(crowd.ledger, unproven, everybody, ~unproven, NOW)
    belongs = dict.fromkeys(range(50, 60), home)
    budget = budgets(crowd.ledger, who, TYPICAL, NOW, belongs)["net", "198.51.100"]
    assert (budget.members, budget.daily) == (20, FLOOR * TYPICAL)
