"""Indicators that other operators shared, imported as evidence with a weight, for a stated time. Pure.

An indicator adds points to the risk of a check that shows its value. It stops no request by itself.
"""

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from geoip.facts import AddressFacts
from reputation.engine.entries import Networks, active, canonical, put
from reputation.state.facts import Facts
from reputation.wire.messages import Client, Reason

IndicatorKind = Literal["network", "asn", "ja4", "issuer", "mail"]
"""A network, an ASN, a TLS fingerprint (JA4), a card issuer number, a domain of e-mail addresses."""
WORDS: Final[dict[str, str]] = {
    "network": "the network",
    "asn": "AS",
    "ja4": "the TLS fingerprint",
    "issuer": "the card issuer number",
    "mail": "e-mail addresses at",
}
SIGNALS: Final = {kind: f"indicator_{kind}" for kind in WORDS}
FULL: Final = 100
"""The confidence of an indicator at which its whole weight counts; STIX 2.1, section 3.2, has 0 to 100."""
Weight = Annotated[float, Meta(gt=0, le=1)]


class Indicator(Struct, frozen=True):
    """One value. confidence: 0 to 100, how sure the other operator is that a holder is of the actor.

    until: when it stops being valid, in seconds since 1970; 0: with its bundle.
    """

    kind: IndicatorKind
    value: str
    confidence: int
    until: float = 0.0


class Bundle(Struct, frozen=True):
    """What one import brought, as it is kept; at, expires: seconds since 1970; weight: log-odds at full confidence."""

    id: str
    source: str
    reason: str
    by: str
    at: float
    expires: float
    weight: float
    indicators: tuple[Indicator, ...]


class Match:
    """One indicator, ready for look-up."""

    __slots__ = ("expires", "reason", "value")

    def __init__(self, indicator: Indicator, bundle: Bundle) -> None:
        kind, value = indicator.kind, indicator.value
        gap = "" if kind == "asn" else " "
        words = f"{WORDS[kind]}{gap}{value} is an indicator of {bundle.source}, {indicator.confidence}% sure"
        self.value = value
        self.expires = min(bundle.expires, indicator.until) if indicator.until else bundle.expires
        self.reason = Reason(SIGNALS[kind], bundle.weight * indicator.confidence / FULL, words)


def indicator_of(kind: IndicatorKind, value: str, confidence: int, until: float = 0.0) -> Indicator:
    """Make an indicator, its value in canonical form. Raises Invalid."""
    known = canonical(kind, value) if kind in ("network", "asn") else value
    return Indicator(kind, known.lower() if kind == "mail" else known, confidence, until)


class Indicators:
    """The indicators of one tenant. Of several for one value, the one with the most points counts."""

    def __init__(self, bundles: Iterable[Bundle]) -> None:
        self._asns: dict[int, tuple[Match, ...]] = {}
        self._ja4: dict[str, tuple[Match, ...]] = {}
        self._issuers: dict[str, tuple[Match, ...]] = {}
        self._mail: dict[str, tuple[Match, ...]] = {}
        self._networks: Networks[Match] = Networks()
        found = [(one.kind, Match(one, bundle)) for bundle in bundles for one in bundle.indicators]
        for kind, match in sorted(found, key=lambda pair: -pair[1].reason.points):
            self._place(kind, match)
        self._networks.sort()

    def _place(self, kind: IndicatorKind, match: Match) -> None:
        if kind == "network":
            self._networks.add(match)
        elif kind == "asn":
            put(self._asns, int(match.value), match)
        else:
            put({"ja4": self._ja4, "issuer": self._issuers, "mail": self._mail}[kind], match.value, match)

    def find(self, facts: Facts, address: AddressFacts | None, client: Client, now: float) -> tuple[Reason, ...]:
        """Return a reason for each kind of value of a check that an active indicator names."""
        iin = None if facts.payment is None else facts.payment.iin
        network = None if address is None else self._networks.find(address, now)
        asn = None if address is None or address.asn is None else active(self._asns.get(address.asn, ()), now)
        ja4 = None if client.ja4 is None else active(self._ja4.get(client.ja4, ()), now)
        issuer = None if iin is None else active(self._issuers.get(iin, ()), now)
        mail = None if facts.email_domain is None else active(self._mail.get(facts.email_domain.lower(), ()), now)
        return tuple([one.reason for one in (network, asn, ja4, issuer, mail) if one is not None])
