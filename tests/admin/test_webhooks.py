"""The webhook listener of a running sidecar: Stripe's own events, once each, and nothing else."""

import hashlib
import hmac
import json
import time

import pytest
from sidecar_process import call, free_ports, headcount, running_sidecar

from reputation.http.webhooks import MOST_BODY

SECRET = "whsec_of_the_tests"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A sidecar with a webhook listener, and that listener's port."""
    folder = tmp_path_factory.mktemp("webhooks")
    (folder / "secret").write_text(SECRET + "\n")
    (port,) = free_ports(1)
    settings = {"webhooks": {"stripe": {"default": f"@{folder / 'secret'}"}}}
    with running_sidecar(folder, settings, extra={"HEADCOUNT_WEBHOOKS": f"127.0.0.1:{port}"}) as found:
        yield found, port


def signed(body, at=None, secret=SECRET):
    at = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={at},v1={digest}", "Content-Type": "application/json"}


def send(port, id_, kind, path="/v1/webhooks/stripe", at=None, **about):
    body = json.dumps({"id": id_, "object": "event", "type": kind, "data": {"object": about}}).encode()
    return call(port, "POST", path, body, signed(body, at))


def known(sidecar, account):
    return sidecar.tell("GET", f"/v1/accounts/{account}").json


def test_money_cards_declines_and_disputes_reach_the_account_that_is_the_customer(own):
    sidecar, port = own
    sidecar.tell("PUT", "/v1/accounts/payer", {"plan": "paid", "keys": ["sk-payer"], "external": {"stripe": "cus_1"}})
    card = {"fingerprint": "fp_s", "funding": "debit", "country": "DE"}
    assert send(port, "evt_1", "payment_method.attached", id="pm_1", customer="cus_1", card=card).json == {
        "received": True,
        "result": "counted",
    }
    send(port, "evt_2", "invoice.paid", id="in_1", customer="cus_1", amount_paid=2500, currency="usd")
    found = known(sidecar, "payer")
    assert (found["payment"]["settled_usd"], found["payment"]["funding"], found["plan"]) == (25.0, "debit", "paid")
    assert len(found["keys"]) == 1
    before = sidecar.ask({"account": {"id": "payer"}}).json["risk"]
    send(port, "evt_3", "charge.failed", id="ch_1", object="charge", customer="cus_1", payment_intent="pi_1")
    assert known(sidecar, "payer")["payment"]["declines_30d"] == 1
    answer = send(port, "evt_4", "charge.dispute.created", id="dp_1", object="dispute", charge="ch_1", status="lost")
    assert answer.json["result"] == "counted"
    assert known(sidecar, "payer")["payment"]["status"] == "disputed"
    assert sidecar.ask({"account": {"id": "payer"}}).json["risk"] > before
    labels = {one["account"]: one for one in sidecar.tell("GET", "/v1/labels").json["labels"]}
    assert (labels["payer"]["label"], labels["payer"]["source"]) == ("abuse", "stripe")
    lines = [e for e in sidecar.tell("GET", "/v1/audit").json["entries"] if e["who"] == "stripe"]
    assert [(e["what"], e["why"]) for e in lines][:2] == [
        ("stripe.charge.dispute.created", "evt_4"),
        ("stripe.charge.failed", "evt_3"),
    ]


def test_an_event_that_comes_again_is_acknowledged_and_not_counted_again(own):
    sidecar, port = own
    sidecar.tell("PUT", "/v1/accounts/twice", {"external": {"stripe": "cus_2"}})
    paid = {"id": "in_2", "customer": "cus_2", "amount_paid": 1000, "currency": "usd"}
    results = [send(port, "evt_twice", "invoice.paid", **paid).json["result"] for _ in range(3)]
    assert results == ["counted", "duplicate", "duplicate"]
    assert known(sidecar, "twice")["payment"]["settled_usd"] == 10.0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (signed(b"{}", secret="other"), 401),
        (signed(b"{}", at=time.time() - 3600), 400),
        (signed(b"[]"), 401),
    ],
)
def test_what_is_not_stripes_own_and_fresh_is_refused(own, headers, status):
    assert call(own[1], "POST", "/v1/webhooks/stripe", b"{}", headers).status == status


def test_what_nobody_is_known_for_and_what_says_nothing_is_acknowledged(own):
    _, port = own
    assert send(port, "evt_5", "invoice.paid", id="in_3", customer="cus_nobody").json["result"] == "unknown_customer"
    assert send(port, "evt_6", "customer.updated", id="cus_1").json["result"] == "ignored"


def test_an_account_that_was_deleted_or_has_another_customer_by_now_is_left_alone(own):
    sidecar, port = own
    sidecar.tell("PUT", "/v1/accounts/gone", {"external": {"stripe": "cus_3"}})
    sidecar.tell("DELETE", "/v1/accounts/gone")
    sidecar.tell("PUT", "/v1/accounts/moved", {"external": {"stripe": "cus_4"}})
    sidecar.tell("PUT", "/v1/accounts/moved", {"external": {"stripe": "cus_5"}})
    paid = {"id": "in_5", "amount_paid": 1000, "currency": "usd"}
    results = [send(port, f"evt_of_{n}", "invoice.paid", customer=f"cus_{n}", **paid).json["result"] for n in (3, 4, 5)]
    assert results == ["unknown_customer", "unknown_customer", "counted"]
    assert sidecar.tell("GET", "/v1/accounts/gone").status == 404


def test_it_serves_nothing_else(own):
    sidecar, port = own
    for method, path in (("GET", "/metrics"), ("GET", "/v1/accounts/payer"), ("POST", "/v1/check"), ("GET", "/")):
        assert call(port, method, path).status == 404
    assert call(port, "GET", "/v1/webhooks/stripe").status == 405
    assert send(port, "evt_7", "invoice.paid", "/v1/webhooks/stripe?tenant=other", id="in_4").status == 404
    body = b" " * (MOST_BODY + 1)
    assert call(port, "POST", "/v1/webhooks/stripe", body, signed(body)).status == 413
    assert call(sidecar.admin, "POST", "/v1/webhooks/stripe", b"{}", signed(b"{}")).status == 404


def test_events_are_counted_by_what_came_of_them(own):
    sidecar, port = own
    send(port, "evt_8", "customer.updated", id="cus_1")
    call(port, "POST", "/v1/webhooks/stripe", b"{}", {})
    text = sidecar.tell("GET", "/metrics").body.decode()
    assert 'headcount_webhooks_total{reason="ignored",tenant="default"}' in text
    assert 'headcount_webhooks_total{reason="refused",tenant="default"}' in text


def test_without_a_secret_there_is_no_listener(tmp_path):
    (tmp_path / "headcount.yaml").write_text("webhooks: {stripe: {default: '@/no/such/file'}}")
    for config in ([], ["--config", str(tmp_path / "headcount.yaml")]):
        run = headcount("serve", "--webhooks", "127.0.0.1:0", "--state", ":memory:", *config)
        assert (run.returncode, b"webhooks" in run.stderr) == (1, True)
