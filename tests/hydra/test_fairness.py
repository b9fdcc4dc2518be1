"""Max-min fairness: all that there is is given out, and nobody is held below what another gets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.hydra.fairness import typical_use, water_level

DEMANDS = st.lists(st.floats(0, 1e4), min_size=1, max_size=50)


@given(DEMANDS, st.floats(0.1, 1e5))
def test_the_capacity_is_given_out_and_no_more(demands, capacity):
    level = water_level(np.array(demands), capacity)
    served = np.minimum(demands, level).sum()
    assert served <= capacity * (1 + 1e-9)
    if np.isfinite(level):
        assert served == pytest.approx(capacity)
    else:
        assert served == pytest.approx(sum(demands))


@given(DEMANDS, st.floats(0.1, 1e5), st.floats(0, 1e4))
def test_one_more_member_never_raises_the_level(demands, capacity, more):
    assert water_level(np.array([*demands, more]), capacity) <= water_level(np.array(demands), capacity) * (1 + 1e-9)


def test_a_typical_account_is_the_median_once_there_are_enough():
    assert typical_use(np.zeros(0), 10.0) == 10.0
    assert typical_use(np.full(10, 4.0), 10.0) == 7.0
    assert typical_use(np.full(20, 4.0), 10.0) == 4.0
    assert typical_use(np.full(40, 4.0), 10.0) == 4.0
    assert typical_use(np.array([4.0]), 10.0) == pytest.approx(0.05 * 4.0 + 0.95 * 10.0)


def test_more_accounts_than_enough_draw_a_typical_one_no_further_than_the_median():
    """Beyond it a purse would follow nobody's use: with forty accounts it would be twice the median less the prior."""
    for count in (19, 20, 21, 1000):
        weight = min(count / 20, 1.0)
        assert typical_use(np.full(count, 4.0), 10.0) == pytest.approx(weight * 4.0 + (1 - weight) * 10.0)


@pytest.mark.parametrize(
    ("demands", "capacity", "level"),
    [
        ([1.0, 2.0, 9.0], 12.0, np.inf),  # just enough for all
        ([1.0, 2.0, 9.0], 11.0, 8.0),  # two are served, and one gets what they leave
        ([1.0, 4.0, 9.0], 6.0, 2.5),
        ([3.0, 3.0, 3.0], 6.0, 2.0),
        ([1.0, 3.0, 3.0], 5.0, 2.0),
        ([2.0, 2.0, 5.0], 6.0, 2.0),  # the level is what two of them want
        ([-5.0, 4.0], 2.0, 2.0),  # a demand below nothing is none
        ([5.0], 0.0, 0.0),
        ([5.0], -1.0, 0.0),
    ],
)
def test_the_level_of_small_crowds_is_what_one_reckons_by_hand(demands, capacity, level):
    assert water_level(np.array(demands), capacity) == level
