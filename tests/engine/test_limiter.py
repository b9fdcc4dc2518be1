"""One check from end to end: who asks, what it is charged, what is kept of it."""

import msgspec
import pytest
from small_engine import CAUGHT, DAY, HOUR, NOW, PAYER, PROVEN, ask, check, drain, limiter, points, push, report, tenant

from reputation.scoring.risk import TIERS
from reputation.state.tenant import TenantState
from reputation.stores.sqlite.rows import account_body
from reputation.wire.codec import verdict_bytes
from reputation.wire.errors import Conflict, Invalid, NotFound
from reputation.wire.ids import hashed, printed

HOME, SERVER = "11.0.0.1", "12.0.0.1"


def state_of(engine):
    """Everything a refused request must not change, as one comparable text."""
    state: TenantState = engine.state
    rows = {name: account_body(row, 0, state.series) for name, row in state.registered.items()}
    sizes = [len(state.traffic), len(state.unconfirmed), len(state.budgets), len(state.accounts_on_address)]
    return rows, sizes, sorted(state.owners.items())


@pytest.fixture
def engine(addresses):
    return tenant(addresses)


class TestWho:
    """An account by its id, by its key, or nobody but an address."""

    def test_an_id_a_key_or_an_address_is_enough(self, engine):
        for body in ({"account": {"id": "a"}}, {"account": {"key": "sk-1"}}, {"client": {"ip": HOME}}):
            assert check(engine, **body).decision == "allow"

    def test_nobody_named_is_an_error_at_the_account(self, engine):
        with pytest.raises(Invalid) as refused:
            check(engine, client={"user_agent": "curl"})
        assert refused.value.pointer == "/account"

    def test_a_malformed_address_alone_is_an_error_at_it(self, engine):
        with pytest.raises(Invalid) as refused:
            check(engine, client={"ip": "300.1.2.3"})
        assert refused.value.pointer == "/client/ip"

    def test_a_key_is_resolved_to_the_account_that_was_pushed_with_it(self, engine):
        push(engine, "acct", keys=["sk-1"], **PROVEN)
        by_key = check(engine, account={"key": "sk-1"}, request={"cost": 5})
        by_id = ask(engine, "acct")
        assert points(by_key) == points(by_id)
        assert by_id.limits[0].remaining == by_id.limits[0].burst - 6

    def test_an_id_beside_a_key_counts(self, engine):
        push(engine, "owner", keys=["sk-1"], **PROVEN)
        verdict = check(engine, account={"id": "other", "key": "sk-1"})
        assert set(points(verdict)) == {"prior"}

    def test_a_key_in_its_stored_form_is_the_same_key(self, engine):
        push(engine, "acct", keys=[printed(hashed("sk-1", engine.secret))], **PROVEN)
        assert "settled" in points(check(engine, account={"key": "sk-1"}))

    def test_a_key_of_another_account_is_refused_and_changes_nothing(self, engine):
        push(engine, "first", keys=["sk-1"])
        push(engine, "second", keys=["sk-2"], plan="free")
        before = state_of(engine)
        with pytest.raises(Conflict) as refused:
            push(engine, "second", keys=["sk-3", "sk-1"], plan="paid")
        assert refused.value.pointer == "/keys/1"
        assert state_of(engine) == before

    def test_a_key_that_was_taken_away_may_move(self, engine):
        push(engine, "first", keys=["sk-1"])
        push(engine, "first", keys=[])
        push(engine, "second", keys=["sk-1"], **PROVEN)
        assert "settled" in points(check(engine, account={"key": "sk-1"}))

    def test_deleting_an_account_frees_its_keys(self, engine):
        push(engine, "first", keys=["sk-1"], **PROVEN)
        assert engine.delete("first")
        assert not engine.delete("first")
        assert set(points(check(engine, account={"key": "sk-1"}))) == {"prior"}

    def test_an_unknown_tenant_is_named_with_the_known_ones(self, addresses):
        with pytest.raises(NotFound, match="no tenant is called") as refused:
            check(limiter(addresses, acme={}), tenant="amce", account={"id": "a"})
        assert refused.value.pointer == "/tenant"


