"""A newcomer's day is learnt from accounts that became proven, slowly, and no group of heads can move it alone."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from reputation.hydra.book import Book, Floor, LearntDay
from reputation.hydra.earned import KEPT
from reputation.hydra.ledger import Ledger
from reputation.hydra.linker import Linker
from reputation.hydra.linker_settings import LinkerSettings, Plans
from reputation.hydra.newcomers import (
    ENOUGH,
    FORTNIGHT,
    MANY,
    above,
    below,
    bounded,
    in_force,
    learn,
    learnt,
    moved,
    quantile,
)
from reputation.hydra.set_back import book_until
from reputation.hydra.sightings import Known, Sighting

DAY = 86_400.0
FIRST = 20_000
PLANS = Plans(
    {"free": 200.0, "paid": 1000.0}, 200.0, 1000.0, {"free": {"email": 50.0}, "paid": {"email": 250.0}},
    {"email": 50.0}, "free", 0.5, 5.0,
)  # fmt: skip
SETTINGS = LinkerSettings(plans=PLANS, reserves={"free/email": 4000.0, "paid/email": 20_000.0})
GRID = [step * 10.0**power for power in range(-2, 9) for step in (1, 2, 5)]


def used(ledger, account, units, day, *, stopped=False):
    ledger.see(Sighting((FIRST + day) * DAY + 600.0, account, cost=units, stopped=stopped))


def grown(count, *, busiest=60.0, ledger=None, prefix="v", born=1, plan="free", **facts):
    """Proven accounts that were seen on the day they were born and, on their busiest day, three days later."""
    if ledger is None:
        ledger = Ledger()
        ledger.turn(FIRST * DAY + 1.0)
    for number in range(count):
        name = f"{prefix}{number}"
        ledger.know(Known(name, (FIRST + born) * DAY + 60.0, plan, proven=True, **facts))
        used(ledger, name, 5.0, born)
        used(ledger, name, busiest, born + 3)
    return ledger


def learnt_day(ledger, book=None, *, day=1 + FORTNIGHT, plan="free"):
    """The day in force of a plan after votes were counted on that day, and the number of voters."""
    book = Book() if book is None else book
    now = (FIRST + day) * DAY + 700.0
    ledger.absorb()
    ledger.turn(now)
    settings = learn(ledger, book, SETTINGS, now)
    counted = book.days.get(plan)
    return settings.plans.newcomer[plan], 0 if counted is None else counted.voters


def test_until_there_are_enough_voters_the_configured_day_stands():
    assert learnt_day(grown(ENOUGH - 1, busiest=5000.0)) == (200.0, ENOUGH - 1)
    assert learnt_day(grown(ENOUGH, busiest=5000.0)) == (500.0, ENOUGH)


def test_each_plan_learns_from_the_accounts_that_joined_it():
    ledger = grown(ENOUGH, plan="paid", busiest=9000.0)
    for number in range(ENOUGH):  # what they are now says nothing of what they were as newcomers
        ledger.know(Known(f"v{number}", (FIRST + 1) * DAY + 60.0, "paid", proven=True))
    assert learnt_day(ledger, plan="paid") == (2000.0, ENOUGH)
    assert learnt_day(ledger, plan="free") == (200.0, 0)
    late = grown(ENOUGH, busiest=40.0)
    learnt_day(late, day=10)
    for number in range(ENOUGH):
        late.know(Known(f"v{number}", (FIRST + 1) * DAY + 60.0, "paid", proven=True))
    assert learnt_day(late) == (100.0, ENOUGH)


def test_a_plan_without_a_name_counts_for_the_default_plan():
    assert learnt_day(grown(ENOUGH, busiest=40.0, plan=None))[1] == ENOUGH
    assert learnt_day(grown(ENOUGH, busiest=40.0, plan="platinum"))[1] == ENOUGH


def test_a_card_and_an_organisation_have_one_vote_each():
    honest = grown(ENOUGH, busiest=60.0)
    heads = grown(400, busiest=90_000.0, ledger=honest, prefix="head", card="one card")
    assert learnt_day(heads) == (100.0, ENOUGH + 1)
    seats = grown(ENOUGH, busiest=60.0)
    for number in range(400):
        grown(1, busiest=90_000.0, ledger=seats, prefix=f"seat{number}-", organisation="one", card=f"card {number}")
    assert learnt_day(seats) == (100.0, ENOUGH + 1)


def test_linked_accounts_have_no_vote_for_a_month_after():
    book = Book(floors={f"head{number}": Floor(0.0, 0.0) for number in range(400)})
    ledger = grown(400, busiest=90_000.0, ledger=grown(ENOUGH), prefix="head")
    assert learnt_day(ledger, book) == (100.0, ENOUGH)


def test_who_is_not_proven_or_not_a_fortnight_old_or_came_before_the_linker_has_no_vote():
    ledger = grown(ENOUGH)
    for number in range(ENOUGH):
        ledger.know(Known(f"v{number}", (FIRST + 1) * DAY + 60.0, "free"))
    assert learnt_day(ledger)[1] == 0
    assert learnt_day(grown(ENOUGH), day=FORTNIGHT)[1] == 0
    assert learnt_day(grown(ENOUGH, born=-1))[1] == 0


def test_stopped_requests_and_later_days_are_no_part_of_a_vote():
    ledger = grown(ENOUGH, busiest=170.0)
    for number in range(ENOUGH):
        used(ledger, f"v{number}", 90_000.0, 5, stopped=True)
        used(ledger, f"v{number}", 90_000.0, 1 + FORTNIGHT)
    assert learnt_day(ledger, day=17) == (200.0, ENOUGH)


def test_a_vote_outlives_the_days_that_it_was_made_of():
    ledger, book = grown(ENOUGH), Book()
    for day in range(15, 15 + 3 * KEPT):
        for number in range(ENOUGH):
            used(ledger, f"v{number}", 900.0, day)
        found = learnt_day(ledger, book, day=day)
    assert found == (100.0, ENOUGH)


def test_a_day_moves_once_a_week_by_one_step_and_within_bounds():
    ledger, book = grown(ENOUGH, busiest=90_000.0), Book()
    days = [learnt_day(ledger, book, day=day)[0] for day in range(15, 45)]
    assert sorted(set(days)) == [500.0, 1000.0]
    assert days == [500.0] * 7 + [1000.0] * 23


def test_another_configured_day_is_where_learning_begins_again():
    ledger, book = grown(ENOUGH, busiest=20.0), Book()
    assert learnt_day(ledger, book) == (100.0, ENOUGH)
    raised = structs.replace(PLANS, newcomer={"free": 1000.0, "paid": 1000.0})
    assert learnt(book, raised) == {}
    later = (FIRST + 3 + FORTNIGHT) * DAY
    assert learn(ledger, book, structs.replace(SETTINGS, plans=raised), later).plans.newcomer["free"] == 500.0
    assert learnt(book, PLANS) == {}


def test_votes_are_counted_once_a_day():
    ledger, book = grown(ENOUGH - 1), Book()
    grown(1, ledger=ledger, prefix="late", born=2)
    assert learnt_day(ledger, book)[1] == ENOUGH - 1
    assert learnt_day(ledger, book)[1] == ENOUGH - 1
    assert learnt_day(ledger, book, day=2 + FORTNIGHT)[1] == ENOUGH


@given(st.floats(0.02, 1e7), st.floats(0.0, 1e8))
def test_a_move_is_to_the_next_step_towards_the_votes(day, wanted):
    following = moved(day, wanted)
    lower, higher = below(day), above(day)
    assert following in (lower, day, higher)
    for step in (lower, higher):
        assert any(math.isclose(step, one, rel_tol=1e-9) for one in GRID)
    assert lower < day < higher
    assert higher / lower <= 6.25 * (1 + 1e-6)
    assert (following > day) == (wanted > day)
    assert not wanted > following or following == higher


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=80), st.integers(0, 3), st.floats(1e6, 1e9))
def test_fewer_voters_than_a_twentieth_do_not_raise_the_vote_above_what_others_voted(votes, heads, large):
    heads = min(heads, math.floor(0.05 * (len(votes) + heads)))
    assert quantile(np.array([*votes, *[large] * heads])) <= max(votes)


def test_a_thousand_voters_have_a_higher_quantile():
    assert quantile(np.arange(1.0, MANY)) == 950.0
    assert quantile(np.arange(1.0, MANY + 1)) == 995.0


@given(st.floats(1e-3, 1e9), st.floats(1.0, 1e6))
def test_the_operators_bounds_hold_whatever_was_learnt(units, start):
    assert 0.5 * start <= bounded(units, start, PLANS) <= 5.0 * start
    book = Book(days={"free": LearntDay(units, 0.0, 60), "gone": LearntDay(units, 0.0, 60)})
    assert learnt(book, PLANS) == {"free": bounded(units, 200.0, PLANS)}


def test_allowances_and_reserves_follow_the_learnt_day():
    settings = in_force(SETTINGS, {"free": 500.0})
    assert settings.plans.entry == {"free": {"email": 125.0}, "paid": {"email": 250.0}}
    assert (settings.plans.default, settings.plans.entry_default) == (500.0, {"email": 125.0})
    assert settings.reserves == {"free/email": 10_000.0, "paid/email": 20_000.0}


def test_a_clock_that_was_set_back_keeps_no_day_from_moving():
    book = Book(days={"free": LearntDay(200.0, 1e12, 60)})
    book_until(book, 100.0)
    assert book.days["free"].moved == 100.0


def test_links_carry_the_day_and_the_next_linker_goes_on_with_it():
    linker = Linker(SETTINGS)
    linker.ledger = grown(ENOUGH + 20, busiest=20.0)
    linker.ledger.absorb()
    now = (FIRST + 1 + FORTNIGHT) * DAY + 9.0
    links = linker.epoch(now)
    assert (links.newcomers, links.voters) == ({"free": 100.0}, {"free": ENOUGH + 20})
    after, book = Linker(SETTINGS), linker.export()
    after.restore(book)
    after.take_over(linker.hand_over(1 << 20))
    later = after.epoch(now + DAY)
    assert (later.newcomers, later.voters) == (links.newcomers, links.voters)
    bare = Linker(SETTINGS)
    bare.restore(book)
    assert bare.epoch(now + DAY).newcomers == {"free": 100.0}


@pytest.mark.parametrize("order", [1, -1])
def test_the_vote_of_a_card_does_not_depend_on_the_order_of_its_accounts(order):
    ledger = grown(ENOUGH - 1)
    for number, units in list(enumerate([900.0, 30.0, 400.0]))[::order]:
        grown(1, busiest=units, ledger=ledger, prefix=f"seat{number}-", card="one")
    book = Book()
    assert learnt_day(ledger, book) == (100.0, ENOUGH)
