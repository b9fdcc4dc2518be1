"""An account whose facts came in a check keeps its entry allowance in later checks without facts."""

import pytest
from msgspec import structs
from small_engine import DAY, HOUR, NOW, PROVEN, ask, check, push, report, tenant

from reputation.hydra.links import NOTHING

CARD = {"status": "ok", "fingerprint": "fp", "funding": "credit"}
OLD = {"created_at": NOW - 40 * DAY}


def day_of(verdict):
    (daily,) = [limit for limit in verdict.limits if limit.name == "daily" and limit.scope == "account"]
    return daily


def told(engine, account="a", now=NOW, **facts):
    """A check that carries facts."""
    return check(engine, now, account={"id": account, **facts})


def scopes(verdict):
    return {limit.scope for limit in verdict.limits}


@pytest.mark.parametrize(
    ("facts", "units"),
    [
        ({"email_domain": "example.org"}, 50.0),
        ({"verified": ["phone"]}, 100.0),
        ({"payment": CARD}, 200.0),
        ({"plan": "paid", "payment": CARD}, 1000.0),
        ({"plan": "paid", "payment": {"settled_usd": 0}}, 50.0),
        ({"plan": "paid", "payment": {"settled_usd": 30}}, 1000.0),
    ],
)
def test_the_allowance_stays_that_of_the_facts(addresses, facts, units):
    engine = tenant(addresses)
    assert day_of(told(engine, **OLD, **facts)).burst == units
    bare = ask(engine, "a", "11.0.0.1")
    assert day_of(bare).burst == units
    assert "address" not in scopes(bare)


def test_what_facts_and_bare_checks_take_is_of_one_day(addresses):
    engine = tenant(addresses, newcomers={"reserve": 0})
    decisions = []
    for turn in range(400):
        facts = {} if turn % 2 else {**OLD, "plan": "free"}
        decisions.append(told(engine, now=NOW + 5.0 * turn, **facts).decision)
    assert decisions.count("allow") == 51


def test_above_it_bare_checks_draw_on_the_reserve_of_the_same_rung(addresses):
    engine = tenant(addresses)
    engine.links = structs.replace(NOTHING, levels={"paid/card-older": 7.0})
    told(engine, **OLD, plan="paid", payment=CARD)
    engine.state.row("a").daily.tokens = 5.0
    verdicts = [ask(engine, "a", now=NOW + turn) for turn in range(20)]
    assert sum(verdict.decision == "allow" for verdict in verdicts) == 5 + 7
    assert "reserve" in {limit.name for verdict in verdicts for limit in verdict.limits}


def test_the_first_day_refills_no_faster_without_facts(addresses):
    engine = tenant(addresses, newcomers={"reserve": 0})
    told(engine, created_at=NOW, plan="free")
    assert engine.state.row("a").daily.limit.rate * DAY == pytest.approx(20.0)
    ask(engine, "a", now=NOW + HOUR)
    assert engine.state.row("a").daily.limit.rate * DAY == pytest.approx(20.0)
    ask(engine, "a", now=NOW + DAY + 1)
    assert engine.state.row("a").daily.limit.rate * DAY == pytest.approx(50.0)


def test_newer_facts_replace_what_is_remembered(addresses):
    engine = tenant(addresses)
    told(engine, **OLD, plan="free")
    told(engine, **OLD, plan="free", payment=CARD)
    assert day_of(ask(engine, "a")).burst == 200.0
    told(engine, **OLD, plan="free")
    assert day_of(ask(engine, "a")).burst == 50.0


@pytest.mark.parametrize("later", [{"plan": "free", **PROVEN}, {"plan": "own", **OLD}])
def test_facts_by_which_there_is_no_allowance_end_it(addresses, later):
    engine = tenant(addresses, plans={"own": {"entry": "off"}})
    told(engine, **OLD, plan="free")
    told(engine, **later)
    assert day_of(ask(engine, "a")).burst >= 5000.0


def test_pushed_facts_count_as_they_are_and_a_push_of_keys_alone_changes_nothing(addresses):
    engine = tenant(addresses)
    told(engine, **OLD, payment=CARD)
    push(engine, "a", keys=["sk-1"])
    assert day_of(ask(engine, "a")).burst == 200.0
    assert day_of(check(engine, account={"key": "sk-1"})).burst == 200.0
    push(engine, "a", keys=["sk-1"], **OLD, plan="free")
    assert day_of(ask(engine, "a")).burst == 50.0
    engine.delete("a")
    assert day_of(ask(engine, "a")).burst == 5000.0


def test_a_change_of_the_settings_and_of_the_learnt_day_counts_for_bare_checks_too(addresses):
    engine = tenant(addresses)
    told(engine, **OLD, payment=CARD)
    engine.links = structs.replace(NOTHING, newcomers={"free": 500.0})
    assert day_of(ask(engine, "a")).burst == 500.0
    engine.retune(tenant(addresses, plans={"free": {"entry": 40}}).tenant)
    assert day_of(ask(engine, "a")).burst == 200.0, "five times the configured day at most"
    engine.retune(tenant(addresses, plans={"free": {"entry": "off"}}).tenant)
    assert day_of(ask(engine, "a")).burst == 5000.0


def test_days_of_use_count_without_facts_too(addresses):
    engine = tenant(addresses)
    told(engine, **OLD, email_domain="example.org")
    engine.links = structs.replace(NOTHING, active={"a": 80.0})
    assert day_of(ask(engine, "a")).burst == 80.0


def test_a_tenant_without_any_facts_keeps_its_limits_and_the_budget_of_its_addresses(addresses):
    engine = tenant(addresses)
    for _ in range(2):
        bare = check(engine, account={"key": "sk-bare"}, client={"ip": "11.0.0.1"})
        assert (day_of(bare).burst, "address" in scopes(bare)) == (5000.0, True)
    report(engine, "with an outcome", "good")
    assert day_of(ask(engine, "with an outcome")).burst == 5000.0


@pytest.mark.parametrize("empty", [{"payment": {}}, {"signup": {}}, {"payment": {}, "signup": {}}])
def test_an_empty_object_is_no_fact(addresses, empty):
    engine = tenant(addresses)
    bare = check(engine, account={"id": "a", **empty}, client={"ip": "11.0.0.1"})
    assert (day_of(bare).burst, "address" in scopes(bare)) == (5000.0, True)
    push(engine, "b", keys=["sk-2"], **empty)
    assert day_of(ask(engine, "b")).burst == 5000.0


@pytest.mark.parametrize("empty", [{}, {"payment": {}}, {"verified": []}])
def test_pushed_facts_stay_in_checks_with_empty_objects(addresses, empty):
    engine = tenant(addresses)
    push(engine, "a", **OLD, plan="free", payment=CARD)
    assert day_of(check(engine, account={"id": "a", **empty})).burst == 200.0
