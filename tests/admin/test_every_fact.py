"""Every fact of the definition, pushed to real sidecars: read back, kept over a kill, shared, left by events."""

import os
import signal
from contextlib import ExitStack

import pytest
from facts_samples import payment_members, profile
from ports import free_ports
from redis_process import running_redis
from sidecar_process import running_sidecar
from test_webhooks import SECRET, send

from reputation.state.facts import PROFILE

STRIPE = {"external": {"stripe": "cus_1"}}


def known(sidecar, account="a"):
    found = sidecar.tell("GET", f"/v1/accounts/{account}").json
    return {name: found[name] for name in PROFILE}


@pytest.mark.gateway
def test_a_push_is_read_back_whole_after_a_kill(tmp_path):
    state = {"HEADCOUNT_STATE": str(tmp_path / "state.sqlite3")}
    with running_sidecar(tmp_path, extra=state) as sidecar:
        assert sidecar.tell("PUT", "/v1/accounts/a", profile()).status == 204
        assert known(sidecar) == profile()
        os.kill(sidecar.process.pid, signal.SIGKILL)
    with running_sidecar(tmp_path, extra=state) as sidecar:
        assert known(sidecar) == profile()
        line = sidecar.tell("GET", "/v1/audit").json["entries"][0]
        assert {name.partition(".")[0] for name in line["fields"]} >= set(PROFILE)
        assert not {"before", "after"} & line.keys()


@pytest.mark.gateway
def test_a_push_is_read_back_whole_on_another_replica_and_an_event_leaves_the_rest(tmp_path):
    """Stripe's event changes what it says of the payment, and nothing else."""
    with ExitStack() as running:
        redis = running.enter_context(running_redis(tmp_path))
        secret = tmp_path / "secret"
        secret.write_text(SECRET)
        sidecars, (port, _) = [], free_ports(2)
        for number in range(2):
            place = tmp_path / str(number)
            place.mkdir()
            extra = {"HEADCOUNT_STATE": redis.url, "HEADCOUNT_WEBHOOKS": f"127.0.0.1:{port}" if not number else ""}
            settings = {"webhooks": {"stripe": {"default": f"@{secret}"}}}
            extra = {name: value for name, value in extra.items() if value}
            sidecars.append(running.enter_context(running_sidecar(place, settings, extra=extra)))
        one, other = sidecars
        assert other.tell("PUT", "/v1/accounts/a", {**profile(), **STRIPE}).status == 204
        assert known(one) == known(other) == profile()
        answer = send(port, "evt_1", "charge.failed", id="ch_1", object="charge", customer="cus_1")
        assert answer.json["result"] == "counted"
        for sidecar in sidecars:
            found, before = known(sidecar), profile()
            assert found["payment"]["status"] == "failed"
            changed = {name for name in payment_members() if found["payment"][name] != before["payment"][name]}
            assert changed <= {"status", "declines_30d"}
            assert {**found, "payment": None} == {**before, "payment": None}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email_domain": "a@b.example"}, "/email_domain"),
        ({"email_domain": ""}, "/email_domain"),
        ({"email_domain": "x" * 254}, "/email_domain"),
        ({"signup": {"email_kind": "work"}}, "/signup/email_kind"),
        ({"signup": {"phone_kind": "satellite"}}, "/signup/phone_kind"),
        ({"signup": {"ip": "example.org"}}, "/signup/ip"),
        ({"signup": {"at": "yesterday"}}, "/signup/at"),
        ({"signup": {"seconds_to_first_request": -1}}, "/signup/seconds_to_first_request"),
        ({"payment": {"settled_30d_usd": -1}}, "/payment/settled_30d_usd"),
    ],
)
def test_a_fact_that_cannot_be_is_refused_by_its_name(plain_sidecar, body, pointer):
    answer = plain_sidecar.tell("PUT", "/v1/accounts/bad", body)
    assert (answer.status, answer.json["pointer"]) == (422, pointer)
    assert plain_sidecar.tell("GET", "/v1/accounts/bad").status == 404
    checked = plain_sidecar.ask({"account": {"id": "bad", **body}})
    assert (checked.status, checked.json["pointer"]) == (422, f"/account{pointer}")


@pytest.fixture(scope="module")
def plain_sidecar(tmp_path_factory):
    with running_sidecar(tmp_path_factory.mktemp("facts")) as found:
        yield found
