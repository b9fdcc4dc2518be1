"""Payment: what settled, how, and what went wrong."""

import math

from reputation.events import Payment
from reputation.score import Evidence
from reputation.signals.seen import Seen

FAMILY = "payment"

STATUS_POINTS = {"none": (0.2, "no payment method"), "ok": (-0.2, None), "failed": (0.8, "payment failed"),
                 "disputed": (1.6, "payment disputed")}  # fmt: skip
FUNDING_POINTS = {"credit": (-0.2, None), "debit": (-0.1, None), "prepaid": (0.519, "prepaid card"),
                  "unknown": (0.0, None)}  # fmt: skip
SETTLED_SCALE = 20.0  # US dollars that make a payer
SETTLED_POINTS = -0.5  # for each e-fold above it
SETTLED_MOST = -2.0
DECLINE_POINTS = 0.35
DISPUTE_POINTS = 1.0
FOREIGN_CARD_POINTS = 0.3


def _method(payment: Payment) -> Evidence:
    status, status_words = STATUS_POINTS.get(payment.status or "", (0.0, None))
    funding, funding_words = FUNDING_POINTS.get(payment.funding or "", (0.0, None))
    words = ", ".join(word for word in (status_words, funding_words) if word)
    return Evidence("payment", status + funding, words or None)


def evidence(seen: Seen, now: float) -> list[Evidence]:  # noqa: ARG001 - every family has the same two arguments
    payment = seen.facts.payment
    if payment is None:
        return []
    found = [_method(payment)]
    if payment.settled_usd:
        points = max(SETTLED_POINTS * math.log1p(payment.settled_usd / SETTLED_SCALE), SETTLED_MOST)
        found.append(Evidence("settled", points, f"{payment.settled_usd:g} USD settled"))
    if payment.declines_30d:
        points = DECLINE_POINTS * min(payment.declines_30d, 4)
        found.append(Evidence("declines", points, f"{payment.declines_30d} declines in 30 days"))
    if payment.disputes:
        found.append(Evidence("disputes", DISPUTE_POINTS * min(payment.disputes, 3), f"{payment.disputes} disputes"))
    issuer, address = payment.issuer_country, seen.address
    if issuer and address is not None and address.country and issuer.upper() != address.country:
        words = f"card of {issuer.upper()}, address in {address.country}"
        found.append(Evidence("issuer_country", FOREIGN_CARD_POINTS, words))
    return found
