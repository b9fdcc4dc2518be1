"""Leases and holds as checks grant and settle them: sizes, who gets none, what the linker still hears."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_engine import CAUGHT, NOW, PROVEN, SECRET, check, push, report, request, tenant

from reputation.engine.identity import identify
from reputation.engine.leases import GRACE, MOST_KEYS, Leases, Pace, by_second, key_of
from reputation.limits.bucket import settled
from reputation.wire.errors import Invalid, NotFound
from reputation.wire.messages import LeaseReport, Settle, wire_type

_settlements = msgspec.json.Decoder(Settle, dec_hook=wire_type)


def settle(**body):
    return _settlements.decode(msgspec.json.encode(body))


ROOMY = {"rate": 100, "burst": 1000, "daily": 1_000_000}
TIGHT = {"rate": 0.01, "burst": 10, "daily": 1000}
TIERS = ("trusted", "standard", "limited", "restricted")
PLANS = {
    "roomy": {"entry": "off", **dict.fromkeys(TIERS, ROOMY)},
    "tight": {"entry": "off", **dict.fromkeys(TIERS, TIGHT)},
}


@pytest.fixture
def engine(addresses):
    made = tenant(addresses, plans=PLANS, unconfirmed=ROOMY)
    push(made, "a", plan="roomy")
    push(made, "t", plan="tight")
    return made


def lease_for(engine, account="a", now=NOW, ip="11.0.0.1", leases=(), **call):
    client = {"ip": ip, "ja4": "t13d", "user_agent": "curl/8"}
    return check(engine, now, account={"id": account}, client=client, request=call, lease=True, leases=list(leases))


def left(engine, account):
    return settled(engine.state.registered[account].burst, NOW)


HELD_BY = {"account": {"id": "a"}, "client": {"ip": "11.0.0.1", "ja4": "t13d"}}


def used(verdict, count, *slices, **by):
    return {"id": verdict.lease.id, "used": count, "slices": list(slices), **by}


def test_a_lease_follows_what_its_key_used_lately(engine):
    """A key that came by once ties a few tokens up; one that uses what it gets soon has as many as it needs."""
    verdict = lease_for(engine)
    sizes = [verdict.lease.tokens]
    for turn in range(4):
        verdict = lease_for(engine, now=NOW + turn * 0.1, leases=[used(verdict, verdict.lease.tokens)])
        sizes.append(verdict.lease.tokens)
    assert sizes[0] == 4
    assert sizes == sorted(sizes)
    assert sizes[-1] > 60
    later = lease_for(engine, now=NOW + 600)
    assert later.lease.tokens <= 5


def test_a_slow_key_s_lease_lasts_and_a_busy_key_s_is_short(engine):
    """So that news reach a busy key soon, and a slow key need not ask about its every request."""
    verdict = lease_for(engine)
    assert verdict.lease.ttl == 60
    for turn in range(40):
        verdict = lease_for(engine, now=NOW + turn * 0.2, leases=[used(verdict, verdict.lease.tokens)])
    assert verdict.lease.ttl == 5
    unconfirmed = [lease_for(engine, "made-up", now=NOW + i).lease for i in range(3)]
    assert [lease and lease.ttl for lease in unconfirmed] == [None, 5, 5]


def paced(engine, rates):
    """The lease after leases that were used at these rates a second, each renewed late and reported then."""
    now, verdict = NOW, lease_for(engine)
    for rate in rates:
        length = 7 / 8 * verdict.lease.ttl
        now += length
        count = min(round(rate * length), verdict.lease.tokens)
        verdict = lease_for(engine, now=now, leases=[used(verdict, count)])
    return verdict.lease


def test_a_steady_key_s_lease_serves_more_requests(engine):
    """Its next check would say nothing new. 64 requests would take 16 seconds."""
    assert paced(engine, [4.0] * 14).ttl > 40


def test_a_key_that_changes_its_pace_is_not_steady(engine):
    assert paced(engine, [4.0, 20.0, 4.0, 20.0] * 4).ttl < 20


def test_a_lease_is_1_near_the_limit_and_over_it_there_is_none(engine):
    sizes = []
    while (verdict := lease_for(engine, "t")).decision == "allow":
        sizes.append(verdict.lease.tokens if verdict.lease else 0)
    assert sum(sizes) + len(sizes) == 10
    assert sizes[-1] <= 1
    assert verdict.lease is None
    assert verdict.decision == "throttle"


def test_what_is_not_used_comes_back(engine):
    verdict = lease_for(engine)
    assert left(engine, "a") == 1000 - 1 - verdict.lease.tokens
    check(engine, NOW, account={"id": "t"}, leases=[used(verdict, 1, **HELD_BY)])
    assert left(engine, "a") == 1000 - 2


@pytest.mark.parametrize(
    "by",
    [
        {},  # the report is for the check's own key
        {"account": {"id": "t"}, "client": HELD_BY["client"]},
        {"account": {"id": "a"}, "client": {"ip": "11.0.0.2", "ja4": "t13d"}},
        {"account": {"id": "a"}, "client": {"ip": "11.0.0.1", "ja4": "t13e"}},
        {"account": {"key": "sk-a"}, "client": HELD_BY["client"]},
    ],
)
def test_a_report_for_another_account_or_gateway_key_gives_nothing_back(engine, by):
    """Its gateway may still be using the lease. The check that carries such a report is judged all the same."""
    verdict = lease_for(engine)
    after = left(engine, "a")
    assert check(engine, NOW, account={"id": "t"}, leases=[used(verdict, 0, **by)]).decision == "allow"
    assert left(engine, "a") == after
    if by:
        with pytest.raises(NotFound) as found:
            engine.settle(settle(leases=[used(verdict, 0, **by)]), NOW)
        assert found.value.pointer == "/leases/0"
    assert left(engine, "a") == after
    assert engine.settle(settle(leases=[used(verdict, 0, **HELD_BY)]), NOW).leases[0].charged == 0.0


def test_a_key_may_be_named_in_whatever_form_it_has(engine):
    """A gateway reports under the key that it asked with, which may have become an account's meanwhile."""
    push(engine, "owner", plan="roomy", keys=["sk-1"])
    client = {"ip": "11.0.0.1"}
    verdict = check(engine, account={"key": "sk-1"}, client=client, lease=True)
    for account in ({"key": "sk-1"}, {"id": "owner"}, {"credentials": [{"key": "sk-1"}]}):
        report = used(verdict, 1, account=account, client=client)
        assert engine.settle(settle(leases=[report]), NOW).leases[0].charged == 1.0


