"""The webhook listener of a running sidecar: Stripe's own events, once each, and nothing else."""

import hashlib
import hmac
import json
import time

import pytest
from ports import free_ports
from sidecar_process import call, headcount, running_sidecar

from reputation.admin.webhooks import MOST_BODY

pytestmark = pytest.mark.slow

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


def send(port, id_, kind, path="/v1/webhooks/stripe", at=None, ago=None, **about):
    """Send an event; `ago`: seconds since it happened, if it says so."""
    body = {"id": id_, "object": "event", "type": kind, "data": {"object": about}}
    if ago is not None:
        body["created"] = int(time.time() - ago)
    body = json.dumps(body).encode()
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
    payment = known(sidecar, "payer")["payment"]
    assert (payment["status"], payment["disputes"]) == ("disputed", 1)
    signals = [reason["signal"] for reason in sidecar.ask({"account": {"id": "payer"}}).json["reasons"]]
    assert {"declines", "disputes"} <= set(signals)
    assert "outcomes_against" not in signals, "each event counts once"
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
    about = {"id": "in_2", "customer": "cus_2", "amount_paid": 1000, "currency": "usd"}
    results = [send(port, "evt_twice", "invoice.paid", **about).json["result"] for _ in range(3)]
    assert results == ["counted", "duplicate", "duplicate"]
    assert known(sidecar, "twice")["payment"]["settled_usd"] == 10.0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (signed(b"{}", secret="other"), 401),
        (signed(b"{}", at=time.time() - 3600), 400),
        (signed(b"[]"), 401),
        ({"Stripe-Signature": signed(b"{}")["Stripe-Signature"] + "\u00ff"}, 401),
        ({"Stripe-Signature": "t=\u00b2,v1=00"}, 401),
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
    about = {"id": "in_5", "amount_paid": 1000, "currency": "usd"}
    results = [
        send(port, f"evt_of_{n}", "invoice.paid", customer=f"cus_{n}", **about).json["result"] for n in (3, 4, 5)
    ]
    assert results == ["unknown_customer", "unknown_customer", "counted"]
    assert sidecar.tell("GET", "/v1/accounts/gone").status == 404


def paid(port, id_, customer, cents, charge=None, **more):
    """An invoice that was paid."""
    about = {"id": f"in_{id_}", "customer": customer, "amount_paid": cents, "currency": "usd", "charge": charge}
    return send(port, f"evt_{id_}", "invoice.paid", **about, **more)


def settled(sidecar, account):
    payment = known(sidecar, account)["payment"]
    return payment and payment["settled_usd"]


def test_what_came_before_its_account_was_known_counts_once_it_is(own):
    sidecar, port = own
    charge = {"object": "charge", "amount": 3000, "currency": "usd", "payment_intent": "pi_e1"}
    dispute = {"object": "dispute", "charge": "ch_e2", "amount": 500, "currency": "usd"}
    results = [
        send(port, "evt_e1", "charge.dispute.created", id="dp_e1", **dispute),
        send(port, "evt_e2", "charge.succeeded", id="ch_e1", customer="cus_early", ago=9, **charge),
        send(port, "evt_e3", "charge.failed", id="ch_e0", customer="cus_early", ago=10, **charge),
        send(port, "evt_e2", "charge.succeeded", id="ch_e1", customer="cus_early", ago=9, **charge),
        send(port, "evt_e4", "charge.succeeded", id="ch_e2", customer="cus_early", **charge | {"payment_intent": None}),
    ]
    assert {answer.json["result"] for answer in results} == {"unknown_customer"}
    sidecar.tell("PUT", "/v1/accounts/early", {"external": {"stripe": "cus_early"}})
    payment = known(sidecar, "early")["payment"]
    assert (payment["settled_usd"], payment["declines_30d"]) == (55.0, 1)
    assert (payment["status"], payment["disputes"]) == ("disputed", 1)
    again = send(port, "evt_e2", "charge.succeeded", id="ch_e1", customer="cus_early", **charge)
    assert again.json["result"] == "duplicate"
    assert settled(sidecar, "early") == 55.0


