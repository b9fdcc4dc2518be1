"""What a gateway adapter is given and what it gives back; the adapters live in plugins/, one folder a gateway."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, Protocol, get_type_hints

from msgspec import Meta, Struct

from reputation.events import NESTED, Account, Client, Request, Verdict

Headers = tuple[tuple[bytes, bytes], ...]
HEADER = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$"
"""A header's name (RFC 9110, 5.6.2); under another one nothing ever comes."""


class HttpMessage(NamedTuple):
    """One request as a listener received it.

    target is the raw request target, path and query; header names are lower case, values stripped, in order.
    """

    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    peer: str = ""


class Reply(NamedTuple):
    """What goes back; the listener adds Content-Length, Date and Connection."""

    status: int
    body: bytes = b""
    headers: Headers = ()


class Quota(Struct, frozen=True, forbid_unknown_fields=True):
    """What all Envoys together may let through for one bucket of RLQS."""

    rate: Annotated[float, Meta(ge=1 / 3600, le=1e6, description="Requests a second.")]
    burst: Annotated[float, Meta(ge=1, le=1e9, description="Requests at once.")]


class EnvoySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What Envoy's rate limit service (RLS) and its quotas (RLQS) ask for."""

    domains: Annotated[
        tuple[str, ...],
        Meta(description="Domains of RLS and RLQS that are this tenant's, beside the one of its name."),
    ] = ()
    descriptors: (
        Annotated[
            dict[str, str],
            Meta(
                description="Keys of RLS descriptors, and the member of a check that each fills; none: the usual ones."
            ),
        ]
        | None
    ) = None
    quotas: Annotated[
        dict[str, dict[str, Quota]],
        Meta(description="Buckets of RLQS: a key, its values (`*`: each other one), and what each may do."),
    ] = {}
    quota_ttl: Annotated[
        int,
        Meta(ge=6, le=86_400, description="Seconds that Envoy trusts a quota that nobody renews; it reports every 5."),
    ] = 30


class GatewaySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What one tenant's gateway sends, from the tenant's configuration. Header names are case-insensitive.

    facts maps a header, set by the gateway after it removed the client's own, to a member of a check,
    such as {"X-Plan": "account.plan"}.
    """

    trusted_hops: Annotated[
        int,
        Meta(
            ge=0,
            description="Place of the client's address in X-Forwarded-For, counted from the right; "
            "0: whoever connects to Headcount.",
        ),
    ] = 1
    account_header: (
        Annotated[str, Meta(pattern=HEADER, description="Header with the account's id; keys no longer count then.")]
        | None
    ) = None
    key_header: (
        Annotated[
            str,
            Meta(
                pattern=HEADER,
                description="Header whose key counts, where it is there, in the place of Authorization and X-Api-Key.",
            ),
        ]
        | None
    ) = None
    ja4_header: (
        Annotated[str, Meta(pattern=HEADER, description="Header with the client's JA4; none: not known.")] | None
    ) = None
    facts: Annotated[
        dict[str, str],
        Meta(description="Headers that carry facts, and the member of a check that each one fills."),
    ] = {}
    envoy: Annotated[EnvoySettings, Meta(description="Envoy's rate limit service and quotas.")] = EnvoySettings()


PARTS: Mapping[str, type[Struct]] = {
    "account": Account,
    **{f"account.{name}": kind for name, kind in NESTED.items()},
    "client": Client,
}


READ_FROM_KEYS = frozenset({"account.credentials", "account.jwt"})
"""Members that no header can be mapped to: they are what becomes of the headers that hold keys."""


def _members() -> dict[str, Any]:
    return {
        f"{part}.{name}": kind
        for part, struct in PARTS.items()
        for name, kind in get_type_hints(struct, include_extras=True).items()
        if f"{part}.{name}" not in {*PARTS, *READ_FROM_KEYS}
    }


# What a header may be mapped to, such as account.plan or account.payment.settled_usd, and its type. Nothing
# of `request`: whoever repeats a request's id is charged once for everything, and clients like to choose it.
MEMBERS = _members()

DESCRIPTORS: Mapping[str, str] = {
    "account": "account.id",
    "api_key": "account.key",
    "authorization": "account.key",
    "remote_address": "client.ip",
    "masked_remote_address": "client.ip",
    "user_agent": "client.user_agent",
    "path": "request.route",
    "headcount_hold": "request.hold",
    "headcount_verdict": "verdict",
}
"""Keys of Envoy's descriptors that are known where a tenant names none of its own."""


DESCRIBED = frozenset({*MEMBERS, "request.route", "request.hold", "verdict"})
"""What a descriptor's key may be mapped to: `verdict` settles that verdict's hold by the descriptor's hits."""


def check_descriptors(descriptors: Mapping[str, str]) -> None:
    """ValueError if a descriptor's key is mapped to something that it cannot fill; for reading configuration."""
    for key, member in descriptors.items():
        if member not in DESCRIBED:
            known = ", ".join(sorted(DESCRIBED))
            raise ValueError(f"descriptor {key}: a check has no member {member}; known: {known}")


def check_members(facts: Mapping[str, str]) -> None:
    """ValueError if a header is mapped to something that a check does not have; for reading configuration."""
    for header, member in facts.items():
        if not re.fullmatch(HEADER, header):
            raise ValueError(f"{header!r} is no header's name, so nothing would come under it")
        if member not in MEMBERS:
            known = ", ".join(sorted(MEMBERS))
            raise ValueError(f"header {header}: a check has no member {member}; known: {known}")


class Adapter(Protocol):
    """A module in plugins/: two plain functions that know neither stores nor limiter."""

    def read(self, message: HttpMessage, tenant: str, settings: GatewaySettings) -> Request:
        """Turn the gateway's message into a check; ValueError if it cannot be one."""

    def answer(self, verdict: Verdict) -> Reply:
        """Turn the verdict into the status and headers that this gateway understands."""
