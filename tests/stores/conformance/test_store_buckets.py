"""Buckets: all or none, the arithmetic of `limits/` to the last digit, and each reservation settled once.

An embedded store keeps buckets in its `TenantState` and takes by this machine's clock. A store that replicas share
takes by a clock of its own; `Takes.clock_offset` says exactly when, because this machine's clock stands still here.
"""

import asyncio
import math

import pytest
from store_place import TENANT
from take_story import NOW, PureBuckets, Story, drawn_on, result

from reputation.limits.bucket import Bucket, Limit
from reputation.limits.reservations import Reserve, ReservedCharges, Settlement
from reputation.limits.take import Ask, AskGroup, Charge, take, take_group
from reputation.stores.shared_values import NOT_OPEN, Again, Clash, Settling, once

SLOW = Limit(1e-9, 20.0)
OWN, DAILY = ("own", "a", "burst"), ("own", "a", "daily")


class Embedded:
    """Takes at a store of one process."""

    def __init__(self, place, store):
        self._place, self._state, self._reserved = place, store.tenant(TENANT), ReservedCharges()
        place.now = NOW

    def set_clock(self, now):
        self._place.now = now

    async def take(self, ask, limits):
        """Carry out an ask or a group: what came of it, and when."""
        now = self._place.now
        buckets = {
            key: self._state.budgets.charge("x", "account", key, limit, now).bucket for key, limit in limits.items()
        }
        asked = drawn_on(buckets, ask)
        return (take_group if isinstance(ask, AskGroup) else take)(asked, self._reserved, now), now

    async def settle(self, hold, used):
        charged = self._reserved.holds.settle(hold, used, self._place.now, debt=True)
        return NOT_OPEN if charged is None else charged

    async def until(self, when):
        """Instants just before a time, and at it."""
        for self._place.now in (math.nextafter(when, 0.0), when):
            yield


class Shared:
    """Takes at a store that replicas share, as one of them."""

    def __init__(self, place, store):
        self._place, self.takes = place, store.shared.takes(TENANT, 2.0, pytest.fail)
        place.now = 0.0

    def set_clock(self, now):
        """By whole 4,096 s, so that the sum with `ahead` is exact."""
        self._place.now = min(max(math.floor((now - NOW) / 4096) * 4096.0, -(2.0**28)), 2.0**28)

    async def take(self, ask, limits):
        copies = {key: Bucket(0.0, 0.0, limit) for key, limit in limits.items()}
        asked = drawn_on(copies, ask)
        came = await (self.takes.take_all(asked) if isinstance(ask, AskGroup) else self.takes.take(asked))
        return came, self._place.now + self.takes.clock_offset

    async def settle(self, hold, used):
        return (await self.takes.settle(Settling(((hold, used),)))).holds[0]

    async def until(self, _):
        while True:
            yield


def buckets_at(place, store):
    return (Embedded if store.shared is None else Shared)(place, store)


@pytest.fixture
def buckets(place):
    return buckets_at(place, place.open())


def charge(key, limit=SLOW):
    return Charge("x", "account", key, Bucket(limit.burst, 0.0, limit))


def ask(cost=1.0, keys=(OWN,), **more):
    return Ask([[charge(key) for key in keys]], cost, **more)


async def left(buckets, key=OWN, limit=SLOW):
    """What a bucket holds, rounded."""
    taken, _ = await buckets.take(Ask([[charge(key, limit)]], 0.0), {key: limit})
    return round(taken.states[0].remaining)


async def test_takes_are_the_arithmetic_of_limits_to_the_last_digit_whatever_this_machines_clock_does(buckets):
    """Several buckets, draws and groups, leases too, while the clock is set both ways."""
    story, pure = Story(7, changing=0.0), PureBuckets()
    for _ in range(1500):
        story.step()
        buckets.set_clock(story.now)
        asked, limits = story.group() if story.random.random() < 0.1 else story.ask()
        came, now = await buckets.take(asked, limits)
        assert result(came) == result(pure.carry_out(asked, limits, now))
    assert pure.reserved.leases.settled > 10


async def test_a_bucket_whose_limit_changes_is_settled_at_the_old_one_first(buckets):
    pure = PureBuckets()
    for rate, burst, cost in ((1.0, 10.0, 10.0), (1e6, 10.0, 1.0), (1e-9, 1000.0, 0.5), (1e-9, 2.0, 0.25)):
        limits = {OWN: Limit(rate, burst)}
        asked = Ask([[charge(OWN, limits[OWN])]], cost)
        came, now = await buckets.take(asked, limits)
        assert result(came) == result(pure.carry_out(asked, limits, now))


async def test_a_limit_that_shrinks_and_grows_back_gives_back_what_it_withheld(buckets):
    """Whatever is held and leased meanwhile; the last limit is larger than any before, and gives no more."""
    pure, held = PureBuckets(), []
    for burst, cost in ((1000.0, 100.0), (10.0, 4.0), (2.0, 1.0), (300.0, 0.0), (1000.0, 0.0), (5000.0, 0.0)):
        limits = {OWN: Limit(1e-9, burst)}
        asked = Ask([[charge(OWN, limits[OWN])]], cost)
        came, now = await buckets.take(asked, limits)
        assert result(came) == result(pure.carry_out(asked, limits, now))
        held.append(round(came.states[0].remaining))
    assert held == [900, 6, 1, 299, 895, 895]


