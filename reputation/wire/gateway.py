"""Messages from and to a gateway, and a tenant's settings of its gateways."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, get_type_hints

from msgspec import Meta, Struct

from reputation.wire.messages import NESTED, Account, Client

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
    """The response to the gateway; the listener adds Content-Length, Date and Connection."""

    status: int
    body: bytes = b""
    headers: Headers = ()


class GatewaySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Messages from the tenant's gateway. Header names are case-insensitive.

    `facts` maps a header to a member of a check, such as `{"X-Plan": "account.plan"}`. The gateway must remove the
    header from the client's request and set its own.
    """

    trusted_hops: Annotated[
        int,
        Meta(
            ge=0,
            description="Position of the client's address in X-Forwarded-For, counted from the right; "
            "0: the address that connects to Headcount.",
        ),
    ] = 1
    account_header: (
        Annotated[str, Meta(pattern=HEADER, description="Header with the account's id; API keys are then not used.")]
        | None
    ) = None
    key_header: (
        Annotated[
            str,
            Meta(
                pattern=HEADER,
                description="Header with the API key; if present, it replaces Authorization and X-Api-Key.",
            ),
        ]
        | None
    ) = None
    ja4_header: (
        Annotated[str, Meta(pattern=HEADER, description="Header with the client's JA4; none: JA4 is not known.")] | None
    ) = None
    facts: Annotated[
        dict[str, str],
        Meta(description="Headers with facts, and the member of a check that each header fills."),
    ] = {}


PARTS: Mapping[str, type[Struct]] = {
    "account": Account,
    **{f"account.{name}": kind for name, kind in NESTED.items()},
    "client": Client,
}


READ_FROM_KEYS = frozenset({"account.credentials", "account.jwt"})
"""Members that no header can be mapped to: the adapter fills them from the headers with keys."""


def _members() -> dict[str, Any]:
    return {
        f"{part}.{name}": kind
        for part, struct in PARTS.items()
        for name, kind in get_type_hints(struct, include_extras=True).items()
        if f"{part}.{name}" not in {*PARTS, *READ_FROM_KEYS}
    }


# What a header may be mapped to, such as account.plan or account.payment.settled_usd, and its type. Nothing
# of `request`: a client that repeats a request's id is charged once for everything, and clients like to choose it.
MEMBERS = _members()


def check_members(facts: Mapping[str, str]) -> None:
    """Check the mapping of headers in a configuration. Raises ValueError for an unknown member of a check."""
    for header, member in facts.items():
        if not re.fullmatch(HEADER, header):
            raise ValueError(f"{header!r} is no header's name, so nothing would come under it")
        if member not in MEMBERS:
            known = ", ".join(sorted(MEMBERS))
            raise ValueError(f"header {header}: a check has no member {member}; known: {known}")
