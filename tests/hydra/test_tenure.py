"""Days of use are worth something to an account that uses its allowance, and next to nothing to one that waits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation.hydra.earned import KEPT
from reputation.hydra.ledger import Ledger
from reputation.hydra.linker_settings import Plans
from reputation.hydra.sightings import Known, Sighting
from reputation.hydra.tenure import LEAST_USE, TIMES, Tenure, allowed, rungs

DAY = 86_400.0
FIRST = 20_000
EMAIL, NEWCOMER, ACTIVE = 50.0, 200.0, 0.5
PLANS = Plans(
    {"free": NEWCOMER}, NEWCOMER, 1000.0, {"free": {"email": EMAIL, "card": NEWCOMER}}, {"email": EMAIL}, active=ACTIVE
)


def ledger_of(use, *, days=None, **facts):
    """Accounts with the units that each used day by day; the day that runs comes after the last."""
    ledger, notes = Ledger(), []
    for name, units in use.items():
        ledger.know(Known(name, (FIRST - 90) * DAY, "free", **facts))
        notes += [Sighting((FIRST + day) * DAY + 60.0, name, cost=some) for day, some in enumerate(units) if some]
    ledger.see_many(sorted(notes, key=lambda note: note.at))
    ledger.absorb()
    ledger.turn((FIRST + (days or max(map(len, use.values())))) * DAY + 1.0)
    return ledger


def rung_of(units, **facts):
    return rungs(ledger_of({"a": units}, **facts), PLANS).get("a", 0.0)


def test_a_month_of_full_days_is_worth_the_part_of_the_setting():
    assert rung_of([60.0] * KEPT) == ACTIVE * NEWCOMER
    assert rung_of([EMAIL] * 20) == pytest.approx(ACTIVE * NEWCOMER * 20 / KEPT, abs=0.001)


def test_it_is_told_only_where_it_is_worth_more_than_what_is_known():
    assert rung_of([EMAIL] * 15) == 0.0
    assert rung_of([EMAIL] * KEPT, given=("card",)) == 0.0


def test_an_account_that_has_settled_nothing_stands_on_the_plan_of_those_that_do_not_pay():
    dear = Plans(
        {"free": NEWCOMER, "paid": 1000.0}, NEWCOMER, 1000.0, {"paid": {"email": 250.0}, "free": {"email": EMAIL}},
        {"email": EMAIL}, active=ACTIVE, unsettled={"free": "free", "paid": "free"}, plan_usd=5.0,
    )  # fmt: skip
    ledger = Ledger()
    ledger.know(Known("pays", plan="paid", settled_usd=5.0))
    ledger.know(Known("owes", plan="paid", settled_usd=0.0))
    ledger.know(Known("not known", plan="paid"))
    kinds, kind = allowed(ledger, dear, np.arange(3))
    assert [kinds[one] for one in kind.tolist()] == [("paid", 0), ("free", 0), ("paid", 0)]


def test_farmers_of_a_few_requests_a_day_gain_nothing():
    assert rung_of([12.0] * KEPT) == 0.0
    assert rung_of([22.0] * KEPT) == 0.0


def test_days_of_less_than_a_twentieth_do_not_count():
    assert rung_of([LEAST_USE * NEWCOMER - 3.0] * 26 + [400.0] * 4) == 0.0
    assert rung_of([0.0] * 5 + [EMAIL * 2] * 25) == pytest.approx(ACTIVE * NEWCOMER * 25 / KEPT, abs=0.001)


def test_cheap_days_do_not_count_once_the_account_uses_more():
    cheap = [LEAST_USE * NEWCOMER + 2.0]
    assert rung_of(cheap * 22 + [400.0] * 8) == 0.0
    assert rung_of(cheap * 14 + [400.0] * 16) == pytest.approx(ACTIVE * NEWCOMER * 16 / KEPT, abs=0.001)


def test_the_proven_and_the_unconfirmed_have_none():
    assert rung_of([EMAIL] * KEPT, proven=True) == 0.0
    assert rung_of([EMAIL] * KEPT, confirmed=False) == 0.0


@settings(max_examples=60)
@given(st.lists(st.sampled_from([0.0, 1.0, 8.0, 11.0, 30.0, 60.0, 250.0, 4000.0]), min_size=1, max_size=40))
def test_no_rung_is_above_twice_the_usual_day_or_the_setting(units):
    last = units[-KEPT:]
    active = sorted(one for one in last if one)
    found = rung_of(units)
    usual = active[math.ceil(0.9 * len(active)) - 1] if active else 0.0
    assert found <= TIMES * usual + 1e-3
    assert found <= ACTIVE * NEWCOMER * sum(one >= found / TIMES for one in active) / KEPT + 1e-3
    assert found == 0.0 or found > EMAIL


def test_they_are_found_once_a_day_from_the_days_before():
    ledger, tenure = ledger_of({"a": [EMAIL] * KEPT}), Tenure()
    now = (FIRST + KEPT) * DAY + 1.0
    first = tenure.of(ledger, PLANS, now)
    ledger.see(Sighting(now + 60.0, "b", cost=900.0))
    ledger.absorb()
    assert tenure.of(ledger, PLANS, now + 3600.0) is first
    ledger.turn(now + 16 * DAY)
    assert tenure.of(ledger, PLANS, now + 16 * DAY) == {}


def test_what_is_published_is_bounded(monkeypatch):
    monkeypatch.setattr("reputation.hydra.tenure.MOST", 2)
    use = {"short": [EMAIL] * 18, "long": [EMAIL] * KEPT, "middle": [EMAIL] * 24, "none": [1.0]}
    assert rungs(ledger_of(use, days=KEPT), PLANS).keys() == {"long", "middle"}


def test_a_ledger_without_accounts_has_none():
    assert rungs(Ledger(), PLANS) == {}
