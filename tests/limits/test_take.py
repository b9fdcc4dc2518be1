"""One verdict, several buckets: all or none."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.limits.bucket import Bucket, Limit, full, settled
from reputation.limits.reservations import Reserve, ReservedCharges, Settlement
from reputation.limits.take import Ask, AskGroup, Charge, binding_limit, lease_size, take, take_first, take_group

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


def one(tokens=10.0, burst=20.0, rate=1.0, name="a"):
    return Charge("burst", "account", ("own", name, "burst"), Bucket(tokens, NOW, Limit(rate, burst)))


def tokens(*several):
    return [charge.bucket.tokens for charge in several]


def test_a_bucket_that_holds_just_the_cost_pays_it():
    exactly = one(3.0)
    assert take_first([[exactly]], 3.0, NOW).wait == 0.0
    less = one(math.nextafter(3.0, 0.0))
    assert take_first([[less]], 3.0, NOW).wait > 0.0


def test_the_one_that_binds_has_the_least_share_of_its_burst_left_and_of_equals_the_first():
    assert take_first([[one(10, 20), one(9, 10), one(6, 20)]], 1.0, NOW).binding == 2
    assert take_first([[one(6, 20), one(6, 20)]], 1.0, NOW).binding == 0
    assert take_first([[one(20, 20)]], 0.0, NOW).binding == 0
    assert take_first([[one(20, 20), one(10, 10)]], 0.0, NOW).binding == 0


def test_of_those_that_refuse_the_longest_wait_binds_and_of_equals_the_first():
    taken = take_first([[one(0, rate=1.0), one(0, rate=0.5), one(10), one(0, rate=0.5)]], 1.0, NOW)
    assert (taken.binding, taken.wait) == (1, 2.0)
    assert [state.remaining for state in taken.states] == [0.0, 0.0, 10.0, 0.0]


def test_of_ways_that_all_refuse_the_soonest_is_told_and_of_equals_the_first():
    late, soon, same = one(0, rate=0.25), one(0, rate=0.5), one(0, rate=0.5)
    taken = take_first([[late], [soon], [same]], 1.0, NOW)
    assert (taken.wait, taken.draw[0]) == (2.0, soon)


@pytest.mark.parametrize(
    ("least", "share", "want", "size"),
    [
        (100.0, 0.25, 1000, 25), (103.9, 0.25, 1000, 25), (100.0, 0.25, 7, 7),
        (3.0, 0.25, 1000, 1), (1.0, 0.25, 1000, 1), (0.999, 0.25, 1000, 0), (50.0, 0.25, 0, 0), (8.0, 1.0, 8, 8),
    ],
)  # fmt: skip
def test_a_lease_is_a_share_of_the_least_and_one_near_the_limit(least, share, want, size):
    assert lease_size(least, share, want) == size


def test_a_report_of_more_than_a_lease_costs_no_more_than_the_lease():
    """A gateway that counts wrongly must not drive an account into debt."""
    reserved, account = ReservedCharges(), one(20.0)
    taken = take(Ask([[account]], 1.0, 8, 0.5, Reserve("l1", NOW + 60)), reserved, NOW)
    assert (taken.granted, tokens(account)) == (8, [11.0])
    take(Ask([[account]], 1.0, settlements=(Settlement("l1", 500.0),)), reserved, NOW)
    assert tokens(account) == [10.0]


def test_what_a_lease_leaves_is_told_without_the_lease():
    account = one(20.0)
    taken = take(Ask([[account]], 2.0, 5, 0.5, Reserve("l1", NOW + 60)), ReservedCharges(), NOW)
    assert (taken.granted, taken.states[0].remaining, taken.wait) == (5, 18.0, 0.0)
    assert tokens(account) == [13.0]


def test_a_check_without_a_lease_or_hold_reserves_nothing():
    reserved, account = ReservedCharges(), one(20.0)
    assert take(Ask([[account]], 2.0, 5, 0.5), reserved, NOW).granted == 0
    assert (tokens(account), len(reserved.leases), len(reserved.holds)) == ([18.0], 0, 0)


def test_a_hold_reserves_its_cost_and_no_lease():
    reserved, account = ReservedCharges(), one(20.0)
    taken = take(Ask([[account]], 6.0, reserve=Reserve("h1", NOW + 60)), reserved, NOW)
    assert (taken.granted, tokens(account), len(reserved.leases), len(reserved.holds)) == (0, [14.0], 0, 1)
    assert reserved.holds.settle("h1", 2.0, NOW, debt=True) == 2.0
    assert tokens(account) == [18.0]


class TestGroup:
    """A request in the names of several accounts."""

    def asks(self, *charges, costs=(1.0, 1.0), **given):
        return [Ask([[charge]], cost, **given) for charge, cost in zip(charges, costs, strict=True)]

    def test_all_of_them_take(self):
        first, second = one(5.0), one(9.0, name="b")
        found = take_group(AskGroup(self.asks(first, second, costs=(2.0, 3.0)), stopped=False), ReservedCharges(), NOW)
        assert found.passed
        assert tokens(first, second) == [3.0, 6.0]
        assert [taken.states[0].remaining for taken in found.taken] == [3.0, 6.0]

    def test_or_none_does_and_each_says_how_it_stands(self):
        first, second = one(5.0), one(1.0, name="b")
        found = take_group(AskGroup(self.asks(first, second, costs=(2.0, 3.0)), stopped=False), ReservedCharges(), NOW)
        assert not found.passed
        assert tokens(first, second) == [5.0, 1.0]
        assert [taken.wait for taken in found.taken] == [0.0, 2.0]
        assert [taken.states[0].remaining for taken in found.taken] == [5.0, 1.0]

    def test_what_is_stopped_anyway_takes_nothing(self):
        first, second = one(5.0), one(9.0, name="b")
        found = take_group(AskGroup(self.asks(first, second), stopped=True), ReservedCharges(), NOW)
        assert (found.passed, tokens(first, second)) == (False, [5.0, 9.0])

    def test_a_bucket_that_both_draw_on_pays_for_both_or_neither(self):
        shared = one(2.0)
        assert take_group(AskGroup(self.asks(shared, shared), stopped=False), ReservedCharges(), NOW).passed
        assert tokens(shared) == [0.0]
        shared = one(1.0)
        assert not take_group(AskGroup(self.asks(shared, shared), stopped=False), ReservedCharges(), NOW).passed
        assert tokens(shared) == [1.0]

    def test_who_only_looks_stops_where_one_unit_would_have_to_wait(self):
        """And sees its bucket as it was before the other one took from it."""
        for held, passes in ((1.0, True), (0.999, False)):
            looks, pays = one(held), one(5.0, name="b")
            found = take_group(
                AskGroup(self.asks(pays, looks, costs=(1.0, 0.0)), stopped=False), ReservedCharges(), NOW
            )
            assert found.passed == passes
            assert tokens(looks, pays) == [held, 4.0 if passes else 5.0]
        shared = one(1.0)
        assert take_group(
            AskGroup(self.asks(shared, shared, costs=(1.0, 0.0)), stopped=False), ReservedCharges(), NOW
        ).passed

    def test_settlements_come_first_and_count_whatever_comes_of_the_group(self):
        reserved, account = ReservedCharges(), one(20.0)
        take(Ask([[account]], 10.0, 5, 1.0, Reserve("l1", NOW + 60)), reserved, NOW)
        assert tokens(account) == [5.0]
        settled_too = self.asks(account, costs=(8.0,), settlements=(Settlement("l1", 900.0),))
        assert not take_group(AskGroup(settled_too, stopped=False), reserved, NOW).passed
        assert tokens(account) == [5.0]
        take(Ask([[account]], 1.0, 4, 1.0, Reserve("l2", NOW + 60)), reserved, NOW)
        settled_too = self.asks(account, costs=(4.0,), settlements=(Settlement("l2", 0.0),))
        assert take_group(AskGroup(settled_too, stopped=False), reserved, NOW).passed
        assert tokens(account) == [0.0]

    def test_holds_are_opened_where_all_took(self):
        for cost, opened in ((5.0, 2), (6.0, 0)):
            reserved, first, second = ReservedCharges(), one(5.0), one(5.0, name="b")
            asks = [
                Ask([[first]], cost, reserve=Reserve("h1", NOW + 60)),
                Ask([[second]], 5.0, reserve=Reserve("h2", NOW + 60)),
            ]
            take_group(AskGroup(asks, stopped=False), reserved, NOW)
            assert len(reserved.holds) == opened

    def test_a_refused_group_leaves_buckets_where_they_were_in_time(self):
        first, second = one(5.0), one(0.0, name="b")
        take_group(AskGroup(self.asks(first, second), stopped=False), ReservedCharges(), NOW + 0.5)
        assert [(c.bucket.tokens, c.bucket.at) for c in (first, second)] == [(5.0, NOW), (0.0, NOW)]


def test_only_the_first_draws_lease_more_than_one_token():
    """What is drawn from the others is shared by many."""
    limit = Limit(0.0, 100.0)
    for roomy, tokens in ((0, 1), (1, 24)):
        draws = [[Charge("own", "account", ("own",), Bucket(100.0, NOW, limit))]]
        ask = Ask(draws, 1.0, 50, 0.25, Reserve(f"l{roomy}", NOW + 60)).sharing(roomy)
        assert take(ask, ReservedCharges(), NOW).granted == tokens
    empty = Charge("own", "account", ("own",), Bucket(0.0, NOW, limit))
    shared = Charge("purse", "cluster", ("purse",), Bucket(100.0, NOW, limit))
    ask = Ask([[empty], [shared]], 1.0, 50, 0.25, Reserve("l", NOW + 60)).sharing(1)
    assert take(ask, ReservedCharges(), NOW).granted == 1
