"""An unproven account has a day of its own, then a part of a reserve; the proven and bare keys have neither."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from small_engine import DAY, HOUR, NOW, PROVEN, ask, check, push, tenant

from reputation.engine.entry import newcomers_of
from reputation.hydra.links import NOTHING, Cluster
from reputation.limits.bucket import refund

NO_RESERVE = {"newcomers": {"reserve": 0}}


def day_of(verdict):
    (daily,) = [limit for limit in verdict.limits if limit.name == "daily" and limit.scope == "account"]
    return daily


def refreshed(engine, account, now):
    """Fill the account's burst bucket, so that its day alone binds."""
    burst = engine.state.row(account).burst
    refund(burst, burst.limit.burst, now)


def used_up(engine, account, now=NOW, most=5000):
    """How many requests pass at one instant if the burst never binds."""
    passed = 0
    while passed < most and ask(engine, account, now=now).decision == "allow":
        refreshed(engine, account, now)
        passed += 1
    return passed


def test_the_day_is_published_with_its_full_size_and_scope_account(addresses):
    engine = tenant(addresses)
    push(engine, "new", created_at=NOW - HOUR, plan="free")
    daily = day_of(ask(engine, "new"))
    assert (daily.scope, daily.burst, round(daily.rate * DAY)) == ("account", 50.0, 50)
    assert daily.remaining == 49.0


def test_bare_keys_and_the_proven_keep_the_limits_of_their_tier(addresses):
    engine = tenant(addresses)
    assert day_of(check(engine, account={"key": "k"}, client={"ip": "11.0.0.1"})).burst == 5000.0
    push(engine, "proven", plan="free", **PROVEN)
    assert day_of(ask(engine, "proven")).burst >= 5000.0


@pytest.mark.parametrize("known", [{"keys": ["sk-1"]}, {"external": {"stripe": "cus_1"}}])
def test_a_push_without_a_fact_of_the_account_itself_keeps_the_limits_of_the_tier(addresses, known):
    engine = tenant(addresses)
    push(engine, "a", **known)
    assert day_of(ask(engine, "a")).burst == 5000.0
    push(engine, "a", **known, email_domain="example.com")
    assert day_of(ask(engine, "a")).burst == 50.0


def test_a_plan_may_have_none(addresses):
    for off in ("off", False):
        engine = tenant(addresses, plans={"free": {"entry": off}, "pro": {"like": "free"}})
        for plan in ("free", "pro"):
            push(engine, plan, created_at=NOW, plan=plan)
            assert day_of(ask(engine, plan)).burst == 5000.0


def test_above_its_day_an_account_has_a_twentieth_of_the_reserve(addresses):
    engine = tenant(addresses)
    push(engine, "a", created_at=NOW - 40 * DAY, plan="free")
    assert used_up(engine, "a") == 50 + 200
    verdict = ask(engine, "a")
    assert (verdict.decision, verdict.limit.scope) in {("throttle", "account"), ("throttle", "newcomers")}


def test_where_the_reserve_pays_the_day_is_shown_all_the_same(addresses):
    engine = tenant(addresses)
    push(engine, "a", created_at=NOW - 40 * DAY, plan="free")
    for _ in range(50):
        ask(engine, "a")
        refreshed(engine, "a", NOW)
    verdict = ask(engine, "a")
    assert [(one.name, one.scope) for one in verdict.limits] == [
        ("burst", "account"), ("reserve", "newcomers"), ("part", "newcomers"), ("daily", "account"),
    ]  # fmt: skip
    assert day_of(verdict).remaining == 0.0


def test_accounts_without_money_cannot_touch_the_part_of_others(addresses):
    engine = tenant(addresses)
    for number in range(30):
        push(engine, f"mail-{number}", created_at=NOW - 40 * DAY, plan="free")
    assert 30 * 50 + 3000 < sum(used_up(engine, f"mail-{number}") for number in range(30)) < 30 * 50 + 4000
    card = {"status": "ok", "fingerprint": "fp", "funding": "credit"}
    push(engine, "card", created_at=NOW - 40 * DAY, plan="free", payment=card)
    assert used_up(engine, "card") == 200 + 200


