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
