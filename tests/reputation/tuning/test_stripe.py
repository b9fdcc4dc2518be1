"""Stripe's events, shaped as in its API reference: whose signature counts, and what each says of an account."""

import hashlib
import hmac

import msgspec
import pytest
from engine import NOW
from hypothesis import given
from hypothesis import strategies as st

from reputation.errors import BadRequest, NotAuthenticated, Problem
from reputation.events import Organisation, Payment
from reputation.facts import Facts
from reputation.tuning.stripe import TYPES, Event, charge_of, check_signature, facts_after, what_it_says

SECRET = "whsec_test"
CARD = {"brand": "visa", "country": "US", "fingerprint": "Xt5EWLLDS7FJjR1c", "funding": "prepaid", "last4": "4242"}
CHARGE = {
    "id": "ch_1",
    "object": "charge",
    "amount": 2000,
    "currency": "usd",
    "customer": "cus_9",
    "failure_code": "card_declined",
    "outcome": {"network_status": "declined_by_network", "type": "issuer_declined"},
    "payment_intent": "pi_1",
    "payment_method_details": {"card": CARD, "type": "card"},
    "status": "failed",
}
DISPUTE = {
    "id": "dp_1",
    "object": "dispute",
    "amount": 1000,
    "charge": "ch_1",
    "currency": "usd",
    "payment_intent": "pi_1",
    "reason": "fraudulent",
    "status": "needs_response",
}
WARNING = {
    "id": "issfr_1",
    "object": "radar.early_fraud_warning",
    "actionable": True,
    "charge": "ch_1",
    "fraud_type": "made_with_stolen_card",
    "payment_intent": "pi_1",
}
METHOD = {"id": "pm_1", "object": "payment_method", "card": CARD, "customer": "cus_9", "type": "card"}
INVOICE = {"id": "in_1", "object": "invoice", "amount_paid": 2000, "currency": "usd", "customer": "cus_9"}


def event(kind, body, id_="evt_1"):
    data = {"id": id_, "object": "event", "api_version": "2025-03-31", "created": 1790812800, "type": kind}
    return msgspec.json.decode(msgspec.json.encode({**data, "data": {"object": body}}), type=Event)


def signature(body, secret=SECRET, at=NOW):
    signed = hmac.new(secret.encode(), f"{int(at)}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={int(at)},v1={signed}"


class TestSignature:
    def test_the_right_one_within_five_minutes(self):
        for late in (-300, 0, 300):
            check_signature(signature(b"{}", at=NOW + late), b"{}", SECRET, NOW)

    def test_an_old_one_is_refused_also_with_the_right_secret(self):
        for late in (-301, 301):
            with pytest.raises(BadRequest, match="clock"):
                check_signature(signature(b"{}", at=NOW + late), b"{}", SECRET, NOW)

    @pytest.mark.parametrize(
        "header",
        [None, "", "v1=00", f"t={int(NOW)}", signature(b"{} "), signature(b"{}", "other"), "t=x,v1=00",
         signature(b"{}").replace("v1", "v0"), signature(b"{}").replace("t=", "t=1"), "t=5," + signature(b"{}")],
    )  # fmt: skip
    def test_anything_else_is_not_authenticated(self, header):
        with pytest.raises(NotAuthenticated):
            check_signature(header, b"{}", SECRET, NOW)

    def test_while_a_secret_is_rolled_one_of_several_is_enough(self):
        old, new = signature(b"{}", "old"), signature(b"{}").partition(",")[2]
        check_signature(f"{old},{new}", b"{}", SECRET, NOW)

    @given(st.text())
    def test_no_header_is_worse_than_refused(self, header):
        with pytest.raises(Problem):
            check_signature(header, b"{}", SECRET, NOW)


class TestWhatEventsSay:
    @pytest.mark.parametrize(
        ("kind", "body", "outcome", "changes"),
        [
            ("charge.failed", CHARGE, "declined", {"status": "failed", "declines_30d": 1, "funding": "prepaid"}),
            ("charge.succeeded", CHARGE, None, {"status": "ok", "issuer_country": "US"}),
            ("charge.dispute.created", DISPUTE, "chargeback", {"status": "disputed", "disputes": 1}),
            ("radar.early_fraud_warning.created", WARNING, "abuse", {}),
            ("payment_method.attached", METHOD, None, {"status": "ok", "fingerprint": "Xt5EWLLDS7FJjR1c"}),
            ("invoice.paid", INVOICE, None, {"status": "ok", "settled_usd": 20.0}),
        ],
    )
    def test_an_outcome_and_facts(self, kind, body, outcome, changes):
        said = what_it_says(event(kind, body))
        assert said.outcome == outcome
        payment = facts_after(Facts(), said).payment
        assert {name: getattr(payment, name) for name in changes} == changes

    def test_every_type_is_tried(self):
        tried = {"charge.failed", "charge.succeeded", "charge.dispute.created", "radar.early_fraud_warning.created"}
        assert tried | {"payment_method.attached", "invoice.paid"} == set(TYPES)

    def test_an_inquiry_is_no_chargeback(self):
        assert what_it_says(event("charge.dispute.created", {**DISPUTE, "status": "warning_needs_response"})) is None

    def test_what_is_not_read_says_nothing(self):
        assert what_it_says(event("customer.updated", {"id": "cus_9", "object": "customer"})) is None

    def test_money_adds_up_and_another_currency_does_not(self):
        facts = Facts(payment=Payment(settled_usd=40.0))
        assert facts_after(facts, what_it_says(event("invoice.paid", INVOICE))).payment.settled_usd == 60.0
        euros = what_it_says(event("invoice.paid", {**INVOICE, "currency": "eur"}))
        assert facts_after(facts, euros).payment.settled_usd == 40.0

    def test_a_dispute_stays_one_whatever_is_paid_after_it(self):
        facts = Facts(payment=Payment(status="disputed", disputes=1))
        after = facts_after(facts, what_it_says(event("invoice.paid", INVOICE)))
        assert (after.payment.status, after.payment.disputes) == ("disputed", 1)

    def test_what_else_is_known_stays(self):
        facts = Facts(
            created_at=5.0, plan="paid", verified=("email",), organisation=Organisation("o", True), keys=(b"k" * 16,),
            external=(("stripe", "cus_9"),),
        )  # fmt: skip
        after = facts_after(facts, what_it_says(event("invoice.paid", INVOICE)))
        assert (after.created_at, after.plan, after.external) == (5.0, "paid", (("stripe", "cus_9"),))
        assert (after.verified, after.organisation, len(after.keys)) == (("email",), Organisation("o", True), 1)

    def test_disputes_and_warnings_are_found_by_their_charge(self):
        assert charge_of(event("charge.succeeded", CHARGE)) == ("ch_1", "pi_1")
        for kind, body in (("charge.dispute.created", DISPUTE), ("radar.early_fraud_warning.created", WARNING)):
            assert charge_of(event(kind, body)) == ("ch_1", "pi_1")
