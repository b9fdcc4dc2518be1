"""A verdict in one sentence: every limit has its words, and every verdict a sentence that a person can read."""

import ast
import math
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_engine import NOW, limiter

from reputation.admin.sentences import LIMITS, SCOPES, binding_of, rate, sentence_of, span
from reputation.engine.shared_budgets import NAMES
from reputation.wire.ids import Ulids
from reputation.wire.messages import (
    Account,
    BindingLimit,
    ClusterRef,
    Decision,
    EntryRef,
    LimitState,
    Reason,
    Request,
    Scope,
    Shadow,
    Tier,
    Verdict,
)

ENGINE = sorted((Path(__file__).parents[2] / "reputation" / "engine").glob("*.py"))
amounts = st.floats(0, 1e9)
new_id = Ulids()
LENGTHS = {"ms": 0.001, "second": 1, "minute": 60, "hour": 3600, "day": 86_400}


def limits_of_the_engine():
    """Names and scopes of every bucket that the engine's code makes; a name that is no constant is each of NAMES."""
    calls = [node for path in ENGINE for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    for call in calls:
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if called in ("charge", "Charge"):
            name, scope = call.args[:2]
            if isinstance(scope, ast.Constant):
                for one in [name.value] if isinstance(name, ast.Constant) else NAMES:
                    yield one, scope.value


def stopped(name="burst", scope="account", decision="throttle", **others):
    state = LimitState(name, 50.0, 500.0, 0.9, scope)
    limit = BindingLimit("requests", 50.0, 500.0, 0.9, scope)
    parts = {"risk": 31.4, "tier": "standard", "retry_after": 0.002, "reasons": (Reason("prior", -2.2),), **others}
    return Verdict("01J", "default", 1, "enforce", decision, limit=limit, limits=(state,), **parts)


def test_every_limit_that_the_engine_makes_has_words_of_its_own():
    made = set(limits_of_the_engine())
    assert len(made) >= 10
    assert made == set(LIMITS)


def test_every_scope_has_words():
    assert set(SCOPES) == set(get_args(Scope))


def test_a_stop_by_the_accounts_own_burst():
    assert sentence_of(stopped()) == (
        "Stopped because this account used its own burst of 500; it refills 50 a second; next request in 2 ms."
    )


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (stopped("purse", "cluster"), "the accounts of its cluster used their purse of 4,320,000 a day"),
        (stopped("reserve", "newcomers"), "new accounts together used their reserve"),
        (stopped("daily", "address"), "the unknown accounts at its address used their 500 a day"),
        (stopped(never=True, retry_after=86400.0), "ever holds; no wait helps."),
        (stopped(decision="deny", reasons=(Reason("marked", 9.0),)), "a person labelled this account as abusive"),
        (
            stopped(decision="challenge", tier="restricted", cluster=ClusterRef("h-1", 412, 0.9)),
            "tier is restricted: risk 31.4 of 100; it is linked with 411 other accounts as h-1",
        ),
        (stopped(decision="deny", reasons=(Reason("prior", 3), Reason("payment", 2))), "most of it from payment"),
        (stopped(decision="allow"), "Let through: this account has 0.9 left of its own burst of 500."),
        (stopped(decision="allow", allow=EntryRef("1", "account", "a", "r", NOW)), "an exception for account a"),
        (stopped(degraded=True), "this replica counted alone."),
    ],
)
def test_what_other_verdicts_say(verdict, words):
    assert words in sentence_of(verdict)


@given(
    st.sampled_from([*{name for name, _ in LIMITS}, "another"]),
    st.sampled_from(get_args(Scope)),
    st.sampled_from(get_args(Decision)),
    st.sampled_from(get_args(Tier)),
    st.tuples(amounts, st.floats(1e-9, 1e9), amounts, st.floats(0, 1e6)),
    st.sampled_from(["enforce", "shadow"]),
    st.sampled_from(["requests", "tokens"]),
)
def test_any_verdict_has_a_sentence(name, scope, decision, tier, figures, mode, unit):
    per_second, burst, remaining, wait = figures
    limit = BindingLimit(unit, per_second, burst, remaining, scope)
    judged = {"decision": decision, "tier": tier, "limit": limit, "retry_after": wait}
    if mode == "shadow":
        free = BindingLimit(unit, math.inf, math.inf, math.inf, "account")
        judged = {**judged, "decision": "allow", "limit": free, "shadow": Shadow(decision, tier, limit, wait)}
    other, states = LimitState("daily", 1.0, 2.0, 2.0), ()
    if mode == "enforce":
        states = (other, LimitState(name, per_second, burst, remaining, scope))
    verdict = Verdict(
        "01J", "t", 1, mode, risk=50.0, limits=states, reasons=(Reason("prior", 0.0),), **judged
    )  # fmt: skip
    words = sentence_of(verdict)
    assert words.endswith(".")
    assert "\n" not in words
    assert not {"{", "}", "nan", "inf"} & set(words.replace("{", " { ").replace("}", " } ").split())
    assert words.startswith(("Stopped", "Challenged", "Denied") if decision != "allow" and mode == "enforce" else "Let")
    at = binding_of(verdict)
    assert at is None if mode == "shadow" else verdict.limits[at].scope == verdict.limit.scope


@given(st.floats(1e-6, 1e8))
def test_a_wait_is_never_told_shorter_than_it_is(seconds):
    count, name = span(seconds).split()
    length = LENGTHS[name if name == "ms" else name.removesuffix("s")]
    assert float(count) * length >= seconds * (1 - 1e-9)


@pytest.mark.parametrize(
    ("value", "words"), [(50, "50 a second"), (0.5, "30 a minute"), (1 / 86400, "1 a day"), (0.0, "0 a day")]
)
def test_a_rate_is_told_by_the_span_in_which_something_comes_back(value, words):
    assert rate(value) == words


def test_the_sentence_of_a_real_stop_names_the_limit_that_bound(addresses):
    tiny = {"rate": 0.01, "burst": 1, "daily": 50}
    engine = limiter(addresses, default={"plans": {"free": {"standard": tiny, "trusted": tiny}}})
    tenant = engine.tenant("default")
    for _ in range(2):
        verdict = tenant.check(Request(account=Account(id="a")), NOW, new_id)
    assert verdict.limits[binding_of(verdict)].name == "burst"
    assert sentence_of(verdict) == (
        "Stopped because this account used its own burst of 1; it refills 36 an hour; next request in 1.7 minutes."
    )
