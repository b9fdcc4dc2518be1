"""Common parts of all gateways' messages: the account, the client's address and fingerprint, the facts.

A client can write any of these headers. Values too long for the wire format are shortened and never an
error. A header that must occur once and occurs twice is refused (ValueError, a 400), because the API behind
the gateway might read the other one; every shipped gateway configuration stops a request on a 400, fail-open
or not.
"""

import socket
from typing import Final

from reputation.wire.gateway import GatewaySettings, HttpMessage
from reputation.wire.messages import Call, Client, Request

from .facts import with_facts
from .keys import account
from .lines import BLANKS, LONGEST_KEY, Lines, first, named, text

LONGEST_TEXT: Final = 1024
NO_ADDRESS: Final = "unknown"  # RFC 7239's word; all requests that it stands in share one allowance for unknown keys
NOT_MEASURED: Final = ("", "-")  # what gateways write for a value that they do not have


def address(value: str) -> str | None:
    """An IP address in one of the forms written by proxies; None for other text.

    Taken off: blanks, one pair of double quotes, brackets, a port, an IPv6 zone.
    """
    bare = value.strip(BLANKS)
    if len(bare) > 1 and bare[0] == bare[-1] == '"':
        bare = bare[1:-1]
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    if ":" in bare:
        bare = bare.partition("%")[0]
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in bare else socket.AF_INET, bare)
    except (OSError, ValueError):  # ValueError: not ASCII, or a NUL inside
        return None
    return bare


def forwarded(lines: Lines) -> list[str]:
    """All hops of X-Forwarded-For, leftmost first; several lines are one list (RFC 9110, 5.3)."""
    joined = b",".join([value for name, value in lines if name == b"x-forwarded-for"])
    return text(joined).split(",") if joined else []


def client_address(message: HttpMessage, trusted_hops: int) -> str | None:
    """The client's address as the outermost trusted proxy saw it.

    Every trusted proxy appends the address that it was called from, so the client is that many places from
    the right, and all that stands left of it was written by the client. A list shorter than that was written
    by trusted proxies alone: its leftmost. No list, or no address in that place: not known (None); the peer
    is a proxy, and to count its address would make one client of all. With 0 trusted hops it is the
    peer that is the client.
    """
    if trusted_hops == 0:
        return address(message.peer)
    hops = forwarded(message.headers)
    return address(hops[-min(trusted_hops, len(hops))]) if hops else None


def unusable(lines: Lines, trusted_hops: int) -> str | None:
    """The text in place of an address if the gateway sent hops, but no address in the client's place."""
    return NO_ADDRESS if trusted_hops and forwarded(lines) else None


def fingerprint(lines: Lines, settings: GatewaySettings) -> str | None:
    """The JA4 in the configured header; without one a client could choose it."""
    if settings.ja4_header is None:
        return None
    value = first(lines, named(settings.ja4_header))
    return None if value in NOT_MEASURED else value[:LONGEST_KEY]


def route(target: str) -> str | None:
    """The path of a request target as it was written; a query may hold secrets and stays behind."""
    return target.partition("?")[0][:LONGEST_TEXT] or None


def check(message: HttpMessage, tenant: str, settings: GatewaySettings, target: str) -> Request:
    """The check for a gateway's message; target is the client's request target.

    ValueError if it names neither an account nor an address, or an account twice.
    """
    lines = message.headers
    request = Request(
        tenant=tenant,
        account=account(lines, settings),
        client=Client(
            ip=client_address(message, settings.trusted_hops) or unusable(lines, settings.trusted_hops),
            ja4=fingerprint(lines, settings),
            user_agent=first(lines, b"user-agent")[:LONGEST_TEXT] or None,
        ),
        request=Call(route=route(target)),
    )
    if settings.facts:
        request = with_facts(request, lines, settings.facts)
    who = request.account
    if (who.id or who.key or who.credentials) is None and request.client.ip in (None, NO_ADDRESS):
        raise ValueError("the gateway sent neither a key nor a client address (X-Forwarded-For)")
    return request