def test_a_client_without_an_account_is_named_by_its_address(engine):
    for _ in range(3):
        verdict = check(engine, client={"ip": "11.0.0.9"}, lease=True)
    report = used(verdict, 0, account={}, client={"ip": "11.0.0.9"})
    foreign = used(verdict, 0, account={}, client={"ip": "11.0.0.8"})
    with pytest.raises(NotFound):
        engine.settle(settle(leases=[foreign]), NOW)
    assert engine.settle(settle(leases=[report]), NOW).leases[0].charged == 0.0


def test_what_is_refused_of_a_settlement_changes_nothing_of_the_rest(engine):
    mine, other = lease_for(engine), lease_for(engine, "t")
    held = check(engine, account={"id": "a"}, request={"cost": 100, "hold": True})
    after = left(engine, "a")
    reports = [used(mine, 0, **HELD_BY), used(other, 0, **HELD_BY)]
    for body in (
        settle(verdict=held.id, actual=1.0, leases=reports),
        settle(verdict="made up", actual=1.0, leases=reports[:1]),
        settle(verdict=held.id, actual=1e9, leases=reports[:1]),
    ):
        with pytest.raises((NotFound, Invalid)):
            engine.settle(body, NOW)
    assert left(engine, "a") == after


def test_a_check_that_asks_for_no_lease_gets_none(engine):
    assert check(engine, account={"id": "a"}).lease is None


@pytest.mark.parametrize("why", ["denied", "held", "switched off"])
def test_nothing_is_leased_to_what_is_stopped_or_cannot_be_counted_ahead(addresses, why):
    settings = {"leases": {"most": 0}} if why == "switched off" else {}
    engine = tenant(addresses, plans={"roomy": {**PLANS["roomy"], "blocked": ROOMY}}, **settings)
    push(engine, "a", plan="roomy", **(CAUGHT if why == "denied" else {}))
    if why == "denied":
        report(engine, "a", "chargeback")
        report(engine, "a", "abuse")
    verdict = lease_for(engine, hold=why == "held")
    assert (verdict.decision == "deny") == (why == "denied")
    assert verdict.lease is None
    assert left(engine, "a") == verdict.limits[0].burst - 1


def test_an_unconfirmed_account_gets_no_lease_at_first_sight(engine):
    """A flood of made-up keys would carry the address's budget away; a key that comes again may be somebody's."""
    first = [lease_for(engine, f"made-up-{i}").lease for i in range(50)]
    assert first == [None] * 50
    assert lease_for(engine, "made-up-0").lease.tokens >= 1


