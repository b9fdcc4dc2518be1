"""Plans and units: what a plan is like, that every limit holds a request, and what is said of one that never fits."""

import msgspec
import pytest
from msgspec import UNSET
from small_engine import NOW, ask, check, push, tenant

from plugins.answers import NEVER, published, rate_limits, stop_problem
from reputation.config.file import from_text
from reputation.config.presets import ORDINARY, PRESETS
from reputation.engine.exceptions import AllowBody, Exceptions, allow_of
from reputation.hydra.links import Cluster, Links
from reputation.state.unknown_plans import MOST_NAMED
from reputation.wire.errors import ConfigError

SMALL = {"rate": 1, "burst": 3, "daily": 100}


def standard(engine, plan):
    return engine.tenant.policy.limits[plan][1]


def test_a_plan_is_like_another_where_it_says_nothing_of_its_own(addresses):
    plans = {"pro": {"like": "paid"}, "team": {"like": "pro", "standard": SMALL}, "free": {"like": "paid"}}
    engine = tenant(addresses, plans=plans)
    paid = engine.tenant.policy.limits["paid"]
    assert engine.tenant.policy.limits["pro"] == engine.tenant.policy.limits["free"] == paid
    assert engine.tenant.policy.limits["team"][0] == paid[0]
    assert standard(engine, "team").burst.burst == 3
    push(engine, "a", plan="pro")
    assert ask(engine, "a").limit.burst == paid[1].burst.burst


@pytest.mark.parametrize(
    ("plans", "line", "words"),
    [
        ("pro: {like: piad}", 4, "no plan is called 'piad'; did you mean paid?"),
        ("pro: {like: pro}", 4, "is in turn like"),
        ("a: {like: b}\n      b: {like: c}\n      c: {like: a}", 5, "is in turn like"),
        ("pro: {lik: paid}", 4, "unknown key"),
    ],
)
def test_a_plan_that_is_like_nothing_is_an_error_that_names_its_line(plans, line, words):
    text = f"tenants:\n  acme:\n    plans:\n      {plans}\n"
    with pytest.raises(ConfigError, match=words) as raised:
        from_text(text)
    assert f"line {line}" in str(raised.value) or "a: {like" in plans


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("unit", ORDINARY)
def test_every_preset_holds_an_ordinary_request_in_both_units_in_every_tier(addresses, preset, unit):
    engine = tenant(addresses, preset=preset, unit=unit)
    cost = ORDINARY[unit]
    assert engine.tenant.request_cost == cost
    for plan in engine.tenant.policy.limits.values():
        for limits in plan:
            assert min(limits.burst.burst, limits.daily.burst) >= cost
    verdict = ask(engine, "a", cost=cost, hold=True)
    assert (verdict.decision, verdict.limit.unit) == ("allow", unit)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_long_prompt_passes_with_each_preset_for_tokens(addresses, preset):
    """Fifty thousand tokens at once, as for a document: honest people send them."""
    engine = tenant(addresses, preset=preset, unit="tokens")
    assert ask(engine, "a", cost=50_000, hold=True).decision == "allow"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            "unit: tokens\n    plans: {free: {standard: {rate: 9, burst: 1999, daily: 9000}}}",
            "plans.free.standard.burst",
        ),
        (
            "unit: tokens\n    plans: {free: {standard: {rate: 9, burst: 5000, daily: 500}}}",
            "plans.free.standard.daily",
        ),
        ("unit: tokens\n    unconfirmed: {rate: 9, burst: 5, daily: 9000}", "acme.unconfirmed.burst"),
        ("unit: tokens\n    organisation: {rate: 9, burst: 5, daily: 9000}", "acme.organisation.burst"),
        ("request_cost: 7", "plans.free.restricted.burst"),
    ],
)
def test_a_limit_that_can_never_hold_one_request_is_a_configuration_error(settings, words):
    with pytest.raises(ConfigError, match="fewer than one request needs") as raised:
        from_text(f"tenants:\n  acme:\n    {settings}\n")
    assert words in str(raised.value)