def test_a_level_of_the_linker_lowers_each_accounts_part(addresses):
    engine = tenant(addresses)
    engine.links = structs.replace(NOTHING, levels={"free/email-older": 30.0})
    push(engine, "a", created_at=NOW - 40 * DAY, plan="free")
    assert used_up(engine, "a") == 50 + 30


def test_where_the_reserve_had_enough_for_all_an_account_may_use_more_than_a_twentieth(addresses):
    engine = tenant(addresses)
    engine.links = structs.replace(NOTHING, levels={"free/email-older": 4000.0})
    push(engine, "a", created_at=NOW - 40 * DAY, plan="free")
    assert used_up(engine, "a") == 50 + 1000


def test_a_reserve_that_has_grown_serves_more_accounts_and_gives_none_more_than_one_reserve(addresses):
    engine = tenant(addresses)
    engine.links = structs.replace(NOTHING, levels={"free/email-older": 20_000.0}, reserves=5.0)
    got = []
    for number in range(8):
        push(engine, f"a-{number}", created_at=NOW - 40 * DAY, plan="free")
        got.append(used_up(engine, f"a-{number}") - 50)
    assert got[:3] == [4000, 4000, 4000]
    assert 17_000 <= sum(got) < 20_000
    assert got[-1] >= 100


def test_a_reserve_that_grows_keeps_what_an_account_has_drawn(addresses):
    engine = tenant(addresses)
    engine.links = structs.replace(NOTHING, levels={"free/email-older": 4000.0})
    push(engine, "a", created_at=NOW - 40 * DAY, plan="free")
    assert used_up(engine, "a") == 50 + 1000
    engine.links = structs.replace(NOTHING, levels={"free/email-older": 8000.0}, reserves=2.0)
    later = used_up(engine, "a", NOW + 12 * HOUR)
    assert 500 < later < 3000


@pytest.mark.parametrize("drainers", [5, 40, 200])
def test_accounts_that_draw_all_they_can_leave_as_much_for_each_that_comes_later(addresses, drainers):
    engine = tenant(addresses)
    for number in range(drainers):
        push(engine, f"drains-{number}", created_at=NOW - DAY, plan="free")
    got = [used_up(engine, f"drains-{number}") - 50 for number in range(drainers)]
    push(engine, "late", created_at=NOW - DAY, plan="free")
    assert used_up(engine, "late") - 50 >= min(got) - 1
    assert sum(got) < 4000


def test_accounts_that_drain_a_reserve_for_days_leave_each_newcomer_an_even_part(addresses):
    engine, drainers = tenant(addresses), [f"drains-{number}" for number in range(50)]
    for name in drainers:
        push(engine, name, created_at=NOW - 2 * DAY, plan="free")
    for hour in range(48):
        for name in drainers:
            used_up(engine, name, NOW + hour * HOUR)
    now = NOW + 48 * HOUR
    push(engine, "late", created_at=now, plan="free")
    assert used_up(engine, "late", now) >= 50 + 0.75 * 4000 / len(drainers)


def test_newcomers_do_not_use_up_the_reserve_of_older_accounts(addresses):
    engine = tenant(addresses)
    for number in range(200):
        push(engine, f"new-{number}", created_at=NOW - 2 * DAY, plan="free")
        used_up(engine, f"new-{number}")
    push(engine, "older", created_at=NOW - 20 * DAY, plan="free")
    assert used_up(engine, "older") == 50 + 200


@pytest.mark.parametrize(("unit", "factor"), [("requests", 1), ("tokens", 2000)])
def test_no_request_draws_more_of_a_reserve_than_what_is_left_of_the_accounts_part(addresses, unit, factor):
    cost, level = 16 * factor, 30.0 * factor
    engine = tenant(addresses, unit=unit)
    engine.links = structs.replace(NOTHING, levels={"free/email-older": level})
    push(engine, "a", created_at=NOW - 40 * DAY, plan="free")
    total = 0
    while ask(engine, "a", cost=cost).decision == "allow":
        refreshed(engine, "a", NOW)
        total += cost
    assert total == (48 + 16) * factor  # three in the day, one in the part; a second one is more than is left of it