class TestAddresses:
    """What counts as one client."""

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("2a01:100::1", "2a01:100::ffff:ffff:ffff:ffff"),
            ("::ffff:11.0.0.9", "11.0.0.9"),
            ("[2a01:100::1]:443", "2a01:100:0:0::2"),
            ("11.0.0.9:8080", "11.0.0.9"),
        ],
    )
    def test_forms_of_one_host_share_one_budget(self, engine, one, other):
        """IPv6 is one host for each /64; mapped, bracketed and ported forms are the address in them."""
        for i in range(150):
            check(engine, account={"key": f"made-up-{i}"}, client={"ip": one})
        left = check(engine, account={"key": "made-up"}, client={"ip": other}).limits
        assert min(limit.remaining for limit in left if limit.scope == "address") == 49.0

    def test_a_client_without_an_account_is_its_64_in_ipv6(self, engine):
        """Else everybody with a /64 has as many accounts as they like."""
        passed = sum(check(engine, client={"ip": f"2a01:100:0:7::{i:x}"}).decision == "allow" for i in range(1, 100))
        assert passed == sum(check(engine, client={"ip": "11.0.9.9"}).decision == "allow" for _ in range(1, 100))

    @pytest.mark.parametrize("other", ["2a01:100:0:1::1", "11.0.0.10"])
    def test_other_hosts_have_budgets_of_their_own(self, engine, other):
        check(engine, account={"key": "a"}, client={"ip": "2a01:100::1"})
        left = check(engine, account={"key": "b"}, client={"ip": other}).limits
        bursts = [limit.remaining for limit in left if limit.name == "burst" and limit.scope == "address"]
        assert bursts[0] == 199.0

    def test_the_64s_of_one_48_share_a_few_addresses_worth(self, engine):
        """A line has 65,536 of them: made-up keys behind each must not be budgets without end."""
        passed = sum(
            check(engine, account={"key": f"k{i}"}, client={"ip": f"2a01:200:0:{i:x}::1"}).decision == "allow"
            for i in range(1000)
        )
        assert passed == 800

    @pytest.mark.parametrize(
        "ip", ["10.0.0.1", "127.0.0.1", "169.254.1.1", "100.64.0.1", "0.0.0.0", "240.0.0.1", "::1", "fe80::1%eth0"]
    )
    def test_special_addresses_are_clients_like_others_and_say_nothing_bad(self, engine, ip):
        """Behind a gateway in the same network every client may look like this."""
        verdict = check(engine, account={"id": "a", "created_at": NOW - DAY}, client={"ip": ip})
        assert set(points(verdict)) == {"prior", "account_age"}
        assert verdict.decision == "allow"

    @pytest.mark.parametrize(
        "ip", ["nonsense", "1.2.3", "11.0.0.0/8", "x" * 256, "1.2.3.4, 5.6.7.8", "\x00", "٣.٣.٣.٣"]
    )
    def test_a_malformed_address_beside_an_account_is_as_good_as_none(self, engine, ip):
        verdict = check(engine, account={"id": "a", "created_at": NOW - DAY}, client={"ip": ip})
        assert verdict.risk == check(engine, account={"id": "b", "created_at": NOW - DAY}).risk


class TestUnconfirmed:
    """A bare key or id, perhaps made up: no fact is known of it."""

    def test_made_up_keys_share_one_budget_per_address(self, engine):
        passed = sum(
            check(engine, account={"key": f"made-up-{i}"}, client={"ip": HOME}).decision == "allow" for i in range(1000)
        )
        assert passed == 200  # the budget's burst, not 1,000 accounts' bursts

    def test_a_denial_by_the_shared_budget_says_so(self, engine):
        for i in range(200):
            check(engine, account={"key": f"made-up-{i}"}, client={"ip": HOME})
        verdict = check(engine, account={"key": "another"}, client={"ip": HOME})
        assert (verdict.decision, verdict.limit.scope) == ("throttle", "address")
        again = check(engine, NOW + verdict.retry_after, account={"key": "another"}, client={"ip": HOME})
        assert again.decision == "allow"

    def test_confirmed_accounts_on_the_same_address_are_not_held_back(self, engine):
        push(engine, "billed", plan="free")
        for i in range(300):
            check(engine, account={"key": f"made-up-{i}"}, client={"ip": HOME})
        assert ask(engine, "billed", HOME).decision == "allow"
        assert check(engine, account={"id": "brought", "plan": "free"}, client={"ip": HOME}).decision == "allow"

    def test_they_feed_no_baseline(self, engine):
        """A flood of made-up keys must not make an address look crowded to its honest accounts."""
        for i in range(60):
            check(engine, account={"key": f"made-up-{i}"}, client={"ip": HOME, "device": "d"})
        push(engine, "billed", plan="free")
        verdict = check(engine, account={"id": "billed"}, client={"ip": HOME, "device": "d"})
        assert set(points(verdict)) == {"prior"}

    def test_an_outcome_confirms_and_keeps_what_was_spent(self, engine):
        spent = drain(engine, "acct", HOME)
        report(engine, "acct", "good")
        verdict = ask(engine, "acct", HOME)
        assert spent == 20
        assert verdict.decision == "throttle"
        assert {limit.scope for limit in verdict.limits} == {"account"}


