"""Stripe's webhooks: verify an event's signature and time, find its customer, and read its facts. Pure.

A signature is HMAC-SHA256 over `timestamp.body` with the endpoint's secret, in the header Stripe-Signature as
`t=…,v1=…`; while a secret is rolled there are several v1 (docs.stripe.com/webhooks/signature). Disputes and early fraud
warnings name a charge and no customer, so charges are remembered when they are seen.

Until version 2025-03-31 of the API a charge names its invoice; since then neither names the other, but for the event
`invoice_payment.paid`. Both are read, whichever an event has.
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, structs

from reputation.state.billing import DisputeStatus, Half, News
from reputation.wire.codec import read
from reputation.wire.errors import BadRequest, NotAuthenticated
from reputation.wire.messages import Funding, Text

TOLERANCE = 300.0
"""Seconds that an event's timestamp may differ from our clock: what Stripe's own libraries allow."""
APART = "2025-03-31"
"""The version of the API since which a charge and its invoice do not name each other."""
StripeId = Annotated[str, Meta(min_length=1, max_length=255)]
Cents = Annotated[int, Meta(ge=0, le=10**14)]
Created = Annotated[float, Meta(ge=0, le=253402300799)]
DISPUTE_STATUSES: dict[str, DisputeStatus] = {"won": "won", "lost": "lost"}
FUNDINGS: dict[str, Funding] = {"credit": "credit", "debit": "debit", "prepaid": "prepaid", "unknown": "unknown"}


class Card(Struct, frozen=True, omit_defaults=True):
    fingerprint: Text | None = None
    funding: str | None = None
    country: str | None = None


class Method(Struct, frozen=True, omit_defaults=True):
    card: Card | None = None


class InvoicePart(Struct, frozen=True, omit_defaults=True):
    """A payment of an invoice: since 2025-03-31 in its `payments`, and in a separate event."""

    payment_intent: StripeId | None = None
    charge: StripeId | None = None


class InvoicePayment(Struct, frozen=True, omit_defaults=True):
    payment: InvoicePart | None = None


class Payments(Struct, frozen=True, omit_defaults=True):
    data: tuple[InvoicePayment, ...] = ()


class Object(Struct, frozen=True, omit_defaults=True):
    """The object of an event, such as a charge or an invoice; other members are left out."""

    id: StripeId | None = None
    created: Created | None = None
    customer: StripeId | None = None
    charge: StripeId | None = None
    latest_charge: StripeId | None = None
    payment_intent: StripeId | None = None
    invoice: StripeId | None = None
    payment: InvoicePart | None = None
    payments: Payments | None = None
    currency: str = ""
    status: str | None = None
    mode: str | None = None
    payment_status: str | None = None
    captured: bool | None = None
    amount: Cents | None = None
    amount_captured: Cents | None = None
    amount_paid: Cents | None = None
    amount_received: Cents | None = None
    amount_refunded: Cents | None = None
    amount_total: Cents | None = None
    type: str | None = None
    customer_balance_transaction: StripeId | None = None
    card: Card | None = None
    payment_method_details: Method | None = None


class Event(Struct, frozen=True, omit_defaults=True):
    """One event of a supported type. created: seconds since 1970; None if it is missing."""

    id: StripeId
    type: str
    about: Object
    created: float | None = None
    apart: bool = False


class _Envelope(Struct, frozen=True):
    id: StripeId
    type: Annotated[str, Meta(min_length=1, max_length=255)]


class _Data(Struct, frozen=True):
    object: Object


class _Body(Struct, frozen=True):
    data: _Data
    created: Created | None = None
    api_version: str | None = None


_envelopes = msgspec.json.Decoder(_Envelope)
_bodies = msgspec.json.Decoder(_Body)


def read_event(body: bytes) -> Event | None:
    """Read an event; None for another type, or for an object without an id.

    Raises BadRequest for what is no JSON, Invalid with a pointer for a wrong value in a type that is read.
    """
    envelope = read(_envelopes, body)
    if envelope.type not in _SAID:
        return None
    found = read(_bodies, body)
    if found.data.object.id is None:
        return None
    apart = (found.api_version or "") >= APART
    return Event(envelope.id, envelope.type, found.data.object, found.created, apart)


def check_signature(header: str | None, body: bytes, secret: str, now: float) -> None:
    """Raise NotAuthenticated unless one of the signatures is right, BadRequest if its time is not."""
    parts = [part.partition("=") for part in (header or "").split(",")]
    times = [value for name, _, value in parts if name.strip() == "t"]
    given = [value.strip() for name, _, value in parts if name.strip() == "v1"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) < 13) or not given:
        raise NotAuthenticated("send Stripe-Signature: t=…,v1=…")
    signed = hmac.new(secret.encode(), f"{times[0]}.".encode() + body, hashlib.sha256).hexdigest()
    if not any(one.isascii() and hmac.compare_digest(signed, one) for one in given):
        raise NotAuthenticated("no signature matches this endpoint's secret")
    if abs(now - int(times[0])) > TOLERANCE:
        raise BadRequest(f"the time of this signature differs from now by more than {TOLERANCE:.0f} s; check the clock")


def names_of(event: Event) -> tuple[str, ...]:
    """Return the ids by which later events may name this event's payment."""
    about = event.about
    own = about.id if event.type.rpartition(".")[0] in PAYMENTS else None
    parts = [one.payment for one in (about.payments.data if about.payments else ()) if one.payment]
    parts += [about.payment] if about.payment else []
    found = [own, about.payment_intent, about.charge, about.latest_charge, about.invoice]
    found += [id_ for part in parts for id_ in (part.payment_intent, part.charge)]
    return tuple(dict.fromkeys(id_ for id_ in found if id_))[:MOST_NAMES]


