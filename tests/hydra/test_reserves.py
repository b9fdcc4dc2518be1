"""A newcomers' reserve is shared max-min by what was asked of it today and the day before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.hydra.book import Book
from reputation.hydra.reserves import Draws, share, times
from reputation.hydra.sightings import Sighting

DAY = 86_400.0
PART = "free/email"


def drew(draws, account, units, part=PART):
    draws.add([Sighting(DAY, account, cost=units, part=part)])


def begun():
    draws, book = Draws(), Book()
    assert share(draws, book, {PART: 100.0}, DAY + 1) == {PART: 100.0}
    return draws, book


def test_who_wants_little_gets_it_and_the_rest_is_divided():
    draws, book = begun()
    drew(draws, "small", 10.0)
    drew(draws, "greedy", 500.0)
    drew(draws, "greedy too", 400.0)
    assert share(draws, book, {PART: 100.0}, 2 * DAY) == {PART: 45.0}


def test_a_level_follows_what_is_asked_at_once_and_is_gone_a_day_after_the_demand():
    draws, book = begun()
    drew(draws, "greedy", 500.0)
    assert share(draws, book, {PART: 100.0}, 2 * DAY) == {PART: 100.0}
    drew(draws, "a", 60.0)
    assert share(draws, book, {PART: 100.0}, 3 * DAY - 2) == {PART: 100.0}
    drew(draws, "b", 60.0)
    assert share(draws, book, {PART: 100.0}, 3 * DAY - 1) == {PART: 50.0}
    assert share(draws, book, {PART: 100.0}, 3 * DAY) == {PART: 50.0}
    assert share(draws, book, {PART: 100.0}, 4 * DAY) == {PART: 100.0}


def test_a_linker_that_takes_over_goes_by_the_levels_of_the_book():
    draws, book = begun()
    drew(draws, "greedy", 500.0)
    found = share(draws, book, {PART: 100.0}, 2 * DAY)
    assert share(Draws(), book, {PART: 100.0}, 2 * DAY + 5) == found
    assert share(Draws(), book, {}, 2 * DAY + 5) == {}


def test_what_draws_on_no_reserve_counts_for_none():
    draws, book = begun()
    drew(draws, "a", 500.0, part=None)
    assert draws.asked == {}
    assert share(draws, book, {PART: 100.0}, 2 * DAY) == {PART: 100.0}


@given(st.lists(st.floats(0.1, 1000), min_size=1, max_size=30), st.floats(1, 5000))
def test_all_together_get_no_more_than_the_reserve(wanted, size):
    draws, book = begun()
    for number, units in enumerate(wanted):
        drew(draws, f"a{number}", units)
    level = share(draws, book, {PART: size}, 2 * DAY)[PART]
    got = sum(min(units, level) for units in wanted)
    assert got == pytest.approx(min(sum(wanted), size))


@pytest.mark.parametrize(("trusted", "reserves"), [(0, 1.0), (249, 1.0), (499, 1.0), (500, 2.0), (5000, 20.0)])
def test_there_is_a_reserve_for_each_so_many_accounts_above_suspicion(trusted, reserves):
    assert times(trusted, 250) == reserves
    assert times(trusted, 0) == 1.0
