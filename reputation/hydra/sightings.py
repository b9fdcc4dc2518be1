"""The linker's input: one line a check, facts when they change, outcomes, and what operators decided.

Everything is a compact array on the wire (`msgspec.msgpack`), because it crosses a pipe in batches.
None is "not known", and never evidence.
"""

from typing import Literal

from msgspec import Struct

Ruling = Literal["split", "pin", "release", "bless", "restrain", "deny", "forget", "erase"]
Part = Literal[
    "cells", "session_rings", "device_rings", "card_rings", "conversation_rings", "fingerprints", "meetings", "waves",
    "crews", "relays", "growth", "precedence", "network", "geography", "software", "device", "session", "model",
    "content", "payment", "time", "pivot", "rotation", "reaction", "organisation", "origin", "rhythm",
    "load", "synchrony",
]  # fmt: skip
"""What linking can do without: a detector (up to `precedence`), or a family of evidence."""
Bound = Literal["device", "session"]
"""What an operator can bind to one account, as by a signed cookie."""
GIVEN = ("phone", "prepaid", "card")
"""Rungs of the entry allowance that an account can have besides those of an e-mail address and of money."""


class Sighting(Struct, frozen=True, array_like=True, gc=False):
    """One check as the linker sees it. at: seconds since 1970; cost: the tenant's unit.

    host is the exact IPv4 address or the IPv6 /64, net its /24 or /48, network the kind of network
    (hosting, vpn, relay, education, mobile, ...); content holds SimHashes in hex. stopped: the decision was
    not allow, so the request counts as demand, not as use. part: the newcomers' reserve that it drew on.
    """

    at: float
    account: str
    host: str | None = None
    net: str | None = None
    asn: int | None = None
    country: str | None = None
    network: str | None = None
    ja4: str | None = None
    user_agent: str | None = None
    device: str | None = None
    session: str | None = None
    model: str | None = None
    content: tuple[str, ...] = ()
    stopped: bool = False
    cost: float = 1.0
    part: str | None = None


class Origin(Struct, frozen=True, array_like=True, gc=False):
    """What the sign-up of an account showed. net is a /24 or /48, network the kind of network, as in a sighting."""

    net: str | None = None
    asn: int | None = None
    country: str | None = None
    network: str | None = None
    ja4: str | None = None
    user_agent: str | None = None
    email_kind: str | None = None


class Known(Struct, frozen=True, array_like=True, gc=False):
    """What is known of an account; the newest replaces the one before. created_at: seconds since 1970.

    given: those of GIVEN that it has.
    """

    account: str
    created_at: float | None = None
    plan: str | None = None
    verified: tuple[str, ...] | None = None
    organisation: str | None = None
    organisation_verified: bool = False
    payment_status: str | None = None
    card: str | None = None
    funding: str | None = None
    iin: str | None = None
    issuer_country: str | None = None
    settled_usd: float | None = None
    disputes: int | None = None
    confirmed: bool = True
    proven: bool = False
    payer: bool = False
    email_domain: str | None = None
    signup: Origin | None = None
    settled_30d_usd: float | None = None
    given: tuple[str, ...] = ()


class OperatorRuling(Struct, frozen=True, array_like=True, gc=False):
    """An operator's decision, in force until `until` (None: until it is taken back with "forget").

    split: the cluster's present members are never linked with each other again; pin: the account stays in the
    cluster; release: the account is in no cluster; bless: the cluster stays known and is never restrained;
    erase: the linker drops all that it knows of the account (`headcount forget`).
    restrain: its members are restricted however sure the links are; deny: it stays known,
    and operators' deny list stops it.
    id: what "forget" takes back; a ruling without one is known by its cluster and account.
    """

    ruling: Ruling
    cluster: str | None = None
    account: str | None = None
    until: float | None = None
    reason: str = ""
    id: str = ""


class OutcomeNote(Struct, frozen=True, array_like=True, gc=False, tag="Told"):
    """An outcome that came back for an account, such as "chargeback" or "good"."""

    account: str
    outcome: str
    at: float


Note = Sighting | Known | OutcomeNote | OperatorRuling
"""One piece of news for the linker."""