class TestARequestThatCanNeverPass:
    def test_the_verdict_and_the_problem_document_say_so(self, addresses):
        verdict = ask(tenant(addresses), "a", cost=21)
        assert (verdict.decision, verdict.never, verdict.retry_after) == ("throttle", True, 86_400.0)
        assert msgspec.json.decode(stop_problem(verdict, 429))["detail"] == NEVER

    def test_one_that_only_has_to_wait_is_not_said_to_be_one(self, addresses):
        engine = tenant(addresses)
        ask(engine, "a", cost=20)
        verdict = ask(engine, "a", cost=20)
        assert (verdict.decision, verdict.never) == ("throttle", UNSET)
        assert "detail" not in msgspec.json.decode(stop_problem(verdict, 429))

    def test_what_others_share_is_not_told(self, addresses):
        """A purse that is smaller than the published limit would tell that there is one."""
        engine = tenant(addresses)
        push(engine, "a", plan="free")
        cluster = Cluster("h-1", NOW, 1, 0.97, ("payment",), "shared", (), 10.0, 3.0)
        engine.links = Links(NOW, {"a": ("h-1", 0.97)}, {"h-1": cluster}, 4.0)
        verdict = ask(engine, "a", cost=15)
        assert (verdict.limit.scope, verdict.never) == ("cluster", True)
        assert "detail" not in msgspec.json.decode(stop_problem(verdict, 429))


def test_what_linked_accounts_share_holds_an_ordinary_request_in_tokens_too(addresses):
    """Purses and floors are told in typical uses and in requests a day; before any is known they are a guess."""
    engine = tenant(addresses, unit="tokens")
    push(engine, "a", plan="free")
    cluster = Cluster("h-1", NOW, 9, 0.97, ("payment",), "shared", (), 10.0, 0.5)
    engine.links = Links(NOW, {"a": ("h-1", 0.97)}, {"h-1": cluster}, 10.0)
    assert ask(engine, "a", "11.0.7.9", cost=2000).decision == "allow"


@pytest.mark.parametrize("before", [0.0, 1.0, 8.0])
def test_a_purse_with_enough_for_all_binds_by_numbers(addresses, before):
    """Its level is infinite then: no limit of a member's, also where it had one a moment ago."""
    engine = tenant(addresses)
    push(engine, "a", plan="free")
    cluster = Cluster("h-1", NOW, 2, 0.97, ("payment",), "shared", (), 1e6, before)
    engine.links = Links(NOW, {"a": ("h-1", 0.97)}, {"h-1": cluster}, 2.0)
    while ask(engine, "a").decision == "allow":
        pass
    engine.links = Links(NOW, {"a": ("h-1", 0.97)}, {"h-1": msgspec.structs.replace(cluster, level=float("inf"))}, 2.0)
    for _ in range(10):
        verdict = ask(engine, "a")
        told = msgspec.json.decode(msgspec.json.encode(verdict))
        for limit in (told["limit"], *told["limits"]):
            assert all(isinstance(limit[part], float) for part in ("rate", "burst", "remaining"))
    assert (verdict.decision, verdict.limit.scope) == ("throttle", "cluster")


def test_an_exception_publishes_no_limit(addresses):
    engine = tenant(addresses)
    allow = allow_of(AllowBody("account", "a", "a test", 3600.0), "e1", "me", NOW)
    engine.exceptions = Exceptions([allow])
    verdict = ask(engine, "a")
    assert (verdict.decision, published(verdict), rate_limits(verdict)) == ("allow", [], ())


def test_a_plan_that_no_setting_knows_is_counted_and_told_once(addresses):
    engine, told = tenant(addresses, plans={"pro": {"like": "paid"}}), []
    plans = engine.state.unknown_plans
    plans.tell = told.append
    push(engine, "a", plan="gold")
    for account, plan in (("a", None), ("a", None), ("b", "pro"), ("c", "free"), ("d", None), ("e", "silver")):
        check(engine, account={"id": account} | ({"plan": plan} if plan else {}))
    assert (plans.count, plans.names, told) == (3, {"gold": 2, "silver": 1}, ["gold", "silver"])
    for i in range(1000):
        check(engine, account={"id": "e", "plan": f"made up {i}"})
    assert (plans.count, len(plans.names), len(told)) == (1003, MOST_NAMED, MOST_NAMED)
