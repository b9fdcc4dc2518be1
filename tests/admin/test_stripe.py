"""Stripe's events, shaped as in its API reference: whose signature counts, and what each says of an account."""

import contextlib
import hashlib
import hmac

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_engine import NOW

from reputation.admin.stripe import APART, TYPES, check_signature, names_of, read_event, what_it_says
from reputation.scoring.ladder import is_unsettled
from reputation.state.billing import after_news
from reputation.state.facts import Facts, ReadFacts, Standards, has_profile
from reputation.wire.errors import BadRequest, Invalid, NotAuthenticated, Problem
from reputation.wire.messages import Organisation, Payment

SECRET = "whsec_test"
CREATED = NOW - 10
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
INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 2000,
    "amount_received": 2000,
    "currency": "usd",
    "customer": "cus_9",
    "latest_charge": "ch_1",
    "status": "succeeded",
}
SESSION = {
    "id": "cs_1",
    "object": "checkout.session",
    "amount_total": 2000,
    "currency": "usd",
    "customer": "cus_9",
    "invoice": None,
    "mode": "payment",
    "payment_intent": "pi_1",
    "payment_status": "paid",
}
PART = {
    "id": "inpay_1",
    "object": "invoice_payment",
    "amount_paid": 2000,
    "currency": "usd",
    "invoice": "in_1",
    "payment": {"payment_intent": "pi_1", "type": "payment_intent"},
    "status": "paid",
}
REFUND = {
    "id": "re_1",
    "object": "refund",
    "amount": 500,
    "charge": "ch_1",
    "currency": "usd",
    "payment_intent": "pi_1",
    "status": "failed",
}
NOTE = {
    "id": "cn_1",
    "object": "credit_note",
    "amount": 500,
    "currency": "usd",
    "customer": "cus_9",
    "customer_balance_transaction": None,
    "invoice": "in_1",
    "status": "issued",
    "type": "post_payment",
}
INVOICE = {"id": "in_1", "object": "invoice", "amount_paid": 2000, "currency": "usd", "customer": "cus_9"}


def body_of(kind, about, id_="evt_1", **more):
    data = {"id": id_, "object": "event", "created": CREATED, "type": kind, "data": {"object": about}, **more}
    return msgspec.json.encode(data)


def event(kind, about, id_="evt_1", **more):
    return read_event(body_of(kind, about, id_, **more))


def after(facts, kind, about, **more):
    return after_news(facts, what_it_says(event(kind, about, **more), NOW), NOW).facts


def read(facts):
    return ReadFacts(facts, Standards())


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
         signature(b"{}").replace("v1=", "v1=\udcff"), f"t={int(NOW)},v1=é", "t=é,v1=00", "\udc80",
         signature(b"{}").replace("v1", "v0"), signature(b"{}").replace("t=", "t=1"), "t=5," + signature(b"{}")],
    )  # fmt: skip
    def test_anything_else_is_not_authenticated(self, header):
        with pytest.raises(NotAuthenticated):
            check_signature(header, b"{}", SECRET, NOW)

    @pytest.mark.parametrize(("at", "refused"), [(10**12 - 1, BadRequest), (10**12, NotAuthenticated)])
    def test_a_time_has_twelve_digits_at_most(self, at, refused):
        with pytest.raises(refused):
            check_signature(signature(b"{}", at=at), b"{}", SECRET, NOW)

    def test_while_a_secret_is_rolled_one_of_several_is_enough(self):
        old, new = signature(b"{}", "old"), signature(b"{}").partition(",")[2]
        check_signature(f"{old},{new}", b"{}", SECRET, NOW)

    @given(st.text())
    def test_no_header_is_worse_than_refused(self, header):
        with pytest.raises(Problem):
            check_signature(header, b"{}", SECRET, NOW)


