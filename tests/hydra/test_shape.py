"""The use of people is uneven and sleeps; the use of heads that a dispatcher feeds does neither."""

import numpy as np
import pytest

from reputation.hydra.shape import QUARTILES, SHARE, Shape, like_people, shape_of, surely_even


def used(daily, hours, days=4.0, seed=1, start=None):
    """Requests of accounts by hour of the day; hours: those in which each is awake, from an hour of its own on.

    start: the first of these hours, if it is the same for all.
    """
    dice = np.random.default_rng(seed)
    rows = np.zeros((len(daily), 24))
    for row, mean in zip(rows, daily, strict=True):
        first = dice.integers(24) if start is None else start
        at = (first + dice.integers(hours, size=dice.poisson(mean * days))) % 24
        np.add.at(row, at, 1)
    return shape_of(rows, np.full(len(daily), days), 5)


def heavy(count, spread=1.3, seed=2):
    return 10.0 * np.exp(spread * np.random.default_rng(seed).normal(size=count))


PEOPLE = used(heavy(300), 9)


@pytest.mark.parametrize("count", [20, 110, 500])
@pytest.mark.parametrize("spread", [1.0, 1.6])
def test_a_company_has_the_shape_of_people(count, spread):
    assert like_people(used(heavy(count, spread, seed=count), 9, seed=count), PEOPLE)


@pytest.mark.parametrize("daily", [1.5, 5.6, 22.0, 200.0])
@pytest.mark.parametrize("count", [20, 120, 600])
def test_heads_with_equal_work_have_not_even_with_few_requests(daily, count):
    """Chance alone makes few requests look uneven, so it is subtracted."""
    assert not like_people(used(np.full(count, daily), 9, seed=count), PEOPLE)


@pytest.mark.parametrize("count", [20, 200])
def test_a_class_with_equal_work_in_the_same_three_hours_has(count):
    assert like_people(used(np.full(count, 60.0), 3, start=13), PEOPLE)


@pytest.mark.parametrize(("hours", "start"), [(3, None), (9, 8)])
def test_equal_work_at_hours_of_their_own_or_in_a_whole_working_day_has_not(hours, start):
    assert not like_people(used(np.full(200, 60.0), hours, start=start), PEOPLE)


@pytest.mark.parametrize("count", [20, 600])
def test_heads_that_never_sleep_have_not(count):
    found = used(heavy(count), 24, seed=count)
    assert found.spread > PEOPLE.spread / 2
    assert found.sleep < 0.05
    assert not like_people(found, PEOPLE)


def test_the_hour_at_which_each_sleeps_is_its_own():
    """A company in three countries sleeps no less than one in one."""
    assert used(heavy(100), 9).sleep == pytest.approx(PEOPLE.sleep, abs=0.05)
    assert PEOPLE.sleep > 0.4


def test_too_few_accounts_with_enough_requests_have_no_shape():
    rows = np.zeros((9, 24))
    rows[:4, 3] = 10
    rows[4:, 3] = 2
    assert shape_of(rows, np.ones(9), 5) is None
    assert shape_of(rows, np.ones(9), 4) == Shape(0.0, 1.0, 1.0, 0.0)


def test_accounts_that_are_hours_old_seem_to_sleep_so_older_ones_alone_say_whether_they_do():
    young, old = np.zeros((30, 24)), np.full((8, 24), 4.0)
    young[:, 9:14] = np.random.default_rng(3).integers(1, 30, size=(30, 5))
    days = np.r_[np.full(30, 0.2), np.full(8, 4.0)]
    assert shape_of(np.r_[young, old], days, 5).sleep > 0.4
    assert shape_of(np.r_[young, old], days, 5, nights=1.0).sleep < 0.05
    assert shape_of(np.r_[young, old[:4]], days[:34], 5, nights=1.0) is None


@pytest.mark.parametrize("count", [8, 12, 30, 90])
def test_few_people_who_are_even_by_chance_are_not_surely_even(count):
    """Of a thousand groups of people, next to none; of those nearly as even as heads, few."""
    dice = np.random.default_rng(count)
    for spread, most in ((1.3, 0.03), (1.2 * SHARE * 1.3, 0.12)):
        groups = np.exp(dice.normal(0.0, spread, (1000, count))) * 40.0
        found = [surely_even(daily, np.full(count, 400.0), 1.3 * QUARTILES) for daily in groups]
        assert np.mean(found) < most


@pytest.mark.parametrize("count", [8, 12, 30, 90])
def test_heads_with_equal_work_are_surely_even(count):
    dice = np.random.default_rng(count)
    groups = dice.poisson(40.0, (1000, count)).astype(float)
    assert np.mean([surely_even(daily, daily, 1.3 * QUARTILES) for daily in groups]) > 0.97
