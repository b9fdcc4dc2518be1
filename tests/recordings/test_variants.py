"""A revision's own way through recorded decisions: its buckets are those of the engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.limits.bucket import Limit, change_limit, full, settled, spend
from reputation.recordings.variants import OwnBuckets
from reputation.scoring.risk import Limits

LIMITS = tuple(
    Limits(Limit(rate, burst), Limit(daily / 86_400, daily))
    for rate, burst, daily in ((5.0, 50.0, 1000.0), (0.2, 5.0, 20.0), (0.01, 1.0, 10.0))
)
steps = st.lists(st.tuples(st.floats(-5, 4000), st.integers(0, 2), st.sampled_from([0.5, 1.0, 3.0, 60.0])), max_size=60)


@given(steps)
def test_takes_are_those_of_the_engines_buckets(steps):
    """Over limits that change and clocks that step back, to rounding: the engine settles only what it charges."""
    now, first = 1000.0, LIMITS[0]
    mine, burst, daily = OwnBuckets(first, now), full(first.burst, now), full(first.daily, now)
    known = first
    for later, which, cost in steps:
        now, limits = now + later, LIMITS[which]
        if limits is not known:
            change_limit(burst, limits.burst, now)
            change_limit(daily, limits.daily, now)
            known = limits
        held = settled(burst, now), settled(daily, now)
        if min(abs(one - cost) for one in held) < 1e-9:
            return  # a rounding apart
        taken = min(held) >= cost
        if taken:
            spend(burst, cost, now)
            spend(daily, cost, now)
        assert mine.take(limits, cost, now) is taken
        assert (mine.burst, mine.daily) == pytest.approx((settled(burst, now), settled(daily, now)))
