"""Going on alone: replicas together admit no more than the limit, and what was drawn is owed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.limits.bucket import Bucket, Limit, full, refund, settled
from reputation.limits.take import Ask, AskGroup, Charge
from reputation.replicas.fallback import Shares, divided

NOW = 1_790_812_800.0
KEY = ("own", "a", "burst")


def charge(rate=2.0, burst=20.0, tokens=20.0, key=KEY):
    return Charge("burst", "account", key, Bucket(tokens, NOW, Limit(rate, burst)))


def alone(parts, most=100):
    shares = Shares(most)
    shares.divide(parts)
    return shares


def admitted(shares, one, times, cost=1.0, **how):
    return sum(not shares.take(Ask([[one]], cost), at, **how).wait for at in times)


@given(st.integers(1, 16), st.floats(0, 20), st.lists(st.floats(0, 600), max_size=200))
def test_all_replicas_together_admit_what_one_bucket_would(parts, tokens, offsets):
    """Each is asked all that comes, the worst that can happen; tokens: what the bucket held when it was last seen."""
    times = sorted(NOW + offset for offset in offsets)
    total = sum(admitted(alone(parts), charge(tokens=tokens), times) for _ in range(parts))
    last = times[-1] - NOW if times else 0.0
    assert total <= tokens + 2.0 * last + 1e-6 * (1 + last)


@given(st.integers(1, 8), st.lists(st.floats(0, 600), max_size=100))
def test_what_is_owed_leaves_in_the_shared_bucket_what_the_shares_hold(parts, offsets):
    """The shared bucket filled up meanwhile; after the charges it is as if every take had come to it."""
    times, end = sorted(NOW + offset for offset in offsets), NOW + 600
    bucket, replicas = full(Limit(2.0, 20.0), NOW), [alone(parts) for _ in range(parts)]
    for shares in replicas:
        admitted(shares, charge(), times)
    for shares in replicas:
        for _, amount in shares.hand_over(end):
            refund(bucket, -amount, end)
        assert not [amount for _, amount in shares.hand_over(end) if amount]
    left = sum(settled(share.drawn, end) for shares in replicas for share in shares._shares.rows.values())
    assert settled(bucket, end) == pytest.approx(left if times else 20.0)


def test_a_share_begins_with_its_part_of_what_the_bucket_was_seen_to_hold():
    shares = alone(4)
    assert admitted(shares, charge(tokens=8.0), [NOW] * 10) == 2


def test_a_share_holds_at_least_one_unit_once_it_is_earned():
    """A burst of 2 among 4 replicas: half a unit would never pass anything."""
    assert divided(Limit(1.0, 2.0), 4) == Limit(0.25, 1.0)
    shares = alone(4)
    assert admitted(shares, charge(rate=1.0, burst=2.0, tokens=2.0), [NOW, NOW + 2.1, NOW + 2.2]) == 1


def test_without_limits_everything_passes_and_at_most_a_full_bucket_is_owed():
    """`on_state_loss: open` must not leave an account in debt for hours."""
    shares = alone(2)
    assert admitted(shares, charge(), [NOW] * 500, limited=False) == 500
    ((_, owed),) = shares.hand_over(NOW)
    assert owed == pytest.approx(10.0)


def test_a_group_takes_from_every_share_or_from_none():
    shares, rich, poor = alone(2), charge(key=("own", "a", "burst")), charge(tokens=2.0, key=("own", "b", "burst"))
    asks = [Ask([[rich]], 1.0), Ask([[poor]], 1.0)]
    assert [shares.take_all(AskGroup(asks, stopped=False), NOW).passed for _ in range(2)] == [True, False]
    assert shares.take(Ask([[rich]], 1.0), NOW).states[0].remaining == 8.0


def test_a_limit_that_changes_changes_the_share():
    shares, one = alone(2), charge()
    shares.take(Ask([[one]], 4.0), NOW)
    one.bucket.limit = Limit(2.0, 4.0)
    assert shares.take(Ask([[one]], 1.0), NOW).states[0].remaining == 1.0


def test_what_was_drawn_is_owed_even_if_the_limit_is_a_smaller_one_by_then():
    shares, one = alone(1), charge()
    shares.take(Ask([[one]], 15.0), NOW)
    one.bucket.limit = Limit(2.0, 4.0)
    assert shares.take(Ask([[one]], 1.0), NOW).states[0].remaining == 3.0
    assert [owed for _, owed in shares.hand_over(NOW)] == [16.0]
    one.bucket.limit = Limit(2.0, 20.0)
    assert shares.take(Ask([[one]], 1.0), NOW).states[0].remaining == 3.0
    assert [owed for _, owed in shares.hand_over(NOW)] == [1.0]


def test_a_flood_of_names_is_bounded_and_has_one_share_together():
    shares = alone(1, most=10)
    passed = sum(admitted(shares, charge(key=("own", f"a{i}", "burst")), [NOW]) for i in range(100))
    assert len(shares) == 10
    assert passed == 10 + 20
    assert shares.crowded == 90


def test_a_quarter_million_shares_are_kept():
    assert Shares()._shares.most == 262_144


def test_when_the_replicas_become_others_every_share_is_made_anew():
    """Else a replica would go on with the shares of an absence before, and all together would admit more."""
    shares, one = alone(2), charge(tokens=10.0)
    assert admitted(shares, one, [NOW] * 20) == 5
    shares.divide(5)
    assert len(shares) == 0
    assert admitted(shares, one, [NOW] * 20) == 2
    assert [owed for _, owed in shares.hand_over(NOW)] == [2.0]


def test_a_flood_in_an_absence_before_leaves_the_next_one_nothing():
    shares = alone(1, most=10)
    for i in range(20):
        admitted(shares, charge(key=("own", f"a{i}", "burst")), [NOW] * 20)
    shares.divide(2)
    assert admitted(shares, charge(key=("own", "late", "burst"), tokens=20.0), [NOW] * 20) == 10


def test_shares_that_are_full_again_make_place_and_those_that_are_not_do_not():
    shares = alone(1, most=2)
    keys = [("own", name, "burst") for name in ("rests", "spends", "new", "newer")]
    admitted(shares, charge(key=keys[0], burst=10.0, tokens=10.0, rate=1.0), [NOW])
    admitted(shares, charge(key=keys[1], burst=10.0, tokens=10.0, rate=1.0), [NOW] * 9)
    assert admitted(shares, charge(key=keys[2], burst=10.0, tokens=10.0, rate=1.0), [NOW + 1] * 20) == 10
    assert (len(shares), shares.crowded) == (2, 0)
    admitted(shares, charge(key=keys[3], burst=10.0, tokens=10.0, rate=1.0), [NOW + 1])
    assert (len(shares), shares.crowded) == (2, 1)
    assert sum(owed for _, owed in shares.hand_over(NOW + 1)) == pytest.approx(8.0 + 10.0)


@pytest.mark.parametrize("shares", [alone(0), alone(1), Shares()])
def test_no_replica_at_all_is_one(shares):
    assert admitted(shares, charge(), [NOW] * 30) == 20


def test_what_was_handed_over_is_not_owed_again():
    shares = alone(1)
    admitted(shares, charge(), [NOW] * 3)
    assert [owed for _, owed in shares.hand_over(NOW)] == [3.0]
    assert list(shares.hand_over(NOW)) == []
    admitted(shares, charge(), [NOW] * 2)
    assert [owed for _, owed in shares.hand_over(NOW)] == [2.0]


def test_limits_without_a_share_of_their_own_share_what_there_is():
    shares = alone(1, most=1)
    for i in range(100):
        admitted(shares, charge(key=("own", f"a{i}", "burst"), burst=20.0 + i), [NOW])
    assert len(shares._crowds) == 64
    assert admitted(shares, charge(key=("own", "late", "burst"), burst=500.0), [NOW] * 50) <= 22