def test_a_lesson_of_an_hour_fits_into_the_first_day(addresses):
    engine = tenant(addresses, **NO_RESERVE)
    push(engine, "pupil", created_at=NOW, plan="free")
    assert all(ask(engine, "pupil", now=NOW + 72 * number).decision == "allow" for number in range(50))


def test_a_tier_that_allows_less_is_not_widened(addresses):
    row = {"rate": 1, "burst": 10, "daily": 30}
    engine = tenant(addresses, plans={"free": dict.fromkeys(("trusted", "standard", "limited"), row)})
    push(engine, "a", created_at=NOW - 40 * DAY, plan="free")
    assert day_of(ask(engine, "a")).burst == 30.0


def test_a_linked_account_draws_what_lies_above_its_day_on_the_reserve_and_on_its_purse(addresses):
    engine = tenant(addresses)
    ring = Cluster("h-1", NOW, 2, 0.9, (), "shared", (), 0.0, math.inf, purse=70.0)
    engine.links = structs.replace(NOTHING, members={"a": ("h-1", 0.9)}, clusters={"h-1": ring})
    push(engine, "a", created_at=NOW - 20 * DAY, plan="free")
    assert used_up(engine, "a") == 70
    engine.links = structs.replace(engine.links, levels={"free/email-older": 5.0})
    push(engine, "b", created_at=NOW - 20 * DAY, plan="free")
    engine.links = structs.replace(
        engine.links, members={"b": ("h-2", 0.9)}, clusters={"h-2": structs.replace(ring, id="h-2", purse=1000.0)}
    )
    assert used_up(engine, "b") == 50 + 5


CARD = {"status": "ok", "fingerprint": "fp", "funding": "credit"}


@pytest.mark.parametrize(
    ("plans", "payment", "day"),
    [
        ({}, CARD | {"settled_usd": 0.0}, 200.0),
        ({}, CARD | {"settled_30d_usd": 0.0}, 200.0),
        ({}, {"status": "none", "settled_usd": 0.0}, 50.0),
        ({}, CARD, 1000.0),
        ({}, None, 250.0),
        ({}, CARD | {"settled_usd": 4.0}, 200.0),
        ({}, CARD | {"settled_usd": 10.0}, 1000.0),
        ({}, CARD | {"settled_30d_usd": 10.0}, 1000.0),
        ({}, CARD | {"settled_usd": 20.0, "status": "disputed"}, 50.0),
        ({"free": {"entry": "off"}}, CARD | {"settled_usd": 0.0}, 1000.0),
        ({"free": {"entry": 5000}}, CARD | {"settled_usd": 0.0}, 1000.0),
        ({"paid": {"entry": 800}}, CARD, 800.0),
        ({"paid": {"like": "pro"}, "pro": {"like": "free", "entry": 700}}, CARD, 700.0),
    ],
)
def test_until_money_settled_a_dear_plan_has_the_day_of_a_cheap_one(addresses, plans, payment, day):
    engine = tenant(addresses, plans=plans)
    push(engine, "a", created_at=NOW - 20 * DAY, plan="paid", **({"payment": payment} if payment else {}))
    assert day_of(ask(engine, "a")).burst == day


def test_with_plan_usd_0_a_plan_has_its_own_day_from_the_beginning(addresses):
    engine = tenant(addresses, earned={"plan_usd": 0})
    for status, day in (("ok", 1000.0), ("disputed", 250.0)):
        payment = CARD | {"status": status, "settled_usd": 0}
        push(engine, status, created_at=NOW - 20 * DAY, plan="paid", payment=payment)
        assert day_of(ask(engine, status)).burst == day


def test_accounts_on_a_dear_plan_draw_on_the_cheap_reserve_until_money_settled(addresses):
    engine = tenant(addresses)
    for number in range(40):
        push(engine, f"paid-{number}", created_at=NOW - DAY, plan="paid", payment={"settled_usd": 0.0})
        used_up(engine, f"paid-{number}")
    push(engine, "free", created_at=NOW - DAY, plan="free")
    assert used_up(engine, "free") < 50 + 100
    push(engine, "settled", created_at=NOW - DAY, plan="paid", payment={"settled_usd": 10.0})
    assert used_up(engine, "settled") == 1000 + 1000


