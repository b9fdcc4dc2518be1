"""A cap on what newcomers take together: never more in sum, max-min, and no proven or paying account is held."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from small_engine import DAY, HOUR, NOW, PAYER, PROVEN, ask, check, push, tenant

from reputation.engine.together import together_of
from reputation.hydra.links import NOTHING, Cluster, Organisation, SharedValue, Together
from reputation.limits.bucket import refund
from reputation.wire.errors import ConfigError, SettingError

CAP = {"newcomers": {"together": "cap"}}


def found(amount, level=None, **more):
    level = amount if level is None else level
    return structs.replace(NOTHING, together=Together(0.0, 0.0, 0, None, 0, 0.0, amount, level), **more)


def capped(addresses, amount, level=None, **more):
    engine = tenant(addresses, **CAP)
    engine.links = found(amount, level, **more)
    return engine


def new(engine, name, **facts):
    push(engine, name, **{"created_at": NOW - HOUR, "plan": "free", **facts})


def passes(engine, name, now=NOW, most=400):
    """How many requests pass at one instant if the burst never binds."""
    count = 0
    while count < most:
        burst = engine.state.row(name).burst
        if burst is not None:
            refund(burst, burst.limit.burst, now)
        if ask(engine, name, now=now).decision != "allow":
            break
        count += 1
    return count


@pytest.mark.parametrize("heads", [3, 30, 120])
def test_newcomers_together_never_get_more_than_the_amount(addresses, heads):
    engine, amount = capped(addresses, 100.0), 100.0
    for number in range(heads):
        new(engine, f"h{number}")
    got = sum(passes(engine, f"h{number}") for number in range(heads))
    assert got <= amount
    later = sum(passes(engine, f"h{number}", NOW + DAY) for number in range(heads))
    assert got + later <= 2 * amount


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(5, 200), st.floats(1.0, 50.0),
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 20), st.floats(0.0, 4 * HOUR)), max_size=25),
)  # fmt: skip
def test_in_any_time_they_get_at_most_what_the_cap_holds_and_refills(addresses, amount, level, calls):
    engine, now, got = capped(addresses, float(amount), min(level, amount)), NOW, 0
    for number in range(10):
        new(engine, f"h{number}")
    for account, times, later in calls:
        now += later
        got += sum(ask(engine, f"h{account}", now=now).decision == "allow" for _ in range(times))
        assert got <= amount * (1.0 + (now - NOW) / DAY) + 1e-6


def test_each_has_at_most_the_level_and_one_that_wants_less_gets_what_it_wants(addresses):
    engine = capped(addresses, 1024.0, 8.0)
    for name in ("greedy", "modest"):
        new(engine, name)
    assert passes(engine, "greedy") == 4
    assert sum(passes(engine, "greedy", NOW + hour * HOUR) for hour in range(1, 49)) == 16
    assert passes(engine, "modest", most=3) == 3


def test_accounts_that_take_all_they_can_for_days_leave_a_part_for_each_that_comes_later(addresses):
    engine = capped(addresses, 1000.0, 0.9 * 1000.0 / 60)
    for number in range(60):
        new(engine, f"h{number}", verified=["phone", "identity"])
    for hour in range(48):
        for number in range(60):
            passes(engine, f"h{number}", NOW + hour * HOUR)
        new(engine, f"late-{hour}")
        assert passes(engine, f"late-{hour}", NOW + hour * HOUR, most=8) == 7


@pytest.mark.parametrize(
    "facts",
    [
        PROVEN, PAYER, {"created_at": NOW - 15 * DAY}, {"payment": {"status": "ok", "settled_usd": 10.0}},
    ],
    ids=["proven", "payer", "older", "has settled what makes a plan count"],
)  # fmt: skip
def test_accounts_that_are_proven_pay_or_are_older_are_never_held(addresses, facts):
    engine, free = capped(addresses, 1.0), tenant(addresses)
    new(engine, "drains")
    assert passes(engine, "drains") == 1
    for one in (engine, free):
        new(one, "a", **facts)
    assert passes(engine, "a") == passes(free, "a") > 10


def test_bare_keys_and_members_of_established_organisations_are_not_held(addresses):
    organisations = {"corp.example": Organisation((0.0, True))}
    engine = capped(addresses, 1.0, organisations=organisations)
    new(engine, "member", organisation={"id": "corp.example", "verified": True})
    assert passes(engine, "member") > 10
    assert ask(engine, "unknown", "11.0.0.1").decision == "allow"
    assert ask(engine, "unknown", "11.0.0.1").decision == "allow"


def test_a_check_without_facts_is_held_as_the_one_before_with_facts(addresses):
    engine = capped(addresses, 48.0, 6.0)
    facts = {"created_at": NOW - HOUR, "plan": "free"}
    check(engine, account={"id": "a", **facts})
    assert passes(engine, "a") == 2


def test_what_money_bought_comes_before_the_cap(addresses):
    engine = capped(addresses, 4.0)
    new(engine, "paid a little", payment={"status": "ok", "settled_usd": 0.6})
    assert passes(engine, "paid a little") == 20 + 2
    verdict = ask(engine, "paid a little")
    assert (verdict.decision, verdict.limit.scope) == ("throttle", "account")


def test_a_stop_names_the_cap_and_when_it_passes(addresses):
    engine = capped(addresses, 24.0, 6.0)
    new(engine, "a")
    assert passes(engine, "a") == 3
    verdict = ask(engine, "a")
    assert (verdict.decision, verdict.limit.scope) == ("throttle", "newcomers")
    assert [(one.name, one.scope) for one in verdict.limits][-2:] == [("together", "newcomers"), ("part", "newcomers")]
    assert ask(engine, "a", now=NOW + verdict.retry_after * 0.999).decision == "throttle"
    assert ask(engine, "a", now=NOW + verdict.retry_after).decision == "allow"


def test_a_linked_newcomer_draws_on_its_purse_and_on_the_cap(addresses):
    cluster = Cluster("h-1", NOW, 1, 0.97, ("payment",), "shared", (), 1e6, 1e6, (), 50.0)
    engine = capped(
        addresses, 48.0, 6.0, members={"a": ("h-1", 0.97)}, clusters={"h-1": cluster}, typical_daily_use=50.0
    )
    new(engine, "a")
    assert passes(engine, "a") == 3
    names = [one.name for one in ask(engine, "a").limits]
    assert "purse" in names
    assert "together" in names


def test_use_of_the_reserve_is_within_the_cap_and_noted_as_before(addresses):
    engine = capped(addresses, 4000.0)
    engine.outbox.listening = True
    new(engine, "a", created_at=NOW - 10 * DAY)
    assert passes(engine, "a") == 50 + 200
    parts = [note.part for note in engine.outbox.collect() if hasattr(note, "part")]
    assert parts[0] is None
    assert parts[-1] == "free/email"


def test_to_watch_changes_nothing_and_ends_a_cap_at_once(addresses):
    watching, plain = tenant(addresses, newcomers={"together": "watch"}), tenant(addresses)
    watching.links = found(1.0, 1.0)
    for engine in (watching, plain):
        new(engine, "a")
    assert [ask(watching, "a").limits for _ in range(30)] == [ask(plain, "a").limits for _ in range(30)]
    engine = capped(addresses, 1.0)
    new(engine, "a")
    assert passes(engine, "a") == 1
    engine.retune(watching.tenant)
    assert passes(engine, "a") > 10


def test_before_the_first_epoch_only_the_operators_number_holds(addresses):
    engine = tenant(addresses, **CAP)
    new(engine, "a")
    assert passes(engine, "a") > 10
    engine = tenant(addresses, newcomers={"together": "cap", "together_units": 40})
    for name in ("a", "b"):
        new(engine, name)
    assert (passes(engine, "a"), passes(engine, "b")) == (1, 1)


def test_a_lease_under_the_cap_has_one_token(addresses):
    engine = capped(addresses, 100.0)
    new(engine, "a")
    for _ in range(5):
        verdict = check(engine, account={"id": "a"}, lease=True)
        assert verdict.lease is None or verdict.lease.tokens == 1


def test_an_amount_that_can_never_hold_a_request_is_an_error(addresses):
    with pytest.raises((ConfigError, SettingError), match="together_units"):
        tenant(addresses, unit="tokens", newcomers={"together_units": 100})


def test_it_is_shown_in_words(addresses):
    engine = tenant(addresses)
    assert together_of(engine.tenant, engine.links) == {"setting": "watch"}
    value = SharedValue("mail", "an e-mail address at farm.example", 0.8, 0.01)
    surge = Together(900.0, 950.0, 40, 0.1, 7, 2000.0, 600.0, 10.0, NOW, (value,))
    shown = together_of(engine.tenant, structs.replace(NOTHING, together=surge))
    assert (shown["setting"], shown["taken"], shown["since"]) == ("watch", 900.0, NOW)
    assert shown["common"] == [{"kind": "mail", "value": value.value, "share": 0.8, "usual": 0.01}]