class TestReading:
    @pytest.mark.parametrize(
        "body",
        [
            body_of("customer.updated", {"id": "cus_9", "object": "customer"}),
            body_of("invoice.upcoming", {"object": "invoice", "amount_paid": "nothing yet"}),
            body_of("balance.available", {"object": "balance", "available": []}),
            body_of("invoice.paid", {"object": "invoice", "customer": "cus_9", "amount_paid": 2000}),
            b'{"id": "evt_1", "type": "v2.core.event_destination.ping", "related_object": null}',
        ],
    )
    def test_a_type_that_is_not_read_and_an_object_without_an_id_say_nothing(self, body):
        assert read_event(body) is None

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            (body_of("invoice.paid", {**INVOICE, "amount_paid": "20"}), "/data/object/amount_paid"),
            (body_of("invoice.paid", {**INVOICE, "amount_paid": -20}), "/data/object/amount_paid"),
            (body_of("invoice.paid", {**INVOICE, "customer": 9}), "/data/object/customer"),
            (body_of("invoice.paid", INVOICE, created="yesterday"), "/created"),
            (body_of("invoice.paid", []), "/data/object"),
            (b'{"id": "evt_1", "type": "invoice.paid"}', "/data"),
            (b'{"id": "evt_1"}', "/type"),
            (b'{"id": "", "type": "invoice.paid"}', "/id"),
        ],
    )
    def test_a_type_that_is_read_with_a_wrong_member_is_refused_by_its_name(self, body, pointer):
        with pytest.raises(Invalid) as found:
            read_event(body)
        assert found.value.pointer == pointer

    @pytest.mark.parametrize(
        ("kind", "about", "more", "pointer"),
        [
            ("charge.succeeded", {"created": 253402300799}, {}, "/data/object/created"),
            ("charge.succeeded", {"amount": 10**14}, {}, "/data/object/amount"),
            ("charge.succeeded", {}, {"created": 253402300799}, "/created"),
        ],
    )
    def test_times_end_with_the_year_9999_and_amounts_with_a_trillion_dollars(self, kind, about, more, pointer):
        assert event(kind, {**CHARGE, **about}, **more) is not None
        over = lambda values: {name: value + 1 for name, value in values.items()}  # noqa: E731
        with pytest.raises(Invalid) as found:
            event(kind, {**CHARGE, **over(about)}, **over(more))
        assert found.value.pointer == pointer
        under = dict.fromkeys(about, 0), dict.fromkeys(more, 0)
        assert event(kind, {**CHARGE, **under[0]}, **under[1]) is not None

    @pytest.mark.parametrize(
        ("about", "more", "pointer"),
        [({"customer": "c"}, {}, "/data/object/customer"), ({}, {"id_": "e"}, "/id"), ({}, {"kind": "t"}, "/type")],
    )
    def test_an_id_and_a_type_have_255_characters_at_most(self, about, more, pointer):
        def sent(length):
            member = {name: (text * 255)[:length] + text * (length - 255) for name, text in more.items()}
            kind, id_ = member.get("kind", "invoice.paid"), member.get("id_", "evt_1")
            return event(kind, {**INVOICE, **{name: text * length for name, text in about.items()}}, id_)

        sent(255)
        with pytest.raises(Invalid) as found:
            sent(256)
        assert found.value.pointer == pointer

    def test_what_waits_for_its_account_is_written_without_what_the_event_does_not_say(self):
        part = {"payment": {"payment_intent": "pi_1"}}
        invoice = {"id": "in_1", "payment": {"charge": "ch_1"}, "payments": {"data": [part, {}]}}
        method = {"card": {"country": "DE"}}
        found = event("invoice.paid", {**invoice, "payment_method_details": method})
        about = {**invoice, "payment_method_details": method}
        written = {"id": "evt_1", "type": "invoice.paid", "about": about, "created": CREATED}
        assert msgspec.json.decode(msgspec.json.encode(found)) == written
        apart = event("charge.succeeded", {"id": "ch_1", "payment_method_details": {}}, created=None, api_version=APART)
        about = {"id": "ch_1", "payment_method_details": {}}
        written = {"id": "evt_1", "type": "charge.succeeded", "about": about, "apart": True}
        assert msgspec.json.decode(msgspec.json.encode(apart)) == written

    @pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"id": "\\ud800", "type": "invoice.paid"'])
    def test_what_is_no_json_is_refused(self, body):
        with pytest.raises(BadRequest):
            read_event(body)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(st.sampled_from(["id", "amount_paid", "card", "payments", "data"]), inner)
            ),
        )
    )
    def test_no_object_is_worse_than_refused(self, about):
        for kind in TYPES:
            with contextlib.suppress(Problem):
                found = read_event(body_of(kind, about))
                if found is not None:
                    what_it_says(found, NOW)


