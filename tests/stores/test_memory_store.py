"""Embedded state: bounded under any flood, and forgetting is never the attacker's gain."""

import math
import tracemalloc

import pytest
from small_engine import DAY, HOUR, NOW, PROVEN, SECRET, ask, check, drain, limiter, points, push, report, tenant

from reputation.config.file import DEFAULT, from_text
from reputation.limits.bucket import Bucket, Limit, settled, take
from reputation.sidecar.build import build, empty_state
from reputation.state.budgets import MOST_LIMITS, Budgets
from reputation.state.crowds import A_WHILE, MOST_NETWORKS, SLOTS, Crowd, Row, SharedRows, lasting_days
from reputation.state.facts import Facts
from reputation.state.history import visit
from reputation.state.stops import Pool, Stop
from reputation.state.tenant import TenantState
from reputation.state.windows import name_of
from reputation.stores.memory import MemoryStore
from reputation.wire.messages import Payment

LIMIT = Limit(1.0, 10.0)


@pytest.fixture
def small(addresses):
    """A tenant that keeps 1,000 accounts and 100 strangers at most."""
    settings = from_text("memory: {accounts: 1000, strangers: 100}")
    return build(settings, addresses, SECRET).tenant("default")


class TestFloods:
    def test_made_up_keys_are_bounded(self, small):
        for i in range(3000):
            check(small, NOW + i / 1000, account={"key": f"made-up-{i}"}, client={"ip": f"11.0.{i % 250}.1"})
        assert len(small.state.unconfirmed) <= 100
        assert len(small.state.traffic) == 0
        assert small.state.unconfirmed.crowded > 0

    def test_made_up_accounts_with_facts_are_bounded(self, small):
        """Facts in a check may be as made up as the account; with them it is confirmed all the same."""
        for i in range(3000):
            check(small, NOW + i / 1000, account={"id": f"made-up-{i}", "plan": "free"}, client={"ip": "11.0.0.1"})
        assert len(small.state.traffic) <= 1000

    def test_made_up_addresses_are_bounded(self, small):
        for i in range(3000):
            check(small, NOW + i / 1000, client={"ip": f"11.0.{i // 250}.{i % 250}"})
        assert len(small.state.unconfirmed) <= 100
        assert len(small.state.accounts_on_address) == 0

    def test_newcomers_who_find_no_place_are_one_account_together(self, small):
        """A flood of names gets no more than the places, and one account's burst for all the rest."""
        free = small.tenant.policy.limits["free"][1].burst.burst
        passed = sum(check(small, NOW, account={"key": f"made-up-{i}"}).decision == "allow" for i in range(2000))
        assert passed <= 100 + free

    def test_accounts_that_billing_pushed_are_never_pushed_out(self, small):
        push(small, "billed", keys=["sk-1"], **PROVEN)
        spent = drain(small, "billed")
        for i in range(3000):
            check(small, NOW + i / 1000, account={"id": f"made-up-{i}", "plan": "free"})
        assert spent > 0
        assert check(small, NOW, account={"key": "sk-1"}).decision == "throttle"

    def test_an_account_in_debt_is_not_forgotten(self, small):
        """No account gets a new burst by pushing its own name out."""
        assert drain(small, "greedy") == 20
        check(small, account={"id": "known", "plan": "free"}, request={"cost": 20})
        for i in range(3000):
            check(small, NOW + i / 1000, account={"key": f"made-up-{i}"})
            check(small, NOW + i / 1000, account={"id": f"made-up-{i}", "plan": "free"})
        assert ask(small, "greedy", now=NOW + 3).limits[0].remaining == pytest.approx(5.0)
        assert check(small, NOW + 3, account={"id": "known", "plan": "free"}).limits[0].remaining == pytest.approx(5.0)

    def test_an_account_with_a_record_is_not_forgotten(self, small):
        """A chargeback outlives a flood, even when the account's buckets are full again."""
        check(small, account={"id": "fraud", "plan": "free"})
        report(small, "fraud", "chargeback")
        for i in range(500):
            check(small, account={"id": f"rested-{i}", "plan": "free"})
        for i in range(3000):
            check(small, NOW + 2 * DAY + i / 1000, account={"id": f"made-up-{i}", "plan": "free"})
        assert small.state.row("rested-0") is None
        assert "outcomes_against" in points(check(small, NOW + 3 * DAY, account={"id": "fraud", "plan": "free"}))

    def test_places_become_free_when_their_accounts_have_rested(self, small):
        for i in range(1000):
            check(small, account={"id": f"early-{i}", "plan": "free"})
        late = check(small, NOW + 2 * DAY, account={"id": "late", "plan": "free"}, request={"cost": 15})
        assert late.decision == "allow"
        assert small.state.row("late") is not None
        assert small.state.traffic.crowded == 0