PAYMENTS = frozenset({"charge", "payment_intent", "invoice", "checkout.session"})
"""What events are about that is a payment itself; other objects name one."""
MOST_NAMES = 8


def what_it_says(event: Event, now: float) -> News | None:
    """The facts in an event for its account; None without any."""
    found = _SAID[event.type](event.about)
    if found is None:
        return None
    at = now if event.created is None else min(event.created, now)
    names = names_of(event) if event.about.currency == "usd" or found.dispute is not None else ()
    made = event.about.created if event.type.rpartition(".")[0] == "charge" else None
    return structs.replace(found, at=at, names=names, made=made, half=_half(event))


def _half(event: Event) -> Half:
    about = event.about
    if not event.apart:
        return ""
    if event.type.startswith("invoice."):
        return "invoice" if len(names_of(event)) == 1 else ""
    if event.type.startswith(("charge.", "payment_intent.")) and about.invoice is None:
        return "charge"
    return ""


def _usd(about: Object, cents: int | None) -> int:
    """Money in another currency does not count: Stripe does not give its value in dollars here."""
    return cents or 0 if about.currency == "usd" else 0


def _captured(charge: Object) -> int:
    if charge.captured is False:
        return 0
    return _usd(charge, charge.amount if charge.amount_captured is None else charge.amount_captured)


def _failed(charge: Object) -> News:
    return News(status="failed", card=_card(charge), outcome="declined")


def _succeeded(charge: Object) -> News:
    return News(status="ok", card=_card(charge), paid=_captured(charge), back=_refunded(charge))


def _given_back(charge: Object) -> News:
    return News(paid=_captured(charge), back=_refunded(charge))


def _refunded(charge: Object) -> tuple[str, int] | None:
    """A charge names the total of its refunds so far."""
    if charge.amount_refunded is None or charge.id is None:
        return None
    return charge.id, _usd(charge, charge.amount_refunded)


def _refund(refund: Object) -> News | None:
    """A failed refund counts as money again; a successful refund is part of its charge's total."""
    if refund.status not in ("failed", "canceled") or refund.id is None:
        return None
    return News(back=(refund.id, -_usd(refund, refund.amount)))


def _credited(note: Object) -> News | None:
    """The refund in a credit note; nothing while the customer keeps it as a balance, or never paid it."""
    if note.type == "pre_payment" or note.customer_balance_transaction is not None or note.id is None:
        return None
    cents = 0 if note.status == "void" else _usd(note, note.amount)
    return News(back=(note.id, cents), note=True)


def _disputed(dispute: Object) -> News | None:
    """An inquiry (warning_…) is no chargeback: no money has moved."""
    status = dispute.status or ""
    if status.startswith("warning_"):
        return None
    dispute_status = DISPUTE_STATUSES.get(status, "open")
    cents = _usd(dispute, dispute.amount)
    return News(dispute=dispute.id, dispute_status=dispute_status, disputed=cents, outcome="chargeback")


def _reinstated(dispute: Object) -> News | None:
    """The money of a dispute is back, in any status of the dispute."""
    return _disputed(structs.replace(dispute, status="won"))


def _warned(_: Object) -> News:
    """The issuer believes the card is used without its holder's consent."""
    return News(outcome="abuse")


def _attached(method: Object) -> News:
    return News(status="ok", card=_card(method))


def _paid(invoice: Object) -> News:
    return News(status="ok", paid=_usd(invoice, invoice.amount_paid))


def _paid_part(payment: Object) -> News:
    """One payment of an invoice: it connects a charge to an invoice, and the invoice has the amount."""
    return News(paid=_usd(payment, payment.amount_paid))


def _received(intent: Object) -> News:
    return News(status="ok", paid=_usd(intent, intent.amount_received))


def _checked_out(session: Object) -> News | None:
    if session.payment_status != "paid":
        return None
    return News(status="ok", paid=_usd(session, session.amount_total))


_SAID: dict[str, Callable[[Object], News | None]] = {
    "charge.captured": _succeeded,
    "charge.dispute.closed": _disputed,
    "charge.dispute.created": _disputed,
    "charge.dispute.funds_reinstated": _reinstated,
    "charge.dispute.funds_withdrawn": _disputed,
    "charge.dispute.updated": _disputed,
    "charge.failed": _failed,
    "charge.refund.updated": _refund,
    "charge.refunded": _given_back,
    "charge.succeeded": _succeeded,
    "checkout.session.async_payment_succeeded": _checked_out,
    "checkout.session.completed": _checked_out,
    "credit_note.created": _credited,
    "credit_note.updated": _credited,
    "credit_note.voided": _credited,
    "invoice.paid": _paid,
    "invoice.payment_succeeded": _paid,
    "invoice_payment.paid": _paid_part,
    "payment_intent.succeeded": _received,
    "payment_method.attached": _attached,
    "radar.early_fraud_warning.created": _warned,
    "refund.failed": _refund,
    "refund.updated": _refund,
}
TYPES = tuple(_SAID)
"""Event types that are read; others are acknowledged and left."""


def _card(found: Object) -> dict[str, Any]:
    details = found.payment_method_details
    card = found.card or (details.card if details is not None else None)
    if card is None:
        return {}
    country = card.country if card.country and len(card.country) == 2 and card.country.isalpha() else None
    facts = {"fingerprint": card.fingerprint, "funding": FUNDINGS.get(card.funding or ""), "issuer_country": country}
    return {name: value for name, value in facts.items() if value is not None}