class TestRepeats:
    """`request.id` makes a check idempotent for 60 s."""

    def test_asked_again_the_same_verdict_charged_once(self, engine):
        first = ask(engine, "acct", id="r1", cost=3)
        assert ask(engine, "acct", now=NOW + 60, id="r1", cost=3) == first
        assert ask(engine, "acct", now=NOW).limits[0].remaining == 20 - 3 - 1

    def test_after_sixty_seconds_it_is_a_new_request(self, engine):
        first = ask(engine, "acct", id="r1")
        assert ask(engine, "acct", now=NOW + 60.001, id="r1").id != first.id

    def test_a_stop_is_repeated_no_longer_than_its_wait(self, engine):
        """A gateway that tries again once the wait is over passes, as it was told it would."""
        ask(engine, "acct", cost=20)
        first = ask(engine, "acct", id="r1")
        assert first.decision == "throttle"
        assert 0 < first.retry_after < 1
        assert ask(engine, "acct", now=NOW + first.retry_after * 0.9, id="r1") == first
        assert ask(engine, "acct", now=NOW + first.retry_after, id="r1").decision == "allow"

    def test_a_stop_of_an_hour_is_repeated_for_sixty_seconds_at_most(self, engine):
        first = ask(engine, "acct", id="r1", cost=1000)
        assert first.retry_after > 60
        assert ask(engine, "acct", now=NOW + 60, id="r1", cost=1000) == first
        assert ask(engine, "acct", now=NOW + 60.001, id="r1", cost=1000).id != first.id

    def test_a_denial_that_no_wait_ends_is_judged_each_time(self, addresses):
        engine = tenant(addresses)
        push(engine, "acct", **CAUGHT)
        report(engine, "acct", "chargeback")
        report(engine, "acct", "abuse")
        first, again = ask(engine, "acct", id="r1"), ask(engine, "acct", id="r1")
        assert (first.decision, again.decision) == ("deny", "deny")
        assert first.id != again.id

    @pytest.mark.parametrize("other", [{"cost": 2}, {"hold": True}, {"route": "/b"}, {"route": None}])
    def test_the_same_id_with_another_request_is_a_conflict_that_charges_nothing(self, engine, other):
        """Else a caller that copies ids which clients choose would have no limit."""
        first = ask(engine, "acct", id="r1", route="/a")
        with pytest.raises(Conflict) as conflict:
            ask(engine, "acct", id="r1", **{"route": "/a", **other})
        assert conflict.value.pointer == "/request/id"
        assert ask(engine, "acct", id="r1", route="/a") == first
        assert ask(engine, "acct").limits[0].remaining == 20 - 2

    def test_the_same_id_with_another_account_is_a_conflict(self, engine):
        ask(engine, "a", id="r1")
        for call in ({"account": {"id": "b"}}, {"account": {"key": "sk"}}, {"client": {"ip": "11.0.0.1"}}):
            with pytest.raises(Conflict):
                check(engine, request={"id": "r1"}, **call)
        assert ask(engine, "b").limits[0].remaining == 19

    def test_what_else_a_repeat_carries_makes_no_other_request_of_it(self, engine):
        """A gateway that tries again may come by another way, and its client's address may have changed."""
        first = ask(engine, "acct", id="r1")
        again = {
            "account": {"id": "acct", "plan": "paid"},
            "client": {"ip": "11.0.0.1"},
            "request": {"id": "r1", "model": "m"},
        }
        assert check(engine, **again) == first

    def test_an_id_is_free_again_when_its_stop_is_over(self, engine):
        ask(engine, "acct", cost=20)
        wait = ask(engine, "acct", id="r1").retry_after
        assert ask(engine, "acct", now=NOW + wait, id="r1", route="/b").decision == "allow"

    def test_a_clock_set_back_repeats_no_stop_and_remembers_no_id_for_long(self, engine):
        ask(engine, "acct", cost=20)
        stop = ask(engine, "acct", id="r1")
        passed = ask(engine, "other", id="r2")
        assert ask(engine, "other", now=NOW - 0.5, id="r2") == passed
        assert ask(engine, "acct", now=NOW - 0.5, id="r1").id != stop.id
        assert ask(engine, "other", now=NOW - 3600, id="r2").id != passed.id

    def test_a_shadow_stop_is_repeated_no_longer_than_its_wait(self, addresses):
        engine = tenant(addresses, mode="shadow")
        ask(engine, "acct", cost=20)
        first = ask(engine, "acct", id="r1")
        wait = first.shadow.retry_after
        assert ask(engine, "acct", now=NOW + wait / 2, id="r1") == first
        assert ask(engine, "acct", now=NOW + wait, id="r1").shadow.decision == "allow"

    def test_the_same_id_at_another_tenant_is_another_request(self, addresses):
        both = limiter(addresses, one={}, two={})
        first = check(both, tenant="one", account={"id": "a"}, request={"id": "r1"})
        second = check(both, tenant="two", account={"id": "a"}, request={"id": "r1"})
        assert (first.tenant, second.tenant) == ("one", "two")

    def test_the_key_and_the_id_of_an_account_are_one_account(self, engine):
        push(engine, "acct", keys=["sk-1"])
        first = ask(engine, "acct", id="r1")
        assert check(engine, account={"key": "sk-1"}, request={"id": "r1"}).id == first.id


