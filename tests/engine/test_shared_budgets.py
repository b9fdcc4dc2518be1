"""What linked accounts share: more heads add no capacity, and none starves the rest."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from small_engine import DAY, NOW, PAYER, SECRET, ask, check, push, request, tenant

from reputation.engine.identity import identify
from reputation.engine.shared_budgets import daily, excepted_draws
from reputation.hydra.links import Cluster, Links

TYPICAL = 50.0  # units a day of a typical honest account
NO_ENTRY = {"free": {"entry": "off"}, "paid": {"entry": "off"}}


def links(heads=(), level=1e6, standing="shared", purse=2 * TYPICAL):
    cluster = Cluster("h-1", NOW, len(heads), 0.97, ("payment",), standing, (), 1e6, level, (), purse)
    members = dict.fromkeys(heads, ("h-1", 0.97))
    return Links(NOW, members, {"h-1": cluster} if heads else {}, TYPICAL)


def heads_of(engine, count, **facts):
    names = [f"head-{i}" for i in range(count)]
    for name in names:
        push(engine, name, **{"created_at": NOW - DAY, **facts})
    return names


def passed(engine, names, times=1, now=NOW, ip=None):
    """How many requests of each account pass, asked in turns."""
    return {name: sum(ask(engine, name, ip, now).decision == "allow" for _ in range(times)) for name in names}


@pytest.mark.parametrize("count", [20, 100, 400])
def test_more_heads_add_no_capacity(addresses, count):
    """The purse that the linker published, for all together, however many they are."""
    engine = tenant(addresses)
    names = heads_of(engine, count)
    engine.links = links(names)
    assert sum(passed(engine, names, 10).values()) == 2 * TYPICAL


def test_a_greedy_head_does_not_starve_the_others(addresses):
    """Each draws at most its max-min share from the purse."""
    engine = tenant(addresses)
    names = heads_of(engine, 10)
    engine.links = links(names, level=8.0)
    greedy = passed(engine, names[:1], 20)
    others = passed(engine, names[1:], 5)
    assert greedy == {"head-0": 8}
    assert set(others.values()) == {5}


def test_the_purse_fills_up_again_over_a_day(addresses):
    engine = tenant(addresses)
    names = heads_of(engine, 50)
    engine.links = links(names)
    passed(engine, names, 10)
    verdict = ask(engine, names[0])
    assert (verdict.decision, verdict.limit.scope) == ("throttle", "cluster")
    assert verdict.retry_after == pytest.approx(DAY / (2 * TYPICAL))
    assert sum(passed(engine, names, 10, NOW + DAY).values()) == 2 * TYPICAL


def test_what_the_purse_refuses_costs_the_account_nothing(addresses):
    engine = tenant(addresses)
    names = heads_of(engine, 50)
    engine.links = links(names)
    passed(engine, names, 10)
    before = ask(engine, "head-49").limits[0].remaining
    assert ask(engine, "head-49").limits[0].remaining == before


def test_one_request_ten_thousand_names_cannot_widen_a_purse_by_its_own_limits(addresses):
    """Own limits still hold inside: a head gets the least of all of its limits."""
    engine = tenant(addresses)
    names = heads_of(engine, 2)
    engine.links = links(names, purse=1000 * TYPICAL)
    own = ask(engine, names[0]).limits[0].burst
    assert passed(engine, names[:1], 100)["head-0"] == own - 1


def test_payers_have_a_floor_before_the_purse_is_asked(addresses):
    engine = tenant(addresses, linking={"payer_floor_units": 1})
    names = heads_of(engine, 50)
    push(engine, "payer", **PAYER)
    engine.links = links([*names, "payer"])
    passed(engine, names, 10)
    assert passed(engine, ["payer"], 100)["payer"] == TYPICAL


def test_links_that_an_earlier_version_stored_have_a_purse_of_a_typical_day(addresses):
    engine = tenant(addresses)
    names = heads_of(engine, 20)
    engine.links = links(names, purse=0.0)
    assert sum(passed(engine, names, 10).values()) == TYPICAL


def test_an_account_that_left_its_cluster_has_its_own_limits_again(addresses):
    engine = tenant(addresses)
    names = heads_of(engine, 50)
    engine.links = links(names)
    passed(engine, names, 10)
    engine.links = links(names[1:])
    verdict = ask(engine, names[0])
    assert (verdict.decision, verdict.cluster) == ("allow", None)


def test_accounts_on_one_invoice_share_the_organisations_quota(addresses):
    """Openly sharing a card is innocent, and raises no total."""
    engine = tenant(addresses, organisation={"rate": 0.001, "burst": 30, "daily": 10_000})
    names = heads_of(engine, 10)
    engine.links = Links(NOW, {}, {}, TYPICAL, dict.fromkeys(names, "fp_1"))
    assert sum(passed(engine, names, 10).values()) == 30
    assert ask(engine, names[0]).limit.scope == "organisation"
    assert ask(engine, "somebody else").decision == "allow"


def members_of(engine, count, **facts):
    names = [f"member-{number}" for number in range(count)]
    for name in names:
        push(engine, name, created_at=NOW - 5 * DAY, organisation={"id": "corp", "verified": True}, **facts)
    return names


def test_members_of_a_verified_organisation_share_a_quota_after_what_each_has_earned(addresses):
    engine = tenant(addresses)
    names = members_of(engine, 5)
    organisations = {"corp": (30.0, False), "other": (1.0, False)}
    engine.links = Links(NOW, {}, {}, TYPICAL, earned={names[0]: 4.0}, organisations=organisations)
    assert sum(passed(engine, names, 10).values()) == 30 + 4
    verdict = ask(engine, names[1])
    assert (verdict.limit.scope, verdict.limit.burst) == ("organisation", 30.0)
    assert [limit.name for limit in verdict.limits if limit.scope == "organisation"] == ["purse"]


def test_a_member_has_its_first_day_alone(addresses):
    """So an organisation that takes in a class has no more to share on that day, and needs no more."""
    engine = tenant(addresses)
    for name, age in (("new", DAY / 2), ("old", DAY)):
        push(engine, name, created_at=NOW - age, organisation={"id": "corp", "verified": True})
    engine.links = Links(NOW, {}, {}, TYPICAL, organisations={"corp": (5.0, False)})
    assert passed(engine, ["old", "new"], 10) == {"old": 5, "new": 10}


def test_an_operators_limit_of_organisations_takes_the_place_of_the_quota(addresses):
    engine = tenant(addresses, organisation={"rate": 0.001, "burst": 20, "daily": 10_000})
    names = members_of(engine, 5)
    engine.links = Links(NOW, {}, {}, TYPICAL, organisations={"corp": (5.0, False)})
    assert sum(passed(engine, names, 10).values()) == 20


@pytest.mark.parametrize(
    ("organisations", "proven"),
    [(None, True), ({}, False), ({"corp": (0.0, False)}, False), ({"corp": (0.0, True)}, True)],
)
def test_members_are_proven_once_their_organisation_is_established(addresses, organisations, proven):
    engine = tenant(addresses)
    (name,) = members_of(engine, 1)
    if organisations is not None:
        engine.links = Links(NOW, {}, {}, TYPICAL, organisations=organisations)
    assert engine.who(request({"account": {"id": name}}), NOW).proven is proven
    assert (ask(engine, name).limits[1].burst == 50.0) is not proven
    assert ("organisation" in {reason.signal for reason in ask(engine, name).reasons}) is proven


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.floats(0, 3600), st.integers(0, 5), st.floats(0.1, 5)), max_size=60),
    st.floats(0.5, 40),
    st.floats(0.1, 4),
)
def test_never_more_than_the_purse_and_what_it_earned(addresses, asked, level, units):
    """Whoever of a cluster asks for whatever, whenever, beside changing members."""
    engine, now, total = tenant(addresses), NOW, 0.0
    names = heads_of(engine, 6)
    engine.links = links(names, level=level, purse=units * TYPICAL)
    size = max(units * TYPICAL, 1.0)
    for later, who, cost in asked:
        now += later
        if ask(engine, names[who], now=now, cost=cost).decision == "allow":
            total += cost
        assert total <= size + (now - NOW) * units * TYPICAL / DAY + 1e-6


def test_keys_of_days_give_an_address_a_quarter_more_and_no_further(addresses):
    """However many of its keys are days old, and whatever they are asked for."""
    engine = tenant(addresses)
    keys = [f"old-{i}" for i in range(400)]
    for day in (3, 2, 1, 0):
        passed = [check(engine, NOW - day * DAY, account={"key": key}, client={"ip": "14.0.0.1"}) for key in keys]
    whole = engine.tenant.unconfirmed[0].burst
    assert sum(verdict.decision == "allow" for verdict in passed) == whole * 1.25


def test_who_was_seen_on_two_days_alone_has_no_part_of_the_address_for_itself(addresses):
    """Two calendar days may be a minute apart; three are more than a day."""
    engine = tenant(addresses)
    keys = [f"young-{i}" for i in range(400)]
    for before in (DAY, 0.0):
        passed = [check(engine, NOW - before, account={"key": key}, client={"ip": "14.0.0.1"}) for key in keys]
    assert sum(verdict.decision == "allow" for verdict in passed) == engine.tenant.unconfirmed[0].burst


def test_another_plan_or_tier_reaches_the_buckets_of_the_account_at_once(addresses):
    """What was spent stays spent, and both buckets go on at their new limits."""
    engine = tenant(addresses, plans=NO_ENTRY)
    push(engine, "a", plan="free")
    burst, daily = ask(engine, "a").limits
    assert (burst.burst, daily.burst) == (20.0, 5000.0)
    push(engine, "a", plan="paid")
    burst, daily = ask(engine, "a").limits
    assert (burst.rate, burst.burst, burst.remaining) == (20.0, 200.0, 18.0)
    assert (daily.burst, daily.remaining) == (200_000.0, 4998.0)
    engine.state.row("a").tier = 3
    push(engine, "a", plan="free", payment={"status": "disputed", "disputes": 3})
    limits = ask(engine, "a").limits
    assert [limit.burst for limit in limits] in ([10.0, 1000.0], [5.0, 200.0], [1.0, 10.0])
    row = engine.state.row("a")
    assert [row.burst.limit.burst, row.daily.limit.burst] == [limit.burst for limit in limits]


def test_an_account_whose_limits_stay_keeps_the_very_same_ones(addresses):
    engine = tenant(addresses)
    ask(engine, "a")
    before = engine.state.row("a").burst.limit
    ask(engine, "a", now=NOW + 5)
    assert engine.state.row("a").burst.limit is before
    assert engine.state.row("a").burst.tokens == 19.0


def charged(engine, account="a", ip=None, **body):
    """Names, scopes, rates a day and bursts of what a check draws on."""
    client = {} if ip is None else {"client": {"ip": ip}}
    found = check(engine, account={"id": account, "plan": "free"}, **client, **body)
    return [(limit.name, limit.scope, round(limit.rate * DAY, 6), limit.burst) for limit in found.limits]


OWN = [("burst", "account", 172_800.0, 20.0), ("daily", "account", 5000.0, 5000.0)]


class TestNumbers:
    """Each shared bucket with its size."""

    def test_a_budget_of_less_than_one_request_holds_one(self):
        assert (daily(0.25, 1.0).rate * DAY, daily(0.25, 1.0).burst) == (0.25, 1.0)
        assert (daily(1.5, 1.0).rate * DAY, daily(1.5, 1.0).burst) == (1.5, 1.5)

    def test_a_head_draws_on_its_purse_and_on_its_part_of_it(self, addresses):
        engine = tenant(addresses, plans=NO_ENTRY)
        engine.links = links(["a", "b"], level=7.0)
        assert charged(engine) == [*OWN, ("purse", "cluster", 100.0, 100.0), ("part", "cluster", 7.0, 7.0)]

    def test_a_blessed_cluster_and_a_cluster_that_is_gone_cost_nothing(self, addresses):
        engine = tenant(addresses, plans=NO_ENTRY)
        engine.links = links(["a", "b"], standing="blessed")
        assert charged(engine) == OWN
        engine.links = structs.replace(engine.links, clusters={})
        assert charged(engine) == OWN

    def test_a_payer_has_its_floor_first_in_typical_uses(self, addresses):
        engine = tenant(addresses, linking={"payer_floor_units": 0.5})
        push(engine, "payer", **PAYER)
        engine.links = links(["payer", "b"], level=7.0)
        scopes = [(limit.name, limit.scope, limit.burst) for limit in ask(engine, "payer").limits]
        assert scopes[2:] == [("earned", "account", 25.0)]

    def test_an_organisation_has_both_its_buckets_and_one_that_nobody_verified_none(self, addresses):
        engine = tenant(addresses, organisation={"rate": 3, "burst": 30, "daily": 300})
        push(engine, "member", organisation={"id": "corp", "verified": True})
        push(engine, "says so", organisation={"id": "corp", "verified": False})
        found = ask(engine, "member").limits
        assert [(x.name, x.scope, x.burst) for x in found[2:]] == [
            ("burst", "organisation", 30.0),
            ("daily", "organisation", 300.0),
        ]
        assert len(ask(engine, "says so").limits) == 2

    def test_a_stranger_shares_its_address_and_of_ipv6_its_48_too(self, addresses):
        engine = tenant(addresses)
        sizes = [
            [(limit.name, limit.burst) for limit in check(engine, account={"key": "k"}, client={"ip": ip}).limits[2:]]
            for ip in ("11.0.0.1", "2a01:100::1")
        ]
        address = [("burst", 200.0), ("daily", 20_000.0)]
        assert sizes == [address, [*address, ("burst", 800.0), ("daily", 80_000.0)]]
        assert len(check(engine, account={"key": "k"}).limits) == 2
        keys = set(engine.state.budgets.names())
        assert {key[1] for key in keys if isinstance(key[1], int)} == {
            0x0B000001,
            0x2A01010000000000,
            -0x2A01010000000000,
        }

    def test_the_part_for_those_who_last_is_a_quarter_of_each(self, addresses):
        engine = tenant(addresses)
        for day in (2, 1, 0):
            for _ in range(1 if day else 1000):
                ask(engine, "old", "2a01:100::1", NOW - day * DAY, cost=0.001)
        engine.state.budgets.find(("burst", 0x2A01010000000000)).tokens = 0.0
        engine.state.row("old").burst.tokens = 20.0
        found = ask(engine, "old", "2a01:100::1")
        assert [limit.burst for limit in found.limits[2:]] == [50.0, 5000.0, 200.0, 20_000.0]


def test_an_exception_is_charged_to_the_account_s_own_limits_or_to_one_that_nothing_empties(addresses):
    engine = tenant(addresses)
    who = identify(request({"account": {"id": "a"}}), engine.tenant, engine.state, addresses, SECRET, NOW)
    who.row.tier = 1
    (own,) = excepted_draws(engine.tenant, engine.state.budgets, who, times=1.0, now=NOW).draws
    assert [(charge.key, charge.bucket.limit.burst) for charge in own] == [
        (("own", "a", "burst"), 20.0),
        (("own", "a", "daily"), 5000.0),
    ]
    ((free,),) = excepted_draws(engine.tenant, engine.state.budgets, who, times=0.0, now=NOW).draws
    assert (free.name, free.scope, free.key) == ("allow", "account", ("allow", "a"))
    assert (free.bucket.limit.rate, free.bucket.limit.burst) == (1e9, 1e9)