async def test_what_a_hold_gives_back_under_a_smaller_limit_comes_back_with_the_larger_one(buckets):
    large, small = Limit(1e-9, 50.0), Limit(1e-9, 10.0)
    reserve = Reserve("hold", 1e12)
    await buckets.take(Ask([[charge(OWN, large)]], 40.0, reserve=reserve), {OWN: large})
    assert await left(buckets, limit=small) == 10
    await buckets.settle("hold", 15.0)
    assert await left(buckets, limit=small) == 10
    assert await left(buckets, limit=large) == 35


async def test_where_one_bucket_is_empty_nothing_is_taken_from_the_others(buckets):
    limits = {OWN: SLOW, DAILY: SLOW}
    assert not (await buckets.take(ask(20.0), limits))[0].wait
    taken, _ = await buckets.take(ask(1.0, (DAILY, OWN)), limits)
    assert taken.wait > 0
    assert taken.binding == 1
    assert await left(buckets, DAILY) == 20


async def test_a_denied_request_passes_at_retry_after_and_not_before(buckets):
    limit = Limit(20.0, 1.0)
    asked, limits = Ask([[charge(OWN, limit)]], 1.0), {OWN: limit}
    assert not (await buckets.take(asked, limits))[0].wait
    denied, at = await buckets.take(asked, limits)
    async for _ in buckets.until(at + denied.wait):
        taken, now = await buckets.take(asked, limits)
        assert (taken.wait == 0.0) == (now >= at + denied.wait)
        if now >= at + denied.wait:
            break


async def test_requests_at_once_on_all_replicas_pass_no_more_than_the_burst(place):
    several = [buckets_at(place, store) for store in place.replicas(3)]
    took = await asyncio.gather(*[several[i % 3].take(ask(), {OWN: SLOW}) for i in range(90)])
    assert sum(not taken.wait for taken, _ in took) == SLOW.burst


async def test_a_hold_is_settled_once_and_may_cost_more_than_it_was(buckets):
    until, limits = NOW * 2, {OWN: SLOW}
    for name, used, rest in (("h1", 2.0, 18), ("h2", 30.0, -12)):
        await buckets.take(ask(5.0, reserve=Reserve(name, until)), limits)
        for _ in range(3):
            assert await buckets.settle(name, used) == used
        assert await left(buckets) == rest
    assert await buckets.settle("h3", 1.0) == NOT_OPEN


async def test_what_is_left_of_a_lease_is_given_back_once_and_to_its_holder(buckets):
    limits = {OWN: SLOW}
    granted, _ = await buckets.take(ask(want=10, share=0.5, reserve=Reserve("l1", NOW * 2, "me")), limits)
    assert granted.granted == 9
    assert await left(buckets) == 10
    for holders, rest in ((("other",), 10), (("me", "other"), 16), (("me",), 16)):
        await buckets.take(ask(0.0, settlements=(Settlement("l1", 3.0, holders),)), limits)
        assert await left(buckets) == rest


async def test_buckets_outlive_a_clean_stop(place):
    first, pure, story = buckets_at(place, place.open()), PureBuckets(), Story(3, changing=0.0)
    for _ in range(50):
        asked, limits = story.ask()
        came, now = await first.take(asked, limits)
        pure.carry_out(asked, limits, now)
    story.open.clear()
    before = place.now
    for again in await place.restarted():
        buckets = buckets_at(place, again)
        place.now = before
        for _ in range(50):
            asked, limits = story.ask()
            story.open.clear()
            came, now = await buckets.take(asked, limits)
            assert result(came) == result(pure.carry_out(asked, limits, now))


async def test_a_request_that_is_sent_to_two_replicas_is_charged_once(shared_place):
    one, other = [store.takes(TENANT, 2.0, pytest.fail) for store in shared_place.shared(2)]
    first = await one.take(ask(5.0, token="v1"), once("r1", "the same"))
    again = await other.take(ask(5.0, token="v2"), once("r1", "the same"))
    assert not first.wait
    assert isinstance(again, Again)
    assert round(again.taken.states[0].remaining) == 15
    assert await other.first_id(once("r1", "the same")) == "v1"
    assert isinstance(await other.take(ask(5.0, token="v3"), once("r1", "another")), Clash)
    assert await other.first_id(once("r2", "the same")) is None


async def test_what_is_owed_is_charged_once_into_debt_and_may_be_given_back(shared_place):
    (store,) = shared_place.shared()
    takes = store.takes(TENANT, 2.0, pytest.fail)
    await takes.probe()
    takes.note([(charge(OWN), 30.0)])
    await takes.resume([(charge(DAILY), 4.0), (charge(DAILY), -1.0)])
    await takes.resume([])
    held = (await takes.take(ask(0.0, (OWN, DAILY)))).states
    assert [round(state.remaining) for state in held] == [-10, 17]


async def test_shadow_modes_buckets_are_others(shared_place):
    (store,) = shared_place.shared()
    takes = store.takes(TENANT, 2.0, pytest.fail)
    await takes.take(ask(20.0))
    takes.series = "s"
    assert not (await takes.take(ask(20.0))).wait