def test_in_shadow_mode_the_lease_is_that_of_an_account_without_limits(addresses):
    """Its size follows use alone, what would be stopped gets one too, and the shadow's own buckets are charged."""
    engine = tenant(addresses, plans=PLANS, mode="shadow")
    push(engine, "t", plan="tight")
    verdict = lease_for(engine, "t")
    for _ in range(8):
        verdict = lease_for(engine, "t", leases=[used(verdict, verdict.lease.tokens)])
    assert verdict.shadow.decision == "throttle"
    assert verdict.decision == "allow"
    assert verdict.lease.tokens > 10
    assert left(engine, "t") < 1


def test_the_linker_hears_of_each_second_in_which_a_lease_was_used(engine):
    """Requests that passed without a check are sightings of the lease's own account, address and JA4."""
    engine.outbox.listening = True
    verdict = lease_for(engine, leases=[])
    engine.outbox.collect()
    report = used(verdict, 2, [NOW + 1.2, 1], [NOW + 1.7, 1], **HELD_BY)
    check(engine, NOW + 3, account={"id": "t"}, client={"ip": "12.0.0.9"}, leases=[report, report])
    first, *others = [note for note in engine.outbox.collect() if getattr(note, "cost", None)]
    assert (first.account, first.at, first.cost, first.ja4, first.user_agent) == ("a", NOW + 1, 2.0, "t13d", "curl/8")
    assert [note.account for note in others] == ["t"]


slices = st.lists(st.tuples(st.floats(0, 4e9), st.integers(0, 10**9)), max_size=64).map(tuple)


@given(st.integers(0, 1000), slices, st.floats(0, 100))
def test_slices_come_to_what_was_used_whatever_the_gateways_clock_says(count, slices, later):
    laid = by_second(LeaseReport("l", count, slices), count, NOW, NOW + later)
    assert sum(n for _, n in laid) == count
    assert all(NOW <= at <= NOW + later for at, _ in laid)
    assert len(laid) <= later + 3


def test_a_replayed_check_has_the_lease_it_had_and_pays_once(engine):
    first = lease_for(engine, id="r1")
    before = left(engine, "a")
    assert lease_for(engine, id="r1") == first
    assert left(engine, "a") == before


def test_a_hold_is_settled_by_its_verdict(engine):
    verdict = check(engine, account={"id": "a"}, request={"cost": 100, "hold": True})
    assert left(engine, "a") == 900
    body = Settle(verdict=verdict.id, actual=30.0)
    assert engine.settle(body, NOW).charged == 30.0
    assert engine.settle(Settle(verdict=verdict.id, actual=99.0), NOW + 1).charged == 30.0
    assert left(engine, "a") == 970


def test_a_hold_comes_to_a_hundred_times_its_estimate_at_most(engine):
    """A mistake in one number may not lock an account for years; the hold stays open for the right one."""
    verdict = check(engine, account={"id": "a"}, request={"cost": 2, "hold": True})
    with pytest.raises(Invalid) as refused:
        engine.settle(Settle(verdict=verdict.id, actual=200.01), NOW)
    assert refused.value.pointer == "/actual"
    assert left(engine, "a") == 998
    assert engine.settle(Settle(verdict=verdict.id, actual=200.0), NOW).charged == 200.0
    assert engine.settle(Settle(verdict=verdict.id, actual=1e9), NOW).charged == 200.0, "settled once"
    assert left(engine, "a") == 800


def test_a_tenant_may_choose_how_far_a_hold_overruns(addresses):
    engine = tenant(addresses, leases={"overrun": 2})
    verdict = check(engine, account={"id": "a"}, request={"cost": 2, "hold": True})
    with pytest.raises(Invalid, match="2 times"):
        engine.settle(Settle(verdict=verdict.id, actual=4.1), NOW)
    assert engine.settle(Settle(verdict=verdict.id, actual=4.0), NOW).charged == 4.0


def test_a_hold_may_come_to_more_than_the_account_has(engine):
    """The answer was given already; the debt is worked off before anything else passes."""
    verdict = check(engine, account={"id": "a"}, request={"cost": 100, "hold": True})
    engine.settle(Settle(verdict=verdict.id, actual=1500.0), NOW)
    stopped = check(engine, account={"id": "a"})
    assert stopped.decision == "throttle"
    assert stopped.retry_after == pytest.approx(5.01)


