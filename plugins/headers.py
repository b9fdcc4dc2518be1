"""What all gateways' messages have in common: who the account is, where the client is, what it says.

A client can write any of these headers. Values too long for the wire format are shortened and never an
error. A header that must occur once and occurs twice is refused (ValueError, a 400), because the API behind
the gateway might read the other one; every shipped gateway configuration stops a request on a 400, fail-open
or not.
"""

import base64
import binascii
import socket

from reputation.events import Account, Call, Client, Request
from reputation.gateway import GatewaySettings, HttpMessage

from .facts import with_facts
from .lines import LONGEST_KEY, Lines, first, named, only, short_key, text

LONGEST_TEXT = 1024
NOT_MEASURED = ("", "-")  # what gateways write for a value that they do not have


def basic_key(credentials: str) -> str:
    """`user:password` as it was encoded; the user alone where the password is empty, as API keys are sent."""
    try:
        user, _, password = text(base64.b64decode(credentials, validate=True)).partition(":")
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        return credentials
    return f"{user}:{password}" if password else user


def authorization_key(value: str) -> str:
    """The part of Authorization that is the key.

    `Bearer KEY` and any other `Scheme KEY`: KEY. `Basic`: see basic_key. A bare `KEY`, or a scheme with
    parameters: the whole value.
    """
    scheme, _, rest = value.partition(" ")
    credentials = rest.strip()
    if scheme.lower() == "basic":
        return basic_key(single("authorization", credentials))
    if scheme.lower() == "bearer":
        return single("authorization", credentials) or value
    return credentials if credentials and not set(" ,") & set(credentials) else value


def single(header: str, key: str) -> str:
    """The key, unless it is several: proxies join the lines of one header with commas; no key has one."""
    if "," in key:
        raise ValueError(f"more than one {header} header")
    return key


def api_key(lines: Lines) -> str | None:
    """The key in Authorization, else in X-Api-Key.

    ValueError if either holds more than one, or if they hold two: the API might read the other one, and a client
    could so choose whose limit it uses.
    """
    authorization = only(lines, b"authorization")
    separate = single("x-api-key", only(lines, b"x-api-key"))
    key = authorization_key(authorization) if authorization else separate
    if separate and key != separate:
        raise ValueError("Authorization and X-Api-Key hold different keys")
    return short_key(key)


def account(lines: Lines, settings: GatewaySettings) -> Account:
    """Who asks: the account that the configured header names, else the owner of the key."""
    if settings.account_header is None:
        return Account(key=api_key(lines))
    return Account(id=short_key(only(lines, named(settings.account_header))))


def address(value: str) -> str | None:
    """An IP address in one of the forms that proxies write, with or without a port; None if it is none."""
    bare = value.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
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
    is a proxy, and to count its address would make one client of everybody. With 0 trusted hops it is the
    peer that is the client.
    """
    if trusted_hops == 0:
        return address(message.peer)
    hops = forwarded(message.headers)
    return address(hops[-min(trusted_hops, len(hops))]) if hops else None


def fingerprint(lines: Lines, settings: GatewaySettings) -> str | None:
    """The JA4 in the header that configuration names; without one it would be the client's to choose."""
    if settings.ja4_header is None:
        return None
    value = first(lines, named(settings.ja4_header))
    return None if value in NOT_MEASURED else value[:LONGEST_KEY]


def route(target: str) -> str | None:
    """The path of a request target as it was written; a query may hold secrets and stays behind."""
    return target.partition("?")[0][:LONGEST_TEXT] or None


def check(message: HttpMessage, tenant: str, settings: GatewaySettings, target: str) -> Request:
    """The check for a gateway's message; target is what the client asked the gateway for.

    ValueError if it names neither an account nor an address, or an account twice.
    """
    lines = message.headers
    request = Request(
        tenant=tenant,
        account=account(lines, settings),
        client=Client(
            ip=client_address(message, settings.trusted_hops),
            ja4=fingerprint(lines, settings),
            user_agent=first(lines, b"user-agent")[:LONGEST_TEXT] or None,
        ),
        request=Call(route=route(target)),
    )
    if settings.facts:
        request = with_facts(request, lines, settings.facts)
    if (request.account.id, request.account.key, request.client.ip) == (None, None, None):
        raise ValueError("the gateway sent neither a key nor a client address (X-Forwarded-For)")
    return request
