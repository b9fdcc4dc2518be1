"""The crowd switch of a running sidecar: a surge is reported, a cap holds it, and setting it back ends that."""

import time
from contextlib import ExitStack

import pytest
from redis_process import running_redis
from sidecar_process import JSON, running_sidecar, wait_for

pytestmark = pytest.mark.slow

SETTINGS = {"tenants": {"default": {"owner": "api"}}, "state": {"epoch": 1}}
AMOUNT = 20


def promote(sidecar, **newcomers):
    """Make a revision with these settings of newcomers live."""
    body = {"settings": {"newcomers": newcomers}, "reason": "r"}
    number = sidecar.tell("POST", "/v1/tenants/default/revisions", body).json["number"]
    step = {"step": "promote", "revision": number, "reason": "r"}
    assert sidecar.tell("POST", "/v1/tenants/default/rollout", step, JSON | {"If-Match": "*"}).status == 200


def signed_up(sidecar, names, **facts):
    for name in names:
        facts = {"plan": "free", "created_at": time.time() - 3600, "email_domain": "farm.example", **facts}
        assert sidecar.tell("PUT", f"/v1/accounts/{name}", facts).status in (200, 201, 204)


def asked(sidecar, names, times=1):
    return [sidecar.ask({"account": {"id": name}}).json for name in names for _ in range(times)]


def together(sidecar):
    return sidecar.tell("GET", "/v1/tenants/default").json["together"]


def passed(verdicts):
    return sum(verdict["decision"] == "allow" for verdict in verdicts)


@pytest.mark.gateway
def test_a_surge_is_reported_capped_and_released(tmp_path):
    heads = [f"head-{number}" for number in range(30)]
    with ExitStack() as stack:
        server = stack.enter_context(running_redis(tmp_path))
        extra = {"HEADCOUNT_STATE": server.url}
        (tmp_path / "two").mkdir()
        first = stack.enter_context(running_sidecar(tmp_path, SETTINGS, extra=extra))
        other = stack.enter_context(running_sidecar(tmp_path / "two", SETTINGS, extra=extra))
        promote(first, together_units=AMOUNT)
        signed_up(first, heads)
        signed_up(first, ["payer"], created_at=time.time() - 86400, payment={"status": "ok", "settled_usd": 30})
        assert passed(asked(first, heads)) == 30
        wait_for(lambda: together(other).get("since"), "no surge", other.process, other.log)
        found = together(other)
        assert (found["setting"], found["accounts"], found["amount"], found["taken"]) == ("watch", 30, AMOUNT, 30.0)
        assert found["common"][0]["value"] == "an e-mail address at farm.example"
        wait_for(lambda: b"newcomers_surge" in first.log.read_bytes(), "no log line", first.process, first.log)
        metrics = first.tell("GET", "/metrics").body
        assert b'headcount_newcomers_surge{tenant="default"} 1.0' in metrics
        assert b'headcount_newcomers_amount_units{tenant="default"} 20.0' in metrics

        promote(first, together="cap", together_units=AMOUNT)
        wait_for(lambda: together(other)["setting"] == "cap", "no cap", other.process, other.log)
        verdicts = [*asked(first, heads, 2), *asked(other, heads, 2)]
        assert 10 <= passed(verdicts) <= AMOUNT
        stopped = next(verdict for verdict in verdicts if verdict["decision"] != "allow")
        assert (stopped["decision"], stopped["limit"]["scope"]) == ("throttle", "newcomers")
        assert "together" in {limit["name"] for limit in stopped["limits"]}
        assert passed(asked(other, ["payer"], 10)) == 10

        promote(first, together="watch", together_units=AMOUNT)
        assert passed(asked(first, heads[:5])) == 5


def test_a_cap_and_what_was_drawn_under_it_outlive_a_restart(tmp_path):
    heads = [f"head-{number}" for number in range(30)]
    state = {"HEADCOUNT_STATE": str(tmp_path / "state.sqlite3")}
    with running_sidecar(tmp_path, SETTINGS, extra=state) as first:
        promote(first, together="cap", together_units=AMOUNT)
        signed_up(first, heads)
        once = passed(asked(first, heads, 2))
    with running_sidecar(tmp_path, SETTINGS, extra=state) as second:
        assert together(second)["setting"] == "cap"
        assert once + passed(asked(second, heads, 2)) <= AMOUNT + 1
