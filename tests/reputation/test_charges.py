"""One verdict, several buckets: all or none."""

from hypothesis import given
from hypothesis import strategies as st

from reputation.bucket import Bucket, Limit, full, settled
from reputation.charges import Charge, binding_limit, take_first

NOW = 1_790_812_800.0
buckets = st.builds(
    lambda rate, burst, share, back: Bucket(burst * share, NOW - back, Limit(rate, burst)),
    st.floats(1e-3, 1e3),
    st.floats(1, 1e3),
    st.floats(-1, 1),
    st.floats(-100, 100),
)
charges = st.lists(
    buckets.map(lambda bucket: Charge("burst", "account", ("own", "a", "burst"), bucket)), min_size=1, max_size=6
)


def holdings(several):
    return [settled(charge.bucket, NOW) for charge in several]


@given(charges, st.floats(1e-3, 2e3))
def test_takes_from_every_bucket_or_from_none(several, cost):
    before = holdings(several)
    taken = take_first([several], cost, NOW)
    after = holdings(several)
    if taken.wait:
        assert after == before
        assert min(before) < cost
    else:
        assert after == [tokens - cost for tokens in before]
        assert min(before) >= cost
    assert [state.remaining for state in taken.states] == after


@given(charges, st.floats(1e-3, 2e3))
def test_the_wait_is_the_first_time_at_which_every_bucket_holds_the_cost(several, cost):
    taken = take_first([several], cost, NOW)
    if not taken.wait or any(cost > charge.bucket.limit.burst for charge in several):
        return
    assert take_first([several], cost, NOW + taken.wait).wait == 0.0


@given(charges, st.floats(1e-3, 2e3))
def test_the_binding_limit_is_the_longest_wait_or_the_least_share_left(several, cost):
    taken = take_first([several], cost, NOW)
    bound = several[taken.binding].bucket
    if taken.wait:
        assert settled(bound, NOW) < cost
    else:
        shares = [settled(c.bucket, NOW) / c.bucket.limit.burst for c in several]
        assert shares[taken.binding] == min(shares)


def test_the_answer_names_every_limit_in_order_and_the_one_that_binds():
    """Rates, bursts and scopes come out as they went in."""
    wide, narrow = full(Limit(5.0, 50.0), NOW), full(Limit(0.5, 5.0), NOW)
    taken = take_first(
        [
            [
                Charge("burst", "account", ("own", "a", "burst"), wide),
                Charge("purse", "cluster", ("purse", "h-1"), narrow),
            ]
        ],
        1.0,
        NOW,
    )
    assert [(s.name, s.scope, s.rate, s.burst, s.remaining) for s in taken.states] == [
        ("burst", "account", 5.0, 50.0, 49.0),
        ("purse", "cluster", 0.5, 5.0, 4.0),
    ]
    bound = binding_limit("tokens", taken.states[taken.binding])
    assert (bound.unit, bound.scope, bound.remaining) == ("tokens", "cluster", 4.0)


def test_a_wait_beyond_a_day_binds_before_a_cost_that_never_fits_hides_it():
    """Whatever the other buckets say, a denied take names a bucket that lacks the cost."""
    never, slow = full(Limit(1.0, 5.0), NOW), Bucket(0.0, NOW, Limit(1e-4, 100.0))
    taken = take_first(
        [
            [
                Charge("burst", "account", ("own", "a", "burst"), never),
                Charge("daily", "account", ("own", "a", "daily"), slow),
            ]
        ],
        10.0,
        NOW,
    )
    assert taken.wait >= 86_400.0
    assert settled([never, slow][taken.binding], NOW) < 10.0


@given(charges, charges, st.floats(1e-3, 2e3))
def test_the_first_draw_that_holds_the_cost_pays_alone(first, second, cost):
    before = [holdings(first), holdings(second)]
    taken = take_first([first, second], cost, NOW)
    if taken.wait:
        assert [holdings(first), holdings(second)] == before
        assert taken.wait == min(take_first([draw], cost, NOW).wait for draw in (first, second))
    else:
        payer, spared = (0, 1) if min(before[0]) >= cost else (1, 0)
        assert taken.draw is (first, second)[payer]
        assert holdings((first, second)[spared]) == before[spared]
