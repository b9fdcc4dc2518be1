"""Stripe's webhooks: is an event Stripe's own and fresh, whose is it, and what does it say of the account. Pure.

A signature is HMAC-SHA256 over `timestamp.body` with the endpoint's secret, in the header Stripe-Signature as
`t=…,v1=…`; while a secret is rolled there are several v1 (docs.stripe.com/webhooks/signature). Disputes and early fraud
warnings name a charge and no customer, so charges are remembered when they are seen.
"""

import hashlib
import hmac
from typing import Annotated, Any

from msgspec import Meta, Struct, structs

from reputation.errors import BadRequest, NotAuthenticated
from reputation.events import Funding, OutcomeKind, Payment
from reputation.facts import Facts

TOLERANCE = 300.0
"""Seconds that an event's timestamp may differ from our clock: what Stripe's own libraries allow."""
CENTS = 100.0
Id = Annotated[str, Meta(min_length=1, max_length=255)]
Cents = Annotated[int, Meta(ge=0, le=10**14)]
FUNDINGS: dict[str, Funding] = {"credit": "credit", "debit": "debit", "prepaid": "prepaid", "unknown": "unknown"}


class Card(Struct, frozen=True):
    fingerprint: Id | None = None
    funding: str | None = None
    country: str | None = None


class Method(Struct, frozen=True):
    card: Card | None = None


class Object(Struct, frozen=True):
    """What an event is about: a charge, dispute, warning, payment method or invoice; other members are left."""

    id: Id
    object: str = ""
    customer: Id | None = None
    charge: Id | None = None
    payment_intent: Id | None = None
    amount_paid: Cents = 0
    currency: str = ""
    status: str | None = None
    card: Card | None = None
    payment_method_details: Method | None = None


class Data(Struct, frozen=True):
    object: Object


class Event(Struct, frozen=True):
    """One event. created: seconds since 1970."""

    id: Id
    type: str
    data: Data
    created: float = 0.0


class Said(Struct, frozen=True):
    """What an event says of an account: an outcome, and how its payment facts change (a function of those before)."""

    outcome: OutcomeKind | None = None
    changes: dict[str, Any] = {}
    settled_usd: float = 0.0
    declines: int = 0
    disputes: int = 0


def check_signature(header: str | None, body: bytes, secret: str, now: float) -> None:
    """Raise NotAuthenticated unless one of the signatures is right, BadRequest if its time is not."""
    parts = [part.partition("=") for part in (header or "").split(",")]
    times = [value for name, _, value in parts if name.strip() == "t"]
    given = [value.strip() for name, _, value in parts if name.strip() == "v1"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) < 13) or not given:
        raise NotAuthenticated("send Stripe-Signature: t=…,v1=…")
    signed = hmac.new(secret.encode(), f"{times[0]}.".encode() + body, hashlib.sha256).hexdigest()
    if not any(hmac.compare_digest(signed.encode(), one.encode()) for one in given):
        raise NotAuthenticated("no signature is right for this endpoint's secret")
    if abs(now - int(times[0])) > TOLERANCE:
        raise BadRequest(f"this event was signed more than {TOLERANCE:.0f} s from now; check the clock")


def charge_of(event: Event) -> tuple[str, ...]:
    """The ids by which a later dispute or warning may name what this event is about."""
    found = event.data.object
    if event.type.startswith("charge.") and found.object == "charge":
        return tuple(id_ for id_ in (found.id, found.payment_intent) if id_)
    return tuple(id_ for id_ in (found.charge, found.payment_intent) if id_)


def what_it_says(event: Event) -> Said | None:
    """What an event says of the account whose it is; None for one that says nothing."""
    read = _SAID.get(event.type)
    return None if read is None else read(event.data.object)


def _failed(charge: Object) -> Said:
    return Said("declined", {"status": "failed", **_card(charge)}, declines=1)


def _succeeded(charge: Object) -> Said:
    return Said(None, {"status": "ok", **_card(charge)})


def _disputed(dispute: Object) -> Said | None:
    """An inquiry (warning_…) is no chargeback: no money has moved."""
    if (dispute.status or "").startswith("warning_"):
        return None
    return Said("chargeback", {"status": "disputed"}, disputes=1)


def _warned(_: Object) -> Said:
    """The issuer believes that the card is not its holder's to use."""
    return Said("abuse")


def _attached(method: Object) -> Said:
    return Said(None, {"status": "ok", **_card(method)})


def _paid(invoice: Object) -> Said:
    """Money in another currency is not reckoned: what it is worth in dollars is not Stripe's to say here."""
    usd = invoice.amount_paid / CENTS if invoice.currency == "usd" else 0.0
    return Said(None, {"status": "ok"}, settled_usd=usd)


_SAID = {
    "charge.failed": _failed,
    "charge.succeeded": _succeeded,
    "charge.dispute.created": _disputed,
    "radar.early_fraud_warning.created": _warned,
    "payment_method.attached": _attached,
    "invoice.paid": _paid,
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


def facts_after(facts: Facts, said: Said) -> Facts:
    """The facts after an event: those before, with what it says. A dispute stays one whatever is paid after it."""
    payment = facts.payment or Payment()
    changes = dict(said.changes)
    if payment.status == "disputed":
        changes.pop("status", None)
    if said.settled_usd:
        changes["settled_usd"] = (payment.settled_usd or 0.0) + said.settled_usd
    if said.declines:
        changes["declines_30d"] = (payment.declines_30d or 0) + said.declines
    if said.disputes:
        changes["disputes"] = (payment.disputes or 0) + said.disputes
    if not changes:
        return facts
    named = tuple(dict.fromkeys([*facts.from_events, *changes]))
    return structs.replace(facts, payment=structs.replace(payment, **changes), from_events=named)