def test_a_learnt_day_of_newcomers_moves_allowance_and_reserve(addresses):
    engine = tenant(addresses)
    engine.links = structs.replace(NOTHING, newcomers={"free": 500.0}, voters={"free": 60})
    push(engine, "a", created_at=NOW - 40 * DAY, plan="free")
    assert day_of(ask(engine, "a")).burst == 125.0
    assert used_up(engine, "a") == 124 + 500
    assert newcomers_of(engine.tenant, engine.links) == {"free": (500.0, 60), "paid": (1000.0, 0)}
    engine.links = NOTHING
    assert day_of(ask(engine, "a")).burst == 50.0


def test_days_of_use_are_worth_no_more_than_a_month_of_them_on_the_plan_in_force(addresses):
    engine = tenant(addresses)
    engine.links = structs.replace(NOTHING, active={"a": 450.0})
    push(engine, "a", created_at=NOW - 40 * DAY, plan="paid", payment={"settled_usd": 0})
    assert day_of(ask(engine, "a")).burst == 100.0


def test_days_of_use_are_a_rung_with_a_part_of_its_own(addresses):
    engine = tenant(addresses)
    engine.links = structs.replace(NOTHING, active={"a": 80.0, "card": 80.0}, levels={"free/active-older": 5.0})
    push(engine, "a", created_at=NOW - 40 * DAY, plan="free")
    assert used_up(engine, "a") == 80 + 5
    push(engine, "card", created_at=NOW - 40 * DAY, plan="free", payment={"status": "ok", "fingerprint": "fp"})
    assert day_of(ask(engine, "card")).burst == 200.0


@settings(max_examples=30)
@given(st.floats(0.001, 1e9))
def test_no_published_day_leaves_the_operators_bounds(addresses, units):
    engine = tenant(addresses, newcomers={"least": 0.5, "most": 2.0})
    engine.links = structs.replace(NOTHING, newcomers={"free": units})
    push(engine, "a", created_at=NOW - 40 * DAY, plan="free")
    assert 25.0 <= day_of(ask(engine, "a")).burst <= 100.0


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.floats(0, 4 * HOUR), st.integers(1, 60)), max_size=40),
    st.sampled_from([(), ("phone",), ("identity",)]),
)
def test_the_first_day_gives_at_most_the_published_limit_and_one_burst(addresses, asked, verified):
    engine = tenant(addresses, **NO_RESERVE)
    push(engine, "a", created_at=NOW, plan="free", verified=list(verified))
    first = ask(engine, "a")
    now, total, daily, burst = NOW, 1, day_of(first), first.limits[0].burst
    for later, count in asked:
        now += later
        if now >= NOW + DAY:
            break
        for _ in range(count):
            total += ask(engine, "a", now=now).decision == "allow"
    assert total <= daily.burst + burst + 1e-6


@pytest.mark.parametrize(
    "body",
    [
        "plans: {free: {entry: 2}}",
        "plans: {free: {entry: true}}",
        "plans: {free: {entry: 5001}}",
        "entry: {email: 0.001}",
        "entry: {email: 1000}",
        "entry: {email: 25.1}",
    ],
)
def test_an_allowance_that_no_request_fits_or_that_limits_nobody_is_a_configuration_error(body):
    from reputation.config.file import from_text  # noqa: PLC0415
    from reputation.wire.errors import ConfigError  # noqa: PLC0415

    with pytest.raises(ConfigError, match="entry"):
        from_text(f"tenants: {{acme: {{{body}}}}}")


def test_days_of_use_may_be_worth_less_than_a_request(addresses):
    engine = tenant(addresses, entry={"active": 0.001})
    push(engine, "a", created_at=NOW - 40 * DAY, plan="free")
    assert day_of(ask(engine, "a")).burst == 50.0