class TestSharedRow:
    """What happens to those who share a row must not happen to the others in it."""

    @pytest.fixture
    def full(self, small):
        for i in range(1000):
            check(small, account={"id": f"early-{i}", "plan": "free"}, request={"cost": 20})
        return small

    def test_an_outcome_of_one_is_not_held_against_the_others(self, full):
        check(full, account={"id": "fraud", "plan": "free"})
        for _ in range(3):
            report(full, "fraud", "chargeback")
        honest = check(full, account={"id": "honest", "plan": "free"})
        assert "outcomes_against" not in points(honest)
        assert honest.decision in ("allow", "throttle")

    def test_facts_of_one_are_not_the_others(self, full):
        check(full, account={"id": "rich", **PROVEN})
        assert set(points(check(full, account={"id": "poor", "plan": "free"}))) == {"prior"}

    def test_pushing_the_facts_of_one_gives_it_a_row_of_its_own(self, full):
        check(full, account={"id": "a", "plan": "free"}, request={"cost": 20})
        push(full, "a", plan="free")
        assert ask(full, "a").limits[0].remaining == 19.0

    def test_going_live_refills_the_shared_row_as_well(self, addresses):
        settings = from_text("memory: {accounts: 1000, strangers: 100}\ntenants: {default: {mode: shadow}}")
        shadow = build(settings, addresses, SECRET).tenant("default")
        for i in range(400):
            check(shadow, account={"key": f"made-up-{i}"})
        shadow.retune(tenant(addresses).tenant)
        assert check(shadow, account={"key": "another"}).decision == "allow"