def test_money_that_goes_back_is_taken_back_and_a_dispute_that_is_won_returns_it(own):
    sidecar, port = own
    sidecar.tell("PUT", "/v1/accounts/refunded", {"external": {"stripe": "cus_r"}})
    facts = {"created_at": time.time() - 40 * 86_400, "external": {"stripe": "cus_r"}}
    sidecar.tell("PUT", "/v1/accounts/refunded", facts)
    paid(port, "r1", "cus_r", 3000, "ch_r1", ago=100)
    paid(port, "r2", "cus_r", 9000, "ch_r2", ago=90)
    assert (settled(sidecar, "refunded"), known(sidecar, "refunded")["proven"]) == (120.0, True)
    charge = {"object": "charge", "amount": 9000, "currency": "usd", "customer": "cus_r"}
    for id_, back, left in (("r3", 4000, 80.0), ("r4", 9000, 30.0), ("r3", 4000, 30.0)):
        send(port, f"evt_{id_}", "charge.refunded", id="ch_r2", amount_refunded=back, ago=80 - back / 1000, **charge)
        assert settled(sidecar, "refunded") == left
    assert (known(sidecar, "refunded")["payer"], known(sidecar, "refunded")["proven"]) == (True, False)
    dispute = {"id": "dp_r", "object": "dispute", "charge": "ch_r1", "amount": 3000, "currency": "usd"}
    send(port, "evt_r5", "charge.dispute.created", status="needs_response", ago=50, **dispute)
    send(port, "evt_r6", "charge.dispute.funds_withdrawn", status="needs_response", ago=50, **dispute)
    payment = known(sidecar, "refunded")["payment"]
    assert (payment["settled_usd"], payment["status"], payment["disputes"]) == (0.0, "disputed", 1)
    labels = [one["account"] for one in sidecar.tell("GET", "/v1/labels").json["labels"]]
    assert "refunded" in labels
    send(port, "evt_r7", "charge.dispute.closed", status="won", ago=10, **dispute)
    send(port, "evt_r8", "charge.dispute.funds_reinstated", status="won", ago=10, **dispute)
    payment = known(sidecar, "refunded")["payment"]
    assert (payment["settled_usd"], payment["status"], payment["disputes"]) == (30.0, "ok", 0)
    labels = [one["account"] for one in sidecar.tell("GET", "/v1/labels").json["labels"]]
    assert "refunded" not in labels


def test_a_top_up_is_money_and_no_money_counts_twice(own):
    sidecar, port = own
    facts = {"created_at": time.time() - 20 * 86_400, "external": {"stripe": "cus_t"}}
    sidecar.tell("PUT", "/v1/accounts/topped", facts)
    usd = {"currency": "usd", "customer": "cus_t"}
    session = {"mode": "payment", "payment_status": "paid", "amount_total": 2500, "payment_intent": "pi_t", **usd}
    send(port, "evt_t1", "checkout.session.completed", id="cs_t", **session)
    send(port, "evt_t2", "payment_intent.succeeded", id="pi_t", amount_received=2500, latest_charge="ch_t", **usd)
    send(port, "evt_t3", "charge.succeeded", id="ch_t", amount=2500, payment_intent="pi_t", **usd)
    found = known(sidecar, "topped")
    assert (found["payment"]["settled_usd"], found["payer"]) == (25.0, True)
    paid(port, "t4", "cus_t", 1000)
    send(port, "evt_t5", "charge.succeeded", id="ch_t5", amount=1000, invoice="in_t4", **usd)
    assert settled(sidecar, "topped") == 35.0


