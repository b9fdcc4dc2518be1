"""The token bucket: its promise about waiting, and the most that it ever lets through."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.limits.bucket import (
    NEVER,
    Bucket,
    Limit,
    change_limit,
    full,
    is_full,
    refund,
    retry_after,
    settled,
    spend,
    take,
)

NOW = 1_790_812_800.0
nows = st.one_of(
    st.floats(1.7e9, 1.9e9),
    st.floats(0, 100),
    st.just(0.0),
    st.floats(0, 253402300799),
)
rates = st.floats(1e-6, 1e6)
bursts = st.floats(1, 1e6)
limits = st.builds(Limit, rates, bursts)


def just_before(now, wait):
    """The last clock reading before `now + wait`, as far as floats can tell one from the other."""
    shorter = now + math.nextafter(wait, 0.0)
    return shorter if shorter < now + wait else math.nextafter(now + wait, 0.0)


def spent_bucket(limit, share, now):
    """A bucket of which only a share is left."""
    return Bucket(limit.burst * share, now, limit)


@given(limits, st.floats(0, 1), st.floats(1e-3, 1e6), nows, st.floats(-1e4, 1e4))
def test_denied_at_every_reading_before_retry_after_and_allowed_at_it(limit, share, cost, now, jump):
    """The promise of `retry_after`, at the very next float, wherever the clock stands or jumps."""
    bucket = spent_bucket(limit, share, now)
    asked = max(now + jump, 0.0)
    wait = take(bucket, cost, asked)
    if wait == 0.0 or cost > limit.burst:
        return
    assert settled(bucket, just_before(asked, wait)) < cost
    assert take(bucket, cost, asked + wait) == 0.0


@given(limits, st.floats(1e-3, 1e6), nows, st.integers(1, 40))
def test_a_caller_who_waits_as_told_is_never_denied_twice(limit, cost, now, turns):
    """The promise holds again and again from whatever fraction of a token the last take left."""
    bucket, cost = full(limit, now), min(cost, limit.burst)
    for _ in range(turns):
        wait = take(bucket, cost, now)
        if wait:
            now += wait
            assert take(bucket, cost, now) == 0.0


@pytest.mark.parametrize(
    ("tokens", "burst", "cost", "now"),
    [
        (19.999999999999996, 20.0, 20.0, 0.0),
        (0.9999999999999999, 1.0, 1.0, 1e-9),
        (999_999_999.9999999, 1e9, 1e9, 0.0),
        (0.5, 1e9, 1e9, 5.0),
    ],
)
def test_the_wait_is_found_quickly_where_clock_and_tokens_have_different_precision(tokens, burst, cost, now):
    """Near the start of time floats of the clock are so fine that stepping through them one by one never ends."""
    limit = Limit(1e-3, burst)
    bucket = Bucket(tokens, now, limit)
    wait = retry_after(bucket, cost, now)
    assert settled(bucket, now + wait) >= cost > settled(bucket, just_before(now, wait))


takes = st.tuples(st.just("take"), st.floats(1e-3, 2e3))
jumps = st.tuples(st.just("jump"), st.floats(-1e5, 1e5))
changes = st.tuples(st.just("limit"), st.builds(Limit, st.floats(1e-3, 1e3), st.floats(1, 1e3)))


@given(st.lists(st.one_of(takes, jumps, changes), max_size=60), nows)
def test_never_more_than_burst_and_what_the_rates_earned_is_admitted(steps, now):
    """Whatever is asked, however the clock jumps and the limit changes: first burst + the sum of rate · time.

    Time is what went by on the clock; what it goes back is not taken from anybody, and a step forward fills a bucket
    once.
    """
    limit = Limit(2.0, 20.0)
    bucket = full(limit, now)
    earned, admitted = limit.burst, 0.0
    for kind, value in steps:
        if kind == "jump":
            before, now = now, max(now + value, 0.0)
            earned += min(max(now - before, 0.0) * limit.rate, limit.burst)
        elif kind == "limit":
            change_limit(bucket, value, now)
            limit = value
        elif take(bucket, value, now) == 0.0:
            admitted += value
        assert admitted <= earned * (1 + 1e-9) + 1e-6


@given(limits, st.floats(0, 1), nows, st.floats(-1e5, 0))
def test_a_clock_that_goes_backwards_earns_nothing_and_loses_nothing(limit, share, now, back):
    bucket = spent_bucket(limit, share, now)
    before = bucket.tokens
    spend(bucket, 0.0, then := max(now + back, 0.0))
    assert settled(bucket, then) == before


@given(limits, st.floats(0, 1), st.floats(1e-3, 1e6), nows, st.floats(-1e10, 0))
def test_a_clock_that_was_set_back_makes_nobody_wait_longer_than_the_bucket_takes_to_fill(
    limit, share, cost, now, back
):
    """Also where nothing was taken since: a caller that is denied again and again waits for the bucket alone."""
    bucket, cost = spent_bucket(limit, share, now), min(cost, limit.burst)
    lacks = cost - bucket.tokens
    wait = take(bucket, cost, then := max(now + back, 0.0))
    assert wait <= max(lacks, 0.0) / limit.rate * (1 + 1e-9) + 1e-3
    if wait:
        assert settled(bucket, then + wait) >= cost


@given(limits, nows, st.floats(1.001, 100))
def test_a_cost_above_the_burst_never_fits_and_takes_nothing(limit, now, factor):
    bucket = full(limit, now)
    assert take(bucket, limit.burst * factor, now) == NEVER
    assert settled(bucket, now) == limit.burst


def test_a_bucket_that_earns_nothing_says_never():
    """A rate of zero, and one so small that its wait is no number."""
    assert take(Bucket(0.0, NOW, Limit(0.0, 10.0)), 1.0, NOW) == NEVER
    assert take(Bucket(0.0, NOW, Limit(5e-324, 10.0)), 1.0, NOW) == NEVER


def test_growing_limit_pays_the_time_before_at_the_old_rate():
    """An upgrade at ten seconds gives ten seconds at the old rate and what follows at the new one."""
    bucket = Bucket(0.0, NOW, Limit(1.0, 100.0))
    change_limit(bucket, Limit(10.0, 1000.0), NOW + 10)
    assert settled(bucket, NOW + 10) == 10.0
    assert settled(bucket, NOW + 11) == 20.0


def test_shrinking_limit_pays_the_old_rate_and_gives_no_more_than_the_new_burst():
    bucket = Bucket(0.0, NOW, Limit(10.0, 1000.0))
    change_limit(bucket, Limit(1.0, 30.0), NOW + 50)
    assert settled(bucket, NOW + 50) == 30.0
    spend(bucket, 30.0, NOW + 50)
    assert settled(bucket, NOW + 50) == 0.0


def test_a_limit_that_grows_back_gives_the_tokens_above_the_smaller_burst_again():
    """An account had 900 left of its day when its tier fell for a minute, and used ten of them meanwhile."""
    day, lower = Limit(1000.0 / 86_400, 1000.0), Limit(100.0 / 86_400, 100.0)
    bucket = Bucket(900.0, NOW, day)
    change_limit(bucket, lower, NOW)
    assert settled(bucket, NOW) == 100.0
    spend(bucket, 10.0, NOW)
    change_limit(bucket, day, NOW + 60)
    assert settled(bucket, NOW + 60) == pytest.approx(890.0, abs=0.1)


@pytest.mark.parametrize("burst", [10.0, 5.0])
def test_what_is_spent_under_a_smaller_limit_stays_spent_while_it_is_no_larger(burst):
    """Also if settings are read again: the limit is then another object with the same numbers."""
    bucket = full(Limit(0.0, 50.0), NOW)
    change_limit(bucket, Limit(0.0, 10.0), NOW)
    spend(bucket, 10.0, NOW)
    change_limit(bucket, Limit(0.0, burst), NOW)
    assert settled(bucket, NOW) == 0.0
    change_limit(bucket, Limit(0.0, 50.0), NOW)
    assert settled(bucket, NOW) == 40.0


def test_a_limit_that_grows_back_in_steps_gives_all_of_it_at_the_last():
    bucket = Bucket(900.0, NOW, Limit(0.0, 1000.0))
    for burst, held in ((100.0, 100.0), (10.0, 10.0), (300.0, 300.0), (1000.0, 900.0), (2000.0, 900.0)):
        change_limit(bucket, Limit(0.0, burst), NOW)
        assert settled(bucket, NOW) == held


def test_what_a_lease_gives_back_under_a_smaller_limit_comes_back_with_the_larger_one():
    """But never more than the larger burst in all."""
    bucket = full(Limit(0.0, 50.0), NOW)
    spend(bucket, 40.0, NOW)
    change_limit(bucket, Limit(0.0, 10.0), NOW)
    for _ in range(2):
        refund(bucket, 40.0, NOW)
        assert settled(bucket, NOW) == 10.0
    change_limit(bucket, Limit(0.0, 50.0), NOW)
    assert settled(bucket, NOW) == 50.0


def test_a_bucket_with_a_smaller_limit_is_full_once_the_larger_one_would_be():
    """Until then something is lost with it: a new one would be full at the larger limit."""
    bucket = full(Limit(5.0, 50.0), NOW)
    spend(bucket, 50.0, NOW)
    change_limit(bucket, Limit(1.0, 10.0), NOW)
    assert settled(bucket, NOW + 10) == 10.0
    assert not is_full(bucket, NOW + 49)
    assert is_full(bucket, NOW + 50)


def test_a_bucket_that_fills_slowly_is_not_kept_for_years_because_its_limit_was_larger():
    """A dead account that is blocked at 10 a day, after it used 5,000 of a day."""
    bucket = full(Limit(5000 / 86_400, 5000.0), NOW)
    spend(bucket, 5000.0, NOW)
    change_limit(bucket, Limit(10 / 86_400, 10.0), NOW)
    assert [is_full(bucket, NOW + days * 86_400) for days in (0.9, 1.1, 29, 30)] == [False, False, False, True]


waits = st.tuples(st.just("jump"), st.floats(0, 1e4))
some_limits = st.lists(st.builds(Limit, st.floats(1e-3, 1e3), st.floats(1, 1e3)), min_size=1, max_size=4)
turns = st.lists(st.one_of(takes, waits, st.tuples(st.just("limit"), st.integers(0, 3))), max_size=60)


@given(some_limits, turns)
def test_limits_that_toggle_let_no_more_through_than_the_largest(among, steps):
    """At every moment: a bucket of the largest burst, filled at the rates of the time, holds whatever is taken."""
    bucket, now = full(among[0], NOW), NOW
    largest = full(Limit(among[0].rate, max(limit.burst for limit in among)), now)
    for kind, value in steps:
        if kind == "jump":
            now += value
        elif kind == "limit":
            limit = among[value % len(among)]
            change_limit(bucket, limit, now)
            change_limit(largest, Limit(limit.rate, largest.limit.burst), now)
        elif take(bucket, value, now) == 0.0:
            assert spend(largest, value, now) >= -1e-6


@given(some_limits, turns)
def test_limits_that_toggle_let_through_what_the_smallest_would(among, steps):
    """A caller within the smallest of the rates and bursts is never stopped."""
    bucket, now = full(among[0], NOW), NOW
    smallest = full(Limit(min(limit.rate for limit in among), min(limit.burst for limit in among)), now)
    for kind, value in steps:
        if kind == "jump":
            now += value
        elif kind == "limit":
            change_limit(bucket, among[value % len(among)], now)
        elif (cost := value * (1 - 1e-6)) and take(smallest, value, now) == 0.0:
            assert take(bucket, cost, now) == 0.0


@given(limits, limits, st.floats(0, 1), nows, st.floats(-1e4, 1e4))
def test_changing_a_limit_back_and_forth_gives_nothing(small, large, share, now, jump):
    """An account that makes its tier flap has no more tokens for it."""
    bucket, steady = spent_bucket(small, share, now), spent_bucket(small, share, now)
    later = max(now + jump, 0.0)
    change_limit(bucket, large, later)
    change_limit(bucket, small, later)
    assert settled(bucket, later) <= settled(steady, later)