class TestCrowd:
    def test_a_row_keeps_what_it_was_when_its_account_moves(self):
        unconfirmed, traffic, row = Crowd(10), Crowd(10), Row(days=3)
        unconfirmed.meet("a", NOW, row)
        assert traffic.meet("a", NOW, unconfirmed.leave("a")) is row
        assert (unconfirmed.get("a"), traffic.get("a")) == (None, row)

    def test_who_finds_no_place_is_counted(self):
        crowd = Crowd(100)
        for i in range(150):
            crowd.meet(f"a{i}", NOW).burst = Bucket(0.0, NOW, LIMIT)
        assert (len(crowd), crowd.crowded) == (100, 50)

    def test_who_comes_back_after_a_while_stays_through_a_flood(self):
        """Just before A_WHILE it is still a newcomer, whose row a flood takes once its buckets are full."""
        crowd = Crowd(100)
        for later, stays in ((A_WHILE, True), (math.nextafter(NOW + A_WHILE, 0.0) - NOW, False)):
            name = f"back after {later}"
            crowd.meet(name, NOW)
            crowd.meet(name, NOW + later)
            for i in range(500):
                crowd.meet(f"made-up-{i}", NOW + 61)
            assert (crowd.get(name) is not None) == stays
        assert len(crowd) <= 100

    def test_three_quarters_of_the_places_are_for_those_that_stay(self):
        crowd = Crowd(100)
        for i in range(100):
            crowd.meet(f"here-{i}", NOW).day = int(NOW // DAY)
            crowd.get(f"here-{i}").days = 1
        for i in range(100):
            crowd.meet(f"here-{i}", NOW + A_WHILE)
        for i in range(500):
            crowd.meet(f"made-up-{i}", NOW + 61)
        assert sum(name.startswith("here") for name in crowd.names()) == 75

    def test_whoever_was_seen_on_more_days_takes_the_place_of_one_seen_on_fewer(self):
        crowd, today = Crowd(8), int(NOW // DAY)
        for i in range(6):
            crowd.place(f"two-{i}", Row(days=2, day=today))
        for name, days in (("as long", 2), ("longer", 3)):
            crowd.meet(name, NOW, Row(days=days, day=today))
            crowd.meet(name, NOW)
        for i in range(50):
            crowd.meet(f"made-up-{i}", NOW)
        assert ("as long" in crowd, "longer" in crowd) == (False, True)
        assert sum(f"two-{i}" in crowd for i in range(6)) == 5

    def test_days_count_for_as_many_days_after_the_last(self):
        today = int(NOW // DAY)
        assert lasting_days(Row(days=3, day=today), NOW) == 3
        assert lasting_days(Row(days=3, day=today - 3), NOW) == 3
        assert lasting_days(Row(days=3, day=today - 4), NOW) == 0

    def test_who_stayed_long_ago_makes_place_for_newcomers(self):
        crowd, today = Crowd(4), int(NOW // DAY)
        for i in range(3):
            crowd.place(f"gone-{i}", Row(days=2, day=today - 9 if i < 2 else today))
        crowd.meet("spends", NOW).burst = Bucket(0.0, NOW, LIMIT)
        crowd.meet("new", NOW)
        assert "new" in crowd
        assert [f"gone-{i}" in crowd for i in range(3)] == [False, False, True]

    def test_those_asleep_hold_their_places(self):
        crowd = Crowd(100)
        crowd.asleep = 99
        crowd.meet("a", NOW)
        crowd.meet("b", NOW).burst = Bucket(0.0, NOW, LIMIT)
        assert ("a" in crowd, "b" in crowd, len(crowd)) == (False, True, 100)
        assert crowd.meet("c", NOW).shared

    def test_who_lasted_before_a_restart_lasts_after_it(self):
        crowd = Crowd(100)
        crowd.place("long", Row(days=2, day=int(NOW // DAY)))
        crowd.place("short", Row(days=1, day=int(NOW // DAY)))
        for i in range(500):
            crowd.meet(f"made-up-{i}", NOW)
        assert ("long" in crowd, "short" in crowd) == (True, False)

    def test_a_clock_that_was_set_back_keeps_nobody_a_newcomer(self):
        crowd = Crowd(100)
        crowd.meet("a", NOW + 365 * DAY)
        crowd.meet("a", NOW)
        for i in range(500):
            crowd.meet(f"made-up-{i}", NOW)
        assert "a" in crowd

    def test_those_who_leave_leave_nothing_behind(self):
        """Strangers become known all the time; a sidecar runs for months."""
        crowd = Crowd(100)
        tracemalloc.start()
        for i in range(50_000):
            crowd.meet(f"newcomer-{i}", NOW)
            crowd.leave(f"newcomer-{i}")
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert held < 200_000


def test_a_new_row_knows_nothing():
    """No tier, so that no hysteresis holds it, and no day."""
    known = {
        "burst": None, "daily": None, "day": -1, "days": 0, "facts": Facts(), "outcomes": b"", "recent": b"",
        "shared": "", "since": 0.0, "reported_status": 0, "tier": -1, "reported_hash": 0,
    }  # fmt: skip
    row = Row()
    assert {name: getattr(row, name) for name in known} == known


class TestSharedRows:
    def test_each_network_has_one_of_its_own(self):
        rows = SharedRows(100)
        assert rows.row(256, NOW) is rows.row(256, NOW) is not rows.row(512, NOW)

    def test_bounded_however_many_networks_there_are(self):
        """Those that spent nothing make place; besides those that did the others share by a checksum."""
        rows = SharedRows(100)
        for i in range(5000):
            rows.row(i << 8, NOW)
        assert len(list(rows.values())) <= 100
        for i in range(5000):
            rows.row(i << 8, NOW).burst = Bucket(0.0, NOW, LIMIT)
        assert 1000 < len(list(rows.values())) <= 100 + 1024
        assert len({row.shared for row in rows.values()}) == len(list(rows.values()))

    def test_the_bounds_are_those_of_the_page_on_reliability(self):
        assert (MOST_NETWORKS, SLOTS) == (65_536, 1_024)

    def test_never_more_than_the_most_networks(self):
        rows = SharedRows(2_000_000)
        for i in range(MOST_NETWORKS + 2000):
            rows.row(i << 8, NOW).burst = Bucket(0.0, NOW, LIMIT)
        assert len(list(rows.values())) <= MOST_NETWORKS + 1024


def draw(budgets, key, limit=LIMIT, cost=1.0, now=NOW):
    """Take from the bucket of a key; 0 if it passed."""
    return take(budgets.charge("burst", "address", key, limit, now).bucket, cost, now)


def test_what_a_tenant_keeps_at_most():
    """Eight addresses, two cards and two devices for each account from traffic; a tenant is as the settings say."""
    state, default = TenantState(1000, 100), empty_state(DEFAULT)
    fans = (state.accounts_on_address, state.accounts_on_card, state.accounts_on_device)
    assert [fan._most_single + 2 * fan._half for fan in fans] == [8000, 2000, 2000]
    assert [fan.window for fan in fans] == [DAY, 30 * DAY, DAY]
    assert [density._max_keys for density in (state.networks, state.asns)] == [262_144, 65_536]
    assert (state.traffic._most, state.unconfirmed._most) == (1000, 100)
    for one in (TenantState(), default):
        assert (one.traffic._most, one.unconfirmed._most) == (2_000_000, 65_536)


class TestAsleep:
    def test_an_account_wakes_in_its_own_table_with_its_buckets_moved_by_the_steps_of_the_clock(self):
        state, rows = TenantState(), {b"m": ("met", Row()), b"s": ("strangers", Row())}
        for _, row in rows.values():
            row.burst, row.daily = Bucket(1.0, NOW, LIMIT), Bucket(2.0, NOW, LIMIT)
        state.lay_to_sleep({"m": b"m", "s": b"s"}, 1, 1, rows.__getitem__)
        state.moved = 3600.0
        state.wake("m", NOW)
        assert (state.traffic.asleep, state.unconfirmed.asleep) == (0, 1)
        row = state.traffic.get("m")
        assert (row.burst.at, row.daily.at) == (NOW + 3600, NOW + 3600)

    def test_its_visits_count_again_from_when_they_were(self):
        """Whoever asks for it first, with what time it is."""
        row = Row(recent=visit(b"", 7, 64500, "US", NOW), facts=Facts(payment=Payment(fingerprint="fp")))
        row.day = int(NOW // DAY)
        for wake in (TenantState.row, TenantState.wake, TenantState.confirm, lambda state, _, now: state.wake_one(now)):
            state = TenantState()
            state.lay_to_sleep({"a": b""}, 0, 0, lambda _, row=row: ("known", row))
            wake(state, "a", NOW + HOUR)
            assert not state.asleep
            assert state.accounts_on_address.see(7, name_of("b"), NOW + HOUR) == 2
            assert state.accounts_on_card.see(hash("fp"), name_of("b"), NOW + HOUR) == 2

    def test_every_account_is_named_and_counted_once(self):
        state = TenantState()
        state.lay_to_sleep({"m": b"", "k": b""}, 1, 0, lambda _: ("met", Row()))
        state.push("pushed", Facts())
        state.traffic.meet("met", NOW)
        state.unconfirmed.meet("stranger", NOW)
        assert sorted(state.names()) == ["k", "m", "met", "pushed", "stranger"]
        assert (state.size(), state.pushed()) == (5, 2)

    def test_an_account_with_an_outcome_is_written_down(self):
        state = TenantState()
        state.registered["a"] = Row()
        state.dirty.follow()
        state.confirm("a", NOW)
        assert state.dirty.take() == {"a"}


class TestBudgets:
    def test_every_bucket_is_among_the_values_the_shared_ones_too(self):
        budgets = Budgets(4)
        for i in range(3):
            draw(budgets, ("burst", i << 20))
        draw(budgets, ("purse", "h-1"))
        draw(budgets, ("burst", 9 << 20))
        assert [bucket.tokens for bucket in budgets.values()] == [9.0] * 5

    def test_a_new_series_has_new_buckets_those_that_are_shared_too(self):
        budgets = Budgets(4)
        for i in range(4):
            draw(budgets, ("burst", i << 20), cost=10.0)
        budgets.dirty.follow()
        budgets.clear()
        assert budgets.dirty.take() == {("burst", i << 20) for i in range(3)}
        assert [draw(budgets, ("burst", i << 20)) for i in range(4)] == [0.0] * 4

    def test_a_tenant_keeps_a_quarter_million_a_quarter_of_them_for_what_is_no_address(self):
        budgets, bucket = TenantState().budgets, Bucket(0.0, NOW, LIMIT)
        for i in range(196_608):
            budgets.place(("burst", i << 20), bucket)
        for i in range(65_535):
            budgets.place(("purse", f"h-{i}"), bucket)
        draw(budgets, ("burst", 1))
        assert (len(budgets), budgets.crowded) == (262_143, 1)
        draw(budgets, ("purse", "last"))
        assert (len(budgets), budgets.crowded) == (262_144, 1)
        draw(budgets, ("purse", "too many"))
        assert (len(budgets), budgets.crowded) == (262_144, 2)

    def test_a_bucket_that_made_place_is_written_down_as_gone(self):
        budgets = Budgets(4)
        budgets.dirty.follow()
        for i in range(3):
            draw(budgets, ("burst", i << 20))
        budgets.dirty.take()
        draw(budgets, ("burst", 9 << 20), now=NOW + 3600)
        gone = budgets.dirty.take() - {("burst", 9 << 20)}
        assert gone
        assert all(budgets.find(key) is None for key in gone)

    def test_bounded_under_a_flood_of_keys(self):
        budgets = Budgets(100)
        for i in range(10_000):
            draw(budgets, ("burst", i))
            draw(budgets, ("part", f"a{i}"))
        assert len(budgets) == 100
        assert budgets.crowded == 10_000 - 75 + 10_000 - 25

    def test_a_bucket_whose_limit_changes_is_settled_at_the_old_one_first(self):
        budgets = Budgets(100)
        draw(budgets, ("burst", 1))
        draw(budgets, ("burst", 1), Limit(LIMIT.rate, 4.0))
        found = budgets.find(("burst", 1))
        assert (found.limit.burst, found.tokens) == (4.0, 3.0)

    def test_addresses_leave_purses_their_places(self):
        budgets = Budgets(100)
        for i in range(10_000):
            draw(budgets, ("burst", i))
        draw(budgets, ("purse", "h-1"))
        assert budgets.find(("purse", "h-1")).tokens == 9.0
        assert len(budgets) == 76

    def test_addresses_that_find_no_place_share_a_bucket_by_network(self):
        """Of each limit one: a flood from a /24 or a /48 is one address, and another network is not in it."""
        budgets = Budgets(4)
        for i in range(3):
            draw(budgets, ("burst", i << 20))
        v4, v6 = 0x0B000000, 0x2A0100000007 << 16
        assert sum(draw(budgets, ("burst", v4 + i)) == 0.0 for i in range(250)) == LIMIT.burst
        assert sum(draw(budgets, ("burst", v6 + i)) == 0.0 for i in range(250)) == LIMIT.burst
        assert draw(budgets, ("burst", v4 + 256)) == draw(budgets, ("burst", v6 + (1 << 16))) == 0.0
        assert draw(budgets, ("burst", v4), Limit(2.0, 5.0)) == 0.0

    def test_all_of_a_24_and_all_of_a_48_are_one_address_there(self):
        budgets = Budgets(4)
        for i in range(3):
            draw(budgets, ("burst", i << 20))
        for first, last in ((0x0B000000, 0x0B0000FF), (0x2A0100000007 << 16, (0x2A0100000008 << 16) - 1)):
            keys = [budgets.charge("burst", "address", ("burst", host), LIMIT, NOW).key for host in (first, last)]
            beyond = budgets.charge("burst", "address", ("burst", last + 1), LIMIT, NOW).key
            assert keys[0] == keys[1] != beyond

    def test_who_shares_a_bucket_shares_it_on_every_replica(self):
        budgets = Budgets(4)
        for i in range(3):
            draw(budgets, ("burst", i << 20))
        keys = {budgets.charge("burst", "address", ("burst", 0x0B000000 + i), LIMIT, NOW).key for i in range(99)}
        assert len(keys) == 1

    def test_a_flood_of_limits_does_not_refill_the_shared_buckets(self):
        budgets = Budgets(4)
        for i in range(3):
            draw(budgets, ("burst", i << 20))
        passed = 0
        for i in range(1000):
            passed += draw(budgets, ("burst", 0x0B000001)) == 0.0
            draw(budgets, ("burst", 0x0B000002), Limit(1.0, 10.0 + i))
        assert passed <= 2 * LIMIT.burst

    def test_a_flood_of_limits_shares_a_bounded_number_of_buckets(self):
        budgets = Budgets(4)
        for i in range(3):
            draw(budgets, ("burst", i << 20))
        for i in range(1000):
            draw(budgets, ("burst", 0x0B000002), Limit(1.0, 10.0 + i))
        assert len([*budgets.values()]) == 3 + MOST_LIMITS

    def test_a_bucket_in_debt_is_not_forgotten(self):
        budgets = Budgets(100)
        draw(budgets, ("burst", -1), cost=10.0)
        for i in range(10_000):
            draw(budgets, ("burst", i), now=NOW + i / 5000)
        assert settled(budgets.find(("burst", -1)), NOW + 2) == 2.0

    def test_a_changed_limit_is_settled_at_the_old_rate(self):
        budgets = Budgets(100)
        draw(budgets, ("burst", 1), cost=10.0)
        charge = budgets.charge("burst", "address", ("burst", 1), Limit(100.0, 1000.0), NOW + 5)
        assert settled(charge.bucket, NOW + 5) == 5.0


class TestAccounts:
    def test_pushing_keeps_buckets_and_replaces_facts_and_keys(self):
        state = TenantState()
        row = state.push("a", Facts(keys=(b"1", b"2")))
        again = state.push("a", Facts(plan="paid", keys=(b"2", b"3")))
        assert again is row
        assert state.owners == {b"2": "a", b"3": "a"}

    def test_pushing_an_account_met_before_keeps_what_it_spent(self, addresses):
        engine = tenant(addresses)
        drain(engine, "a")
        push(engine, "a", plan="free")
        assert ask(engine, "a").decision == "throttle"

    def test_an_unconfirmed_key_that_billing_claims_leaves_no_row_behind(self, addresses):
        engine = tenant(addresses)
        check(engine, account={"key": "sk-1"})
        assert len(engine.state.unconfirmed) == 1
        push(engine, "a", keys=["sk-1"])
        assert len(engine.state.unconfirmed) == 0

    def test_deleting_forgets_facts_keys_and_row(self):
        state = TenantState()
        state.push("a", Facts(keys=(b"1",)))
        assert state.delete("a")
        assert (state.row("a"), state.owners) == (None, {})
        assert state.delete("a") is False

    def test_tenants_have_states_of_their_own(self, addresses):
        both = limiter(addresses, one={}, two={})
        push(both.tenant("one"), "a", keys=["sk-1"], **PROVEN)
        assert both.tenant("two").state.row("a") is None
        assert set(points(check(both, tenant="two", account={"key": "sk-1"}))) == {"prior"}
        store = MemoryStore()
        assert store.tenant("one") is store.tenant("one") is not store.tenant("two")


def test_memory_for_stops_is_bounded_in_bytes_whatever_the_stops_are():
    pool = Pool(100_000)
    gone = 0
    for i in range(1000):
        gone += pool.put(Stop(f"v{i}", f"a{i}", False, float(i), b"x" * 5000), 10**9)
    assert pool.bytes <= 100_000
    assert len(pool) + gone == 1000
    pool.expire(1e9)
    assert (len(pool), pool.bytes) == (0, 0)
