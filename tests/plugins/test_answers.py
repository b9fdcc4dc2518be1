import math

import hypothesis
import msgspec
import pytest
from gateway_verdicts import verdict
from hypothesis import strategies as st

from plugins.answers import for_client, for_upstream, problem, rate_limits, retry_after, safe, stop_status
from reputation.wire.messages import LimitState


@hypothesis.given(st.text())
def test_no_value_can_end_a_header_line(value: str) -> None:
    assert all(32 <= byte < 127 for byte in safe(value))


def test_a_line_break_in_a_value_is_made_harmless() -> None:
    assert safe("a\r\nSet-Cookie: b") == b"a??Set-Cookie: b"


@pytest.mark.parametrize(("exact", "whole"), [(0.0, 1), (0.2, 1), (1.0, 1), (1.001, 2), (86399.5, 86400)])
def test_retry_after_is_rounded_up_and_at_least_one(exact: float, whole: int) -> None:
    assert retry_after(verdict("throttle", retry_after=exact)) == whole


def test_each_decision_has_its_status() -> None:
    statuses = {word: stop_status(verdict(word)) for word in ("allow", "throttle", "challenge", "deny")}
    assert statuses == {"allow": None, "throttle": 429, "challenge": 403, "deny": 403}


def test_shadow_mode_stops_nobody_and_publishes_no_limit() -> None:
    shadow = verdict("deny", mode="shadow")
    assert stop_status(shadow) is None
    assert for_client(shadow) == ((b"X-Headcount-Verdict", b"01J9ZZZZZZZZZZZZZZZZZZZZZZ"),)


def test_rate_limits_are_the_account_s_own_published_ones() -> None:
    assert dict(rate_limits(verdict())) == {
        b"RateLimit-Policy": b'"burst";q=20;w=10, "daily";q=200;w=86400',
        b"RateLimit": b'"burst";r=17;t=2, "daily";r=150;t=21600',
    }


def test_a_bucket_that_never_refills_or_is_in_debt_or_unlimited_is_still_a_valid_header() -> None:
    limits = (
        LimitState('b"\\', rate=0.0, burst=5, remaining=-3),
        LimitState("free", rate=math.inf, burst=math.inf, remaining=math.inf),
    )
    assert dict(rate_limits(verdict(limits=limits))) == {
        b"RateLimit-Policy": b'"b\\"\\\\";q=5',
        b"RateLimit": b'"b\\"\\\\";r=0',
    }


def test_an_account_with_no_limit_of_its_own_gets_no_rate_limit_headers() -> None:
    assert rate_limits(verdict(limits=())) == ()


@pytest.mark.parametrize("decision", ["allow", "throttle", "challenge", "deny"])
def test_a_client_sees_nothing_but_what_is_listed(decision: str) -> None:
    sent = for_client(verdict(decision))
    listed = {b"X-Headcount-Verdict", b"RateLimit-Policy", b"RateLimit"}
    assert {name for name, _ in sent} == listed | ({b"Retry-After"} if decision != "allow" else set())
    seen = b"".join(value for _, value in sent)
    assert not [word for word in (b"limited", b"31.4", b"h-5f2c", b"cluster", b"q=7", b"secret") if word in seen]


def test_the_upstream_learns_tier_risk_cluster_and_actions() -> None:
    assert dict(for_upstream(verdict())) == {
        b"X-Headcount-Tier": b"limited",
        b"X-Headcount-Risk": b"31.4102",
        b"X-Headcount-Cluster": b"h-5f2c",
        b"X-Headcount-Actions": b"watermark, smaller_model",
    }


def test_without_cluster_and_actions_their_headers_are_left_out() -> None:
    assert [name for name, _ in for_upstream(verdict(cluster=None, actions=()))] == [
        b"X-Headcount-Tier",
        b"X-Headcount-Risk",
    ]


def test_every_stop_has_one_problem_type_and_title() -> None:
    bodies = [msgspec.json.decode(problem(status)) for status in (429, 403)]
    assert {body.pop("status") for body in bodies} == {429, 403}
    assert bodies[0] == bodies[1]
    assert set(bodies[0]) == {"type", "title"}