class TestShadow:
    """Decision, limit, actions and wait are those of an account without limits; `shadow` says the rest."""

    @pytest.fixture
    def shadow(self, addresses):
        return tenant(addresses, mode="shadow")

    def test_everything_passes_and_shadow_holds_what_would_have_been(self, shadow):
        for _ in range(20):
            ask(shadow, "acct")
        verdict = ask(shadow, "acct")
        assert (verdict.decision, verdict.retry_after, verdict.limits, verdict.actions) == ("allow", 0.0, (), ())
        assert verdict.shadow.decision == "throttle"
        assert verdict.shadow.retry_after == 0.5
        assert verdict.shadow.limit.burst == 20

    def test_no_number_of_the_limit_reaches_the_wire(self, shadow):
        answer = msgspec.json.decode(verdict_bytes(ask(shadow, "acct")))
        limit = answer["limit"]
        assert limit is None or {limit[name] for name in ("rate", "burst", "remaining")} == {None}
        assert answer["mode"] == "shadow"

    def test_a_denial_passes_too(self, shadow):
        push(shadow, "acct", **CAUGHT)
        report(shadow, "acct", "chargeback")
        report(shadow, "acct", "abuse")
        verdict = ask(shadow, "acct")
        assert (verdict.decision, verdict.shadow.decision) == ("allow", "deny")

    def test_going_live_starts_a_series_of_its_own(self, addresses):
        """What shadow mode charged is not held against anybody once limits count."""
        shadow, live = tenant(addresses, mode="shadow"), tenant(addresses, mode="enforce")
        for i in range(300):
            ask(shadow, "acct")
            check(shadow, account={"key": f"made-up-{i}"}, client={"ip": HOME})
        shadow.retune(live.tenant)
        assert drain(shadow, "acct") == 20
        assert check(shadow, account={"key": "made-up"}, client={"ip": HOME}).decision == "allow"

    def test_enforced_verdicts_have_no_member_shadow(self, engine):
        assert b'"shadow"' not in verdict_bytes(ask(engine, "acct"))


class TestOutcomes:
    """What became of an account moves its risk, and teaches where it came from."""

    @pytest.mark.parametrize("outcome", ["chargeback", "abuse", "declined", "challenge_failed"])
    def test_bad_outcomes_raise_risk(self, engine, outcome):
        before = ask(engine, "acct").risk
        report(engine, "acct", outcome)
        assert ask(engine, "acct").risk > before

    @pytest.mark.parametrize("outcome", ["good", "challenge_passed"])
    def test_good_outcomes_lower_risk(self, engine, outcome):
        before = ask(engine, "acct").risk
        report(engine, "acct", outcome)
        assert ask(engine, "acct").risk < before

    def test_the_network_of_bad_accounts_is_learnt_for_others_there(self, engine):
        for i in range(8):
            push(engine, f"bad-{i}", plan="free")
            ask(engine, f"bad-{i}", f"11.0.7.{i}")
            report(engine, f"bad-{i}", "chargeback")
        push(engine, "neighbour", plan="free")
        push(engine, "elsewhere", plan="free")
        there, elsewhere = ask(engine, "neighbour", "11.0.7.99"), ask(engine, "elsewhere", "12.0.0.99")
        assert points(there)["network_density"] > 0
        assert points(there)["asn_density"] > 0
        assert "network_density" not in points(elsewhere)

    def test_what_was_learnt_fades(self, engine):
        for i in range(8):
            push(engine, f"bad-{i}", plan="free")
            ask(engine, f"bad-{i}", f"11.0.7.{i}")
            report(engine, f"bad-{i}", "chargeback")
        push(engine, "neighbour", plan="free")
        soon = points(ask(engine, "neighbour", "11.0.7.99"))["network_density"]
        late = points(ask(engine, "neighbour", "11.0.7.99", now=NOW + 120 * DAY)).get("network_density", 0.0)
        assert late < soon / 2

    def test_facts_that_were_pushed_survive_an_outcome(self, engine):
        push(engine, "acct", **PROVEN)
        report(engine, "acct", "good")
        assert "settled" in points(ask(engine, "acct"))