def test_an_older_failure_does_not_undo_a_newer_success(own):
    sidecar, port = own
    sidecar.tell("PUT", "/v1/accounts/ordered", {"external": {"stripe": "cus_o"}})
    charge = {"object": "charge", "customer": "cus_o", "amount": 1000, "currency": "usd"}
    send(port, "evt_o1", "charge.succeeded", id="ch_o2", ago=10, **charge)
    send(port, "evt_o2", "charge.failed", id="ch_o1", ago=60, **charge)
    payment = known(sidecar, "ordered")["payment"]
    assert (payment["status"], payment["declines_30d"]) == ("ok", 1)
    send(port, "evt_o3", "charge.failed", id="ch_o3", ago=5, **charge)
    assert known(sidecar, "ordered")["payment"]["status"] == "failed"
    send(port, "evt_o4", "charge.failed", id="ch_o0", ago=31 * 86_400, **charge)
    assert known(sidecar, "ordered")["payment"]["declines_30d"] == 2, "that of 31 days ago is none of 30 days"


def test_a_push_leaves_what_events_said_and_its_own_numbers_stand(own):
    sidecar, port = own
    sidecar.tell("PUT", "/v1/accounts/pushed", {"external": {"stripe": "cus_p"}})
    paid(port, "p1", "cus_p", 2500)
    sidecar.tell("PUT", "/v1/accounts/pushed", {"plan": "paid", "external": {"stripe": "cus_p"}})
    assert settled(sidecar, "pushed") == 25.0
    body = {"external": {"stripe": "cus_p"}, "payment": {"settled_usd": 100}}
    sidecar.tell("PUT", "/v1/accounts/pushed", body)
    paid(port, "p1", "cus_p", 2500)
    assert settled(sidecar, "pushed") == 100.0
    paid(port, "p2", "cus_p", 500)
    assert settled(sidecar, "pushed") == 105.0


@pytest.mark.parametrize(
    ("body", "status", "result"),
    [
        (b'{"id": "evt_x1", "type": "invoice.upcoming", "data": {"object": {"object": "invoice"}}}', 200, "ignored"),
        (b'{"id": "evt_x2", "type": "invoice.paid", "data": {"object": {"customer": "cus_1"}}}', 200, "ignored"),
        (b'{"id": "evt_x3", "type": "v2.core.ping"}', 200, "ignored"),
        (b'{"id": "evt_x4", "type": "invoice.paid"}', 422, None),
        (b'{"id": "evt_x5", "type": "invoice.paid", "data": {"object": {"id": "in", "amount_paid": "x"}}}', 422, None),
        (b'{"type": "invoice.paid"}', 422, None),
        (b"{", 400, None),
        (b"\xff\xfe", 400, None),
    ],
)
def test_an_event_that_says_nothing_is_acknowledged_and_a_malformed_one_refused(own, body, status, result):
    answer = call(own[1], "POST", "/v1/webhooks/stripe", body, signed(body))
    assert (answer.status, answer.json.get("result")) == (status, result)


def test_what_waits_outlives_a_kill(tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    (port,) = free_ports(1)
    settings = {"webhooks": {"stripe": {"default": f"@{tmp_path / 'secret'}"}}}
    extra = {"HEADCOUNT_WEBHOOKS": f"127.0.0.1:{port}", "HEADCOUNT_STATE": str(tmp_path / "state.sqlite3")}
    with running_sidecar(tmp_path, settings, extra=extra) as first:
        assert paid(port, "w1", "cus_w", 2500).json["result"] == "unknown_customer"
        first.process.kill()
        first.process.wait()
    with running_sidecar(tmp_path, settings, extra=extra) as second:
        second.tell("PUT", "/v1/accounts/waited", {"external": {"stripe": "cus_w"}})
        assert settled(second, "waited") == 25.0
        second.process.kill()
        second.process.wait()
    with running_sidecar(tmp_path, settings, extra=extra) as third:
        assert settled(third, "waited") == 25.0
        assert paid(port, "w1", "cus_w", 2500).json["result"] == "duplicate"


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