def test_an_unknown_or_forgotten_hold_is_not_found(engine):
    verdict = check(engine, account={"id": "a"}, request={"cost": 100, "hold": True})
    for name, now in (("made up", NOW), (verdict.id, NOW + 601)):
        with pytest.raises(NotFound) as found:
            engine.settle(Settle(verdict=name, actual=1.0), now)
        assert found.value.pointer == "/verdict"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (Settle(), "/verdict"),
        (Settle(actual=1.0), "/verdict"),
        (Settle(verdict="v"), "/actual"),
        (Settle(actual=1.0, leases=(LeaseReport("l"),)), "/verdict"),
    ],
)
def test_a_settlement_that_says_too_little_names_what_is_missing(engine, body, pointer):
    with pytest.raises(Invalid) as found:
        engine.settle(body, NOW)
    assert found.value.pointer == pointer


def test_leases_of_keys_that_ask_no_more_are_settled_without_a_check(engine):
    verdict = lease_for(engine)
    reports = (LeaseReport(verdict.lease.id, 0), LeaseReport("made up", 3))
    answer = engine.settle(Settle(leases=reports), NOW)
    assert [charged.charged for charged in answer.leases] == [0.0, None]
    assert left(engine, "a") == 1000 - 1


def test_a_lease_reported_after_its_grace_counts_as_used(engine):
    verdict = lease_for(engine)
    after = left(engine, "a")
    late = NOW + verdict.lease.ttl + GRACE + 0.1
    with pytest.raises(NotFound):
        engine.settle(Settle(leases=(LeaseReport(verdict.lease.id, 0),)), late)
    assert left(engine, "a") == after


def test_memory_is_bounded_whatever_asks_for_leases(addresses):
    pace = Pace(10)
    for key in range(100):
        pace.add(key, 1.0, 5.0, NOW)
    assert pace.lately(99, 5.0, NOW) == 1.0
    assert pace.lately(0, 5.0, NOW) == 0.0
    engine = tenant(addresses, plans=PLANS)
    engine.leases = Leases(engine.outbox, engine.names, most=32)
    for i in range(200):
        push(engine, f"a{i}", plan="roomy", **PROVEN)
        lease_for(engine, f"a{i}")
    assert len(engine.leases._out) <= 32
    assert MOST_KEYS < 1 << 18


def test_a_gateway_that_reports_more_than_its_lease_drives_nobody_into_debt(engine):
    """Neither with its next check nor in a settlement: what was granted is what there was."""
    for settle in (False, True):
        verdict = lease_for(engine, now=NOW)
        before = left(engine, "a")
        if settle:
            charged = engine.settle(Settle(leases=(LeaseReport(verdict.lease.id, 10_000),)), NOW).leases[0].charged
            assert charged == verdict.lease.tokens
        else:
            lease_for(engine, "t", leases=[used(verdict, 10_000)])
        assert left(engine, "a") == before


def heard(engine):
    return sum(note.cost for note in engine.outbox.collect() if getattr(note, "cost", None))


@pytest.mark.parametrize(("later", "cost"), [(0.0, 3.0), (0.001, 0.0)])
def test_the_linker_hears_of_a_lease_until_its_grace_is_over(engine, later, cost):
    """At the last moment too, although other leases were given meanwhile; after it no more."""
    engine.outbox.listening = True
    verdict = lease_for(engine)
    end = NOW + verdict.lease.ttl + GRACE + later
    lease_for(engine, "t", now=end)
    engine.outbox.collect()
    reports = (LeaseReport(verdict.lease.id, 3),)
    engine.leases.hear(reports, engine.leases.settlements(reports), engine.tenant.settings.leases, end)
    assert heard(engine) == cost


def test_made_up_keys_are_remembered_apart_and_a_sixteenth_as_many(addresses):
    """So that they push nobody out: 32 keys that are somebody's, and 2 that may be made up."""
    engine = tenant(addresses, plans=PLANS, unconfirmed=ROOMY)
    engine.leases = Leases(engine.outbox, engine.names, most=32)
    push(engine, "a", plan="roomy")
    lease_for(engine)
    for key in ("one", "two", "three"):
        lease_for(engine, key)
    assert len(engine.leases._unconfirmed._used) == 2
    assert lease_for(engine, "one").lease is None
    assert lease_for(engine, "one").lease is not None
    assert len(engine.leases._confirmed._used) == 1