class TestLimits:
    """Tier and plan choose the limits; moving between them is settled at the old rate."""

    def test_payers_without_a_plan_have_the_paid_ones_limits(self, engine):
        push(engine, "payer", **PAYER)
        push(engine, "free", created_at=NOW - 20 * DAY)
        assert ask(engine, "payer").limit.burst > ask(engine, "free").limit.burst

    def test_a_plan_of_an_unknown_name_is_judged_by_what_settled(self, engine):
        push(engine, "acct", plan="gold", **PAYER)
        push(engine, "payer", **PAYER)
        assert ask(engine, "acct").limit.burst == ask(engine, "payer").limit.burst

    def test_the_daily_quota_stops_what_the_burst_would_let_through(self, addresses):
        """Ten a day, however slowly they are asked for: the quota and what it earned meanwhile."""
        row = {"rate": 100, "burst": 100, "daily": 10}
        engine = tenant(addresses, plans={"free": dict.fromkeys(TIERS, row)})
        passed = sum(ask(engine, "acct", now=NOW + i * HOUR).decision == "allow" for i in range(24))
        verdict = ask(engine, "acct", now=NOW + 24 * HOUR, cost=10)
        assert passed == 10 + 9  # 23 hours earn 9.6
        assert (verdict.decision, verdict.limit.burst, verdict.limit.rate) == ("throttle", 10, 10 / DAY)
        assert [limit.name for limit in verdict.limits] == ["burst", "daily"]

    def test_a_cost_counts_in_full(self, engine):
        assert ask(engine, "acct", cost=15.5).limits[0].remaining == 4.5
        assert ask(engine, "acct", cost=4.6).decision == "throttle"
        assert ask(engine, "acct", cost=4.5).decision == "allow"

    def test_members_of_a_verified_organisation_share_its_quota(self, addresses):
        """It moves them to one quota, and never raises the total."""
        engine = tenant(addresses, organisation={"rate": 1, "burst": 30, "daily": 10_000})
        member = {"organisation": {"id": "corp.example", "verified": True}, **PROVEN}
        for i in range(10):
            push(engine, f"seat-{i}", **member)
        passed = sum(ask(engine, f"seat-{i % 10}").decision == "allow" for i in range(100))
        assert passed == 30
        push(engine, "alone", organisation={"id": "corp.example", "verified": False}, **PROVEN)
        assert ask(engine, "alone").decision == "allow"

    def test_actions_are_those_of_the_tier(self, addresses):
        engine = tenant(addresses, tiers={"trusted": {"from_risk": 0, "actions": ["smaller_model"]}}, prior=-8)
        assert ask(engine, "acct").actions == ("smaller_model",)

    def test_the_clock_going_backwards_takes_nothing_away(self, engine):
        drain(engine, "acct")
        earlier = ask(engine, "acct", now=NOW - HOUR)
        assert earlier.decision == "throttle"
        assert ask(engine, "acct", now=NOW - HOUR + earlier.retry_after).decision == "allow"


def test_a_tier_that_falls_for_a_minute_costs_no_more_than_that_minute(addresses):
    """Half a day of `standard` was left; `restricted` has less, and what is used there is taken from that half."""
    engine = tenant(addresses)
    ask(engine, "a")
    row = engine.state.row("a")
    row.daily.tokens = 2500.0
    strict = tenant(addresses, preset="strict", prior=1.5)
    before, lower = engine.tenant, strict.tenant
    engine.retune(lower)
    fallen = ask(engine, "a", now=NOW + 1)
    assert (fallen.tier, row.daily.limit.burst) == ("restricted", 100.0)
    engine.retune(before)
    row.tier = -1
    risen = ask(engine, "a", now=NOW + 60)
    daily = next(limit for limit in risen.limits if limit.name == "daily")
    assert (risen.tier, daily.burst) == ("standard", 5000.0)
    assert 2498.0 <= daily.remaining <= 2502.0
