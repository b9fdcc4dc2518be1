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