class TestWhatEventsSay:
    @pytest.mark.parametrize(
        ("kind", "body", "outcome", "changes"),
        [
            ("charge.failed", CHARGE, "declined", {"status": "failed", "settled_usd": None, "funding": "prepaid"}),
            ("charge.succeeded", CHARGE, None, {"status": "ok", "settled_usd": 20.0, "issuer_country": "US"}),
            ("charge.captured", {**CHARGE, "amount_captured": 1500}, None, {"status": "ok", "settled_usd": 15.0}),
            ("charge.succeeded", {**CHARGE, "captured": False}, None, {"status": "ok", "settled_usd": None}),
            ("charge.dispute.created", DISPUTE, "chargeback", {"status": "disputed", "disputes": 1}),
            ("radar.early_fraud_warning.created", WARNING, "abuse", {}),
            ("payment_method.attached", METHOD, None, {"status": "ok", "fingerprint": "Xt5EWLLDS7FJjR1c"}),
            ("invoice.paid", INVOICE, None, {"status": "ok", "settled_usd": 20.0}),
            ("invoice.payment_succeeded", INVOICE, None, {"status": "ok", "settled_usd": 20.0}),
            ("payment_intent.succeeded", INTENT, None, {"status": "ok", "settled_usd": 20.0}),
            ("checkout.session.completed", SESSION, None, {"status": "ok", "settled_usd": 20.0}),
            ("checkout.session.async_payment_succeeded", SESSION, None, {"status": "ok", "settled_usd": 20.0}),
        ],
    )
    def test_an_outcome_and_facts(self, kind, body, outcome, changes):
        after = after_news(Facts(), what_it_says(event(kind, body), NOW), NOW)
        assert (after.outcome, after.at) == (outcome, CREATED)
        assert {name: getattr(after.facts.payment, name) for name in changes} == changes
        assert has_profile(after.facts) is bool(changes)

    @pytest.mark.parametrize(
        "events",
        [
            [("customer.created", {"id": "cus_9", "object": "customer"})],
            [("customer.subscription.created", {"id": "sub_1", "customer": "cus_9", "status": "trialing"})],
            [("invoice.finalized", {**INVOICE, "amount_paid": 0, "status": "open"})],
            [("payment_method.attached", METHOD)],
            [("invoice.paid", {**INVOICE, "amount_paid": 0})],
            [("invoice.paid", {**INVOICE, "amount_paid": 0, "payments": {"data": [{"payment": {"charge": "ch_0"}}]}})],
            [("invoice_payment.paid", {**PART, "amount_paid": 0})],
            [
                (
                    "checkout.session.completed",
                    {**SESSION, "mode": "subscription", "payment_status": "no_payment_required"},
                )
            ],
            [("charge.failed", CHARGE)],
            [("invoice.paid", {**INVOICE, "currency": "eur"})],
            [("charge.refunded", {**CHARGE, "status": "succeeded", "amount_refunded": 2000})],
            [("credit_note.created", NOTE)],
        ],
        ids=lambda events: events[0][0],
    )
    def test_an_event_without_money_leaves_it_unknown_what_has_settled(self, events):
        """A customer in a trial, with a coupon of 100% or an open first invoice keeps the newcomer's day of its plan.

        So does one of whose older payments only a refund is heard: what it paid before is not known.
        """
        facts = Facts(plan="paid", external=(("stripe", "cus_9"),))
        for now in (NOW, NOW + 200 * 86_400.0):
            for number, (kind, body) in enumerate(events):
                found = event(kind, body, f"evt_{number}")
                news = None if found is None else what_it_says(found, now)
                facts = facts if news is None else after_news(facts, news, now).facts
        assert facts.payment is None or facts.payment.settled_usd is None
        assert not is_unsettled(read(facts), 10.0)

    def test_money_that_was_paid_and_given_back_stays_known_to_be_none(self):
        """Also once the payment is old: a customer who pays and takes it back is no newcomer of a dear plan."""
        facts = after(Facts(plan="paid"), "charge.succeeded", {**CHARGE, "status": "succeeded"})
        facts = after(facts, "charge.refunded", {**CHARGE, "status": "succeeded", "amount_refunded": 2000})
        assert facts.payment.settled_usd == 0.0
        later = NOW + 200 * 86_400.0
        facts = after_news(
            facts, what_it_says(event("payment_method.attached", METHOD, created=later), later), later
        ).facts
        assert facts.payment.settled_usd == 0.0
        assert is_unsettled(read(facts), 10.0)

    def test_a_part_that_is_given_back_of_an_older_payment_says_what_has_settled(self):
        facts = after(Facts(plan="paid"), "charge.refunded", {**CHARGE, "status": "succeeded", "amount_refunded": 500})
        assert facts.payment.settled_usd == 15.0

    def test_a_push_that_nothing_has_settled_stands_until_an_event_with_money(self):
        facts = Facts(plan="paid", payment=Payment(settled_usd=0.0), payment_at=NOW - 100)
        trial = after(facts, "invoice.paid", {**INVOICE, "amount_paid": 0})
        assert is_unsettled(read(trial), 10.0)
        assert not is_unsettled(read(after(trial, "invoice.paid", {**INVOICE, "id": "in_2"})), 10.0)

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            ("charge.dispute.created", {**DISPUTE, "status": "warning_needs_response"}),
            ("charge.dispute.closed", {**DISPUTE, "status": "warning_closed"}),
            ("checkout.session.completed", {**SESSION, "payment_status": "unpaid"}),
            ("checkout.session.completed", {**SESSION, "payment_status": "no_payment_required"}),
            ("refund.updated", {**REFUND, "status": "succeeded"}),
            ("credit_note.created", {**NOTE, "type": "pre_payment"}),
            ("credit_note.created", {**NOTE, "customer_balance_transaction": "cbtxn_1"}),
        ],
    )
    def test_an_inquiry_and_what_moves_no_money_say_nothing(self, kind, body):
        assert what_it_says(event(kind, body), NOW) is None

    def test_an_event_without_a_time_and_one_of_the_future_are_of_now(self):
        for created in (None, NOW + 1000):
            assert what_it_says(event("invoice.paid", INVOICE, created=created), NOW).at == NOW

    def test_money_in_another_currency_is_not_counted_and_its_dispute_is(self):
        facts = after(Facts(), "invoice.paid", {**INVOICE, "currency": "eur"})
        facts = after(facts, "charge.succeeded", {**CHARGE, "currency": "eur", "amount_refunded": 5})
        assert facts.payment.settled_usd is None
        facts = after(facts, "charge.dispute.created", {**DISPUTE, "currency": "eur"})
        assert (facts.payment.status, facts.payment.disputes, facts.payment.settled_usd) == ("disputed", 1, None)

    def test_what_else_is_known_stays(self):
        facts = Facts(
            created_at=5.0, plan="paid", verified=("email",), organisation=Organisation("o", True), keys=(b"k" * 16,),
            external=(("stripe", "cus_9"),), payment=Payment(iin="411111", settled_usd=40.0),
        )  # fmt: skip
        found = after(facts, "invoice.paid", INVOICE)
        same = [name for name in Facts.__struct_fields__ if getattr(found, name) == getattr(facts, name)]
        assert same == [name for name in Facts.__struct_fields__ if name not in ("payment", "billing")]
        assert (found.payment.iin, found.payment.settled_usd) == ("411111", 60.0)

    @pytest.mark.parametrize(
        ("kind", "body", "names"),
        [
            ("charge.succeeded", CHARGE, ("ch_1", "pi_1")),
            ("charge.succeeded", {**CHARGE, "invoice": "in_1"}, ("ch_1", "pi_1", "in_1")),
            ("charge.dispute.created", DISPUTE, ("pi_1", "ch_1")),
            ("radar.early_fraud_warning.created", WARNING, ("pi_1", "ch_1")),
            ("invoice.paid", INVOICE, ("in_1",)),
            ("invoice.paid", {**INVOICE, "charge": "ch_1", "payment_intent": "pi_1"}, ("in_1", "pi_1", "ch_1")),
            ("invoice.paid", {**INVOICE, "payments": {"data": [PART]}}, ("in_1", "pi_1")),
            ("invoice_payment.paid", PART, ("in_1", "pi_1")),
            ("payment_intent.succeeded", INTENT, ("pi_1", "ch_1")),
            ("checkout.session.completed", SESSION, ("cs_1", "pi_1")),
            ("refund.failed", REFUND, ("pi_1", "ch_1")),
            ("credit_note.created", NOTE, ("in_1",)),
        ],
    )
    def test_a_payment_is_found_by_every_id_that_an_event_gives_it(self, kind, body, names):
        assert names_of(event(kind, body)) == names

    @pytest.mark.parametrize(
        ("version", "kind", "body", "half"),
        [
            (APART, "charge.succeeded", CHARGE, "charge"),
            (APART, "payment_intent.succeeded", INTENT, "charge"),
            (APART, "charge.succeeded", {**CHARGE, "invoice": "in_1"}, ""),
            (APART, "invoice.paid", INVOICE, "invoice"),
            (APART, "invoice.paid", {**INVOICE, "payments": {"data": [PART]}}, ""),
            (APART, "payment_method.attached", METHOD, ""),
            ("2025-03-30", "charge.succeeded", CHARGE, ""),
            ("2025-03-30", "invoice.paid", INVOICE, ""),
        ],
    )
    def test_a_charge_and_an_invoice_that_do_not_name_each_other_are_halves(self, version, kind, body, half):
        """Only events of the versions of the API in which they do not."""
        assert what_it_says(event(kind, body, api_version=version), NOW).half == half

    def test_one_payment_of_an_invoice_says_how_much_was_paid(self):
        found = what_it_says(event("invoice_payment.paid", PART), NOW)
        assert (found.paid, found.status) == (PART["amount_paid"], None)

    def test_only_a_charge_says_when_it_was_made(self):
        assert what_it_says(event("charge.succeeded", {**CHARGE, "created": 5}), NOW).made == 5.0
        assert what_it_says(event("charge.dispute.created", {**DISPUTE, "created": 5}), NOW).made is None

    def test_a_refund_is_known_only_by_a_charge_that_says_how_much(self):
        assert what_it_says(event("charge.refunded", {**CHARGE, "amount_refunded": 500}), NOW).back == ("ch_1", 500)
        assert what_it_says(event("charge.refunded", CHARGE), NOW).back is None

    @pytest.mark.parametrize(
        ("kind", "body", "said"),
        [
            ("charge.succeeded", CHARGE, {"paid": 2000}),
            ("charge.succeeded", {**CHARGE, "amount": None}, {"paid": 0}),
            ("charge.succeeded", {**CHARGE, "amount_captured": 1}, {"paid": 1}),
            ("charge.succeeded", {**CHARGE, "captured": False}, {"paid": 0}),
            ("charge.succeeded", {**CHARGE, "currency": "eur"}, {"paid": 0, "names": ()}),
            ("charge.refunded", {**CHARGE, "amount_refunded": 500}, {"paid": 2000, "back": ("ch_1", 500)}),
            ("charge.refunded", {**CHARGE, "amount_refunded": 5, "currency": "eur"}, {"back": ("ch_1", 0)}),
            ("invoice.paid", INVOICE, {"paid": 2000}),
            ("invoice.paid", {**INVOICE, "amount_paid": None}, {"paid": 0}),
            ("payment_intent.succeeded", {**INTENT, "amount_received": 700}, {"paid": 700}),
            ("checkout.session.completed", {**SESSION, "amount_total": 700}, {"paid": 700}),
            ("refund.failed", REFUND, {"back": ("re_1", -500)}),
            ("refund.updated", {**REFUND, "status": "canceled"}, {"back": ("re_1", -500)}),
            ("credit_note.created", NOTE, {"back": ("cn_1", 500), "note": True}),
            ("credit_note.voided", {**NOTE, "status": "void"}, {"back": ("cn_1", 0), "note": True}),
            ("charge.dispute.created", DISPUTE, {"dispute": "dp_1", "dispute_status": "open", "disputed": 1000}),
            ("charge.dispute.created", {**DISPUTE, "status": None}, {"dispute_status": "open"}),
            ("charge.dispute.closed", {**DISPUTE, "status": "won"}, {"dispute_status": "won", "disputed": 1000}),
            ("charge.dispute.closed", {**DISPUTE, "status": "lost"}, {"dispute_status": "lost"}),
            ("charge.dispute.funds_reinstated", DISPUTE, {"dispute_status": "won"}),
            ("charge.dispute.created", {**DISPUTE, "currency": "eur"}, {"disputed": 0, "names": ("pi_1", "ch_1")}),
        ],
    )
    def test_money_is_what_the_event_says_in_cents_of_dollars(self, kind, body, said):
        found = what_it_says(event(kind, body), NOW)
        assert {name: getattr(found, name) for name in said} == said
        assert found.at == CREATED

    @pytest.mark.parametrize(
        ("card", "facts"),
        [
            (CARD, {"fingerprint": "Xt5EWLLDS7FJjR1c", "funding": "prepaid", "issuer_country": "US"}),
            ({"funding": "crypto", "country": "U5"}, {}),
            ({"funding": None, "country": "USA"}, {}),
            ({"funding": "unknown", "country": ""}, {"funding": "unknown"}),
            (None, {}),
        ],
    )
    def test_of_a_card_what_is_known_is_kept(self, card, facts):
        assert what_it_says(event("payment_method.attached", {**METHOD, "card": card}), NOW).card == facts
        details = {"payment_method_details": {"card": card}}
        assert what_it_says(event("charge.succeeded", {**CHARGE, **details}), NOW).card == facts

    def test_a_payment_has_eight_names_at_most(self):
        parts = [{"payment": {"charge": f"ch_{n}"}} for n in range(9)]
        names = names_of(event("invoice.paid", {**INVOICE, "payments": {"data": parts}}))
        assert names == ("in_1", *[f"ch_{n}" for n in range(7)])