def test_exactly_as_many_leases_are_out_as_there_may_be(addresses):
    engine = tenant(addresses, plans=PLANS)
    engine.leases = Leases(engine.outbox, engine.names, most=4)
    verdicts = []
    for i in range(6):
        push(engine, f"a{i}", plan="roomy", **PROVEN)
        verdicts.append(lease_for(engine, f"a{i}"))
    assert list(engine.leases._out) == [verdict.lease.id for verdict in verdicts[2:]]


@pytest.mark.parametrize(
    ("slices", "laid"),
    [
        ((), [(NOW + 9.5, 5)]),
        (((NOW + 2.9, 3),), [(NOW + 2, 3), (NOW + 9.5, 2)]),
        (((NOW + 2.1, 1), (NOW + 2.9, 2), (NOW + 4, 9)), [(NOW + 2, 3), (NOW + 4, 2)]),
        (((NOW - 50, 1), (NOW + 50, 1)), [(NOW + 0.5, 1), (NOW + 9.5, 4)]),
        (((NOW + 2, 0), (NOW + 3, 5)), [(NOW + 3, 5)]),
    ],
)
def test_use_is_laid_out_by_second_between_the_grant_and_now(slices, laid):
    assert by_second(LeaseReport("l", 5, slices), 5, NOW + 0.5, NOW + 9.5) == laid


def test_what_a_key_used_lately_fades():
    pace = Pace(10)
    pace.add(1, 8.0, 60.0, NOW)
    assert pace.lately(1, 60.0, NOW) == 8.0
    assert pace.lately(1, 60.0, NOW + 60) == pytest.approx(8.0 / math.e)
    assert pace.lately(1, 60.0, NOW - 60) == 8.0
    pace.add(1, 1.0, 60.0, NOW + 60)
    assert pace.lately(1, 60.0, NOW + 60) == pytest.approx(8.0 / math.e + 1.0)


def test_in_a_flood_the_key_that_was_used_longest_ago_goes_first():
    pace = Pace(3)
    for key in (1, 2, 3, 1, 4):
        pace.add(key, 1.0, 60.0, NOW)
    assert [pace.lately(key, 60.0, NOW) for key in (1, 2, 3, 4)] == [2.0, 0.0, 1.0, 1.0]
    pace.add(4, 1.0, 60.0, NOW)
    assert [pace.lately(key, 60.0, NOW) for key in (1, 3, 4)] == [2.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("account", "lately", "tokens", "ttl"),
    [
        ("a", 0.5, 4, 60.0),  # less than once a minute is once a minute: twice that, and two beside it
        ("a", 60.0, 122, 60.0),  # once a second: 64 uses take longer than the longest lease
        ("a", 120.0, 130, 32.0),  # twice a second: 64 uses take 32 seconds
        ("a", 1200.0, 202, 5.0),  # a busy key's lease is short
        ("a", 6000.0, 1000, 5.0),  # and never larger than the most
        ("made up", 1.0, 0, 5.0),  # at first sight there is none
        ("made up", 1.01, 3, 5.0),
        ("made up", 600.0, 102, 5.0),
    ],
)
def test_terms_follow_what_the_key_used_lately(engine, addresses, account, lately, tokens, ttl):
    body = request({"account": {"id": account}, "client": {"ip": "11.0.0.1", "ja4": "t13d"}, "lease": True})
    who = identify(body, engine.tenant, engine.state, addresses, SECRET, NOW)
    engine.leases._pace(who).add(key_of(who, body), lately, 60.0, NOW)
    assert engine.leases.terms(who, body, engine.tenant.settings.leases, NOW) == (tokens, ttl)


def test_a_lease_is_its_key_s_alone_by_account_address_and_fingerprint(engine, addresses):
    keys = set()
    for account in ("a", "t"):
        for ip in ("11.0.0.1", "11.0.0.2"):
            for ja4 in ("t13d", "t13e"):
                body = request({"account": {"id": account}, "client": {"ip": ip, "ja4": ja4}})
                who = identify(body, engine.tenant, engine.state, addresses, SECRET, NOW)
                keys.add(key_of(who, body))
    assert len(keys) == 8


def test_what_was_leased_and_used_is_counted_from_nothing(engine):
    assert (engine.leases.tokens, engine.leases.used) == (0, 0)
    verdict = lease_for(engine)
    lease_for(engine, leases=[used(verdict, 2)])
    assert engine.leases.used == 2
    assert engine.leases.tokens >= verdict.lease.tokens


def test_a_gateway_has_ten_seconds_after_a_lease_to_report_it(engine):
    """The Lua gateways and the page on leases count on it."""
    assert GRACE == 10.0
