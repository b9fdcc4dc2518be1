"""Verdicts as lines: everything that a gateway keeps, and nothing that a client may not see."""

import pytest
from gateway_verdicts import verdict

from plugins.verdict_lines import problem_line, verdict_line
from reputation.wire.errors import Invalid, NotFound
from reputation.wire.messages import Lease, LimitState

FIELDS = ("id", "status", "wait", "lease", "tokens", "ttl", "tier", "risk", "cluster", "actions", "policy")


def read(line: bytes) -> tuple[dict[str, str], list[str]]:
    """The named fields of a line, and those of its limits."""
    fields = line.decode("ascii").split("\t")
    return dict(zip(FIELDS, fields, strict=False)), fields[len(FIELDS) :]


def test_a_verdict_that_passes_has_its_lease_and_the_account_s_own_limits() -> None:
    found, limits = read(verdict_line(verdict(lease=Lease("01J", 12, 5.0))))
    assert (found["status"], found["lease"], found["tokens"], found["ttl"]) == ("0", "01J", "12", "5.0")
    assert (found["tier"], found["risk"], found["cluster"], found["actions"]) == (
        "limited", "31.4102", "h-5f2c", "watermark, smaller_model",
    )  # fmt: skip
    assert limits[0] == '"burst"'
    assert len(limits) == 4 * found["policy"].count(";q=")


@pytest.mark.parametrize(("decision", "status"), [("throttle", "429"), ("deny", "403"), ("challenge", "403")])
def test_a_stop_has_its_status_and_its_wait_and_no_lease(decision: str, status: str) -> None:
    found, _ = read(verdict_line(verdict(decision)))
    assert (found["status"], found["wait"], found["lease"], found["tokens"]) == (status, "4.2", "", "0")


def test_shadow_mode_stops_nothing_and_tells_nothing() -> None:
    found, limits = read(verdict_line(verdict("deny", mode="shadow")))
    assert (found["status"], limits) == ("0", [])
    assert not any(found[name] for name in ("tier", "risk", "cluster", "actions", "policy"))


def test_limits_that_no_client_sees_are_left_out() -> None:
    hidden = [LimitState("earned", 1.0, 5.0, 5.0, "account"), LimitState("burst", 1.0, 5.0, 5.0, "cluster")]
    found, limits = read(verdict_line(verdict(limits=tuple(hidden))))
    assert (found["policy"], limits) == ("", [])


def test_no_value_can_make_a_field_or_a_line_of_its_own() -> None:
    line = verdict_line(verdict(tier="a\tb\nc", actions=("x\r\ny",)))
    found, _ = read(line)
    assert b"\n" not in line
    assert (found["tier"], found["actions"]) == ("a?b?c", "x??y")


def test_a_problem_has_its_status() -> None:
    assert [problem_line(one) for one in (Invalid("x", "/a"), NotFound("x"))] == [b"error\t422", b"error\t404"]
