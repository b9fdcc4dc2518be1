"""Payment: settled amounts, the kind of card, and failures."""

import math
from functools import cache, lru_cache
from typing import Final

from reputation.signals.seen import Seen
from reputation.wire.messages import Reason

CAP: Final = 3.0
OWN_EVIDENCE: Final = True
HARD_EVIDENCE: Final = frozenset({"declines", "disputes"})

STATUS_POINTS: Final = {"none": (0.2, "no payment method"), "ok": (-0.2, None), "failed": (0.8, "payment failed"),
                 "disputed": (1.6, "payment disputed")}  # fmt: skip
FUNDING_POINTS: Final = {"credit": (-0.2, None), "debit": (-0.1, None), "prepaid": (0.519, "prepaid card"),
                  "unknown": (0.0, None)}  # fmt: skip
SETTLED_SCALE: Final = 20.0  # US dollars that make a payer
SETTLED_POINTS: Final = -0.5  # for each e-fold above it
SETTLED_MOST: Final = -2.0
DECLINE_POINTS: Final = 0.35
DISPUTE_POINTS: Final = 1.0
FOREIGN_CARD_POINTS: Final = 0.3


@cache
def _method(status: str | None, funding: str | None) -> Reason:
    status_points, status_words = STATUS_POINTS.get(status or "", (0.0, None))
    funding_points, funding_words = FUNDING_POINTS.get(funding or "", (0.0, None))
    words = ", ".join(word for word in (status_words, funding_words) if word)
    return Reason("payment", status_points + funding_points, words or None)


@lru_cache(4096)
def _settled(usd: float) -> Reason:
    points = max(SETTLED_POINTS * math.log1p(usd / SETTLED_SCALE), SETTLED_MOST)
    return Reason("settled", points, f"{usd:g} USD settled")


@lru_cache(4096)
def _foreign_card(issuer: str, country: str) -> Reason | None:
    issuer = issuer.upper()
    if issuer == country:
        return None
    return Reason("issuer_country", FOREIGN_CARD_POINTS, f"card of {issuer}, address in {country}")


def evidence(seen: Seen, now: float) -> list[Reason]:  # noqa: ARG001 - every family has the same two arguments
    payment = seen.facts.payment
    if payment is None:
        return []
    found = [_method(payment.status, payment.funding)]
    settled, declines, disputes = payment.settled_usd, seen.marks.declines, payment.disputes
    if settled:
        found.append(_settled(settled))
    if declines:
        points = DECLINE_POINTS * min(declines, 4)
        found.append(Reason("declines", points, f"{declines} declines in 30 days"))
    if disputes:
        found.append(Reason("disputes", DISPUTE_POINTS * min(disputes, 3), f"{disputes} disputes"))
    issuer, address = payment.issuer_country, seen.address
    country = None if address is None else address.country
    if issuer and country and issuer != country and (foreign := _foreign_card(issuer, country)) is not None:
        found.append(foreign)
    return found
