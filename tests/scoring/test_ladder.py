"""An unproven account's day follows from the best of what is known of it, and grows over its first day."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.hydra.earned import by_money
from reputation.scoring.ladder import DAY, RUNGS, Ladder, is_recent, part_of
from reputation.scoring.tiers import EntrySettings, NewcomersSettings
from reputation.state.facts import Facts, ReadFacts, Standards
from reputation.wire.messages import Payment

NOW = 1_790_812_800.0
LADDER = Ladder(200.0, EntrySettings(), NewcomersSettings(), 1.0, 1000.0, 5.0)
OLD = NOW - 90 * DAY


def read(**facts):
    return ReadFacts(Facts(**facts), Standards())


def settled_a_day(payment, created_at):
    return read(created_at=created_at, payment=payment).settled_a_day(NOW)


def stands(facts):
    rung = LADDER.rung(ReadFacts(facts, Standards()), 20.0, NOW)
    return rung.name, rung.limit.burst


@pytest.mark.parametrize(
    ("facts", "where"),
    [
        (Facts(plan="free"), ("email", 50.0)),
        (Facts(verified=("email",)), ("email", 50.0)),
        (Facts(verified=("email", "phone")), ("phone", 100.0)),
        (Facts(payment=Payment(status="ok", fingerprint="fp", funding="prepaid")), ("prepaid", 100.0)),
        (Facts(payment=Payment(status="ok", iin="411111")), ("card", 200.0)),
        (Facts(verified=("phone", "identity")), ("card", 200.0)),
        (Facts(payment=Payment(status="none")), ("email", 50.0)),
        (Facts(payment=Payment(status="failed", fingerprint="fp", funding="credit")), ("email", 50.0)),
    ],
)
def test_an_account_stands_on_the_best_of_its_rungs(facts, where):
    assert stands(facts) == where


def test_money_that_settled_buys_by_the_dollar_and_never_less_than_the_card():
    paid = Payment(status="ok", fingerprint="fp", settled_usd=90.0)
    assert stands(Facts(created_at=OLD, payment=paid)) == ("money", 1000.0)
    little = Payment(status="ok", fingerprint="fp", settled_usd=9.0)
    assert stands(Facts(created_at=OLD, payment=little)) == ("money", 200.0)


def test_a_payer_by_invoice_has_at_least_what_a_card_gives_from_plan_usd_on():
    assert stands(Facts(created_at=OLD, payment=Payment(settled_usd=5.0))) == ("money", 200.0)
    assert stands(Facts(created_at=OLD, payment=Payment(settled_usd=5.0, settled_30d_usd=0.0))) == ("money", 200.0)
    assert stands(Facts(created_at=OLD, payment=Payment(settled_usd=4.9))) == ("money", pytest.approx(4.9 / 90 * 1000))
    assert stands(Facts(created_at=OLD, payment=Payment(status="disputed", settled_usd=5.0))) == ("email", 50.0)


def test_less_than_plan_usd_gives_the_rung_of_money_only_where_it_gives_more():
    assert stands(Facts(created_at=OLD, payment=Payment(settled_usd=0.01))) == ("email", 50.0)
    card = Payment(status="ok", fingerprint="fp", settled_usd=0.01)
    assert stands(Facts(created_at=OLD, payment=card)) == ("card", 200.0)


def test_money_is_that_of_thirty_days_else_a_share_by_age_and_none_in_a_dispute():
    assert settled_a_day(Payment(settled_usd=60.0), NOW - 10 * DAY) == 2.0
    assert settled_a_day(Payment(settled_usd=60.0), NOW - 60 * DAY) == 1.0
    assert settled_a_day(Payment(settled_usd=60.0, settled_30d_usd=3.0), NOW - 60 * DAY) == 0.1
    assert settled_a_day(Payment(status="disputed", settled_usd=60.0), OLD) == 0.0
    assert settled_a_day(None, OLD) == 0.0


@given(st.none() | st.floats(0, 1e6), st.none() | st.floats(0, 1e6), st.none() | st.floats(-DAY, 900 * DAY))
def test_the_allowance_and_the_earned_floor_count_money_alike(settled, lately, age):
    payment = Payment(settled_usd=settled, settled_30d_usd=lately)
    created = None if age is None else NOW - age
    of_linker = by_money(*(math.nan if one is None else one for one in (settled, lately, age)), 1000.0)
    if age is None or math.floor(age / DAY) == math.floor((NOW - created) / DAY):  # no rounding between two days
        assert settled_a_day(payment, created) * 1000.0 == pytest.approx(of_linker)


def test_each_rung_has_a_reserve_and_one_account_a_twentieth_of_it():
    assert (LADDER.reserve.burst, LADDER.part, LADDER.has_reserve) == (4000.0, 200.0, True)
    assert not Ladder(200.0, EntrySettings(), NewcomersSettings(reserve=0.0), 1.0, 1000.0, 5.0).has_reserve
    assert RUNGS == ("email", "phone", "prepaid", "card", "active", "money")


@given(st.floats(0, 3 * DAY), st.floats(1, 500), st.sampled_from([(), ("phone",), ("identity",)]))
def test_a_new_accounts_bucket_holds_its_day_and_gets_one_burst_back_until_that_is_over(age, burst, verified):
    rung = LADDER.rung(read(created_at=NOW - age, verified=verified), burst, NOW)
    assert rung.now.burst == rung.limit.burst
    assert rung.now.rate == (min(burst, rung.limit.burst) / DAY if NOW - (NOW - age) < DAY else rung.limit.rate)


def test_an_account_is_a_newcomer_for_a_fortnight_or_if_its_age_is_not_known():
    ages = (None, NOW, NOW - 14 * DAY + 1, NOW - 14 * DAY)
    assert [is_recent(read(created_at=created), NOW) for created in ages] == [True, True, True, False]
    assert part_of("free", "card", recent=True) != part_of("free", "card", recent=False)
