"""People who are signed in: by a session's cookie, or by a proxy that names them. Only the console changes for them."""

import hashlib
import hmac
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from aiohttp import web

from reputation.admin.access import Caller
from reputation.admin.sessions import Session
from reputation.config.file import Settings, TokenSettings
from reputation.config.sign_in import GroupSettings, OidcSettings, ProxySettings, networks
from reputation.wire.errors import BadRequest, NotAllowed

COOKIE, ENCRYPTED_COOKIE = "headcount", "__Host-headcount"
"""The session's cookie; a page of another host of the domain cannot set one with the prefix, which needs HTTPS."""
LONGEST_NAME = 256
READING = frozenset({"GET", "HEAD"})


def caller_of_session(settings: Settings, session: Session) -> Caller | None:
    """Return the caller of a session by today's settings: None if its token or its groups give no role any more."""
    if session.via == "token":
        held = (one for one in settings.tokens if hmac.compare_digest(mark_of(one), session.token))
        token = next(held, None)
        return None if token is None else Caller(token.name, token.role, token.tenants)
    if settings.sign_in.oidc is None or session.issuer != settings.sign_in.oidc.issuer:
        return None
    return caller_of_groups(settings.sign_in.groups, session.name, session.groups, session.via)


def caller_of_groups(
    known: tuple[GroupSettings, ...], name: str, groups: Iterable[str], via: str
) -> Caller | None:  # fmt: skip
    """Return the caller that the first known group of a person makes; None without one."""
    held = frozenset(groups)
    found = next((group for group in known if group.name in held), None)
    return None if found is None else Caller(name, found.role, found.tenants, via)


def mark_of(token: TokenSettings) -> str:
    """What a session keeps of its token: it changes with the token, and is neither the token nor its hash."""
    return hashlib.sha256(f"session {token.sha256}".encode()).hexdigest()


def proxied(settings: Settings, request: web.Request) -> Caller | None:
    """Return the person that a trusted proxy names; None without one. Raises BadRequest, NotAllowed."""
    proxy = settings.sign_in.proxy
    if proxy is None or not is_peer(proxy, request.remote or ""):
        return None
    name = _single(request, proxy.user)
    if not name:
        return None
    groups = [group.strip() for group in _single(request, proxy.groups).split(",")]
    found = caller_of_groups(settings.sign_in.groups, checked_name(name, proxy.user), groups, "proxy")
    if found is None:
        raise NotAllowed("no group of yours has a role here; sign_in.groups in the configuration names the groups")
    return found


def is_peer(proxy: ProxySettings, address: str) -> bool:
    """Say whether a connection from this address may name people."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in networks(proxy))


def _single(request: web.Request, name: str) -> str:
    values = request.headers.getall(name, [])
    if len(values) > 1:
        raise BadRequest(f"{name} came {len(values)} times; the proxy must remove the header that a client sends", "")
    return values[0].strip() if values else ""


def checked_name(name: str, place: str) -> str:
    """Return a person's name if it can stand in a log. Raises BadRequest."""
    if not name.isprintable() or len(name) > LONGEST_NAME:
        raise BadRequest(f"{place} must be printable text of at most {LONGEST_NAME} characters", "")
    return name


def refuse_other_sites(request: web.Request, oidc: OidcSettings | None) -> None:
    """Refuse a change that a page of another site could have caused in a browser that is signed in (CSRF).

    A browser says where a request comes from, and a page cannot change what it says. A program uses a token instead.
    """
    if request.method in READING:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is None and origin is None:
        raise NotAllowed("a change without a token must come from the console; a program sends Authorization: Bearer")
    same = site == "same-origin" if site is not None else origin in _origins(request, oidc)
    if not same:
        raise NotAllowed("a page of another site may change nothing here")
    if request.method != "DELETE" and request.content_type != "application/json":
        raise BadRequest("send Content-Type: application/json", "")


def _origins(request: web.Request, oidc: OidcSettings | None) -> list[str]:
    parts, host = urlsplit("" if oidc is None else oidc.url), request.headers.get("Host")
    return [f"http://{host}", f"https://{host}", *([f"{parts.scheme}://{parts.netloc}"] if parts.netloc else [])]


def is_encrypted(request: web.Request, oidc: OidcSettings | None) -> bool:
    """Say whether the browser came by HTTPS; a client that claims it without truth only loses its own cookie."""
    if request.secure or request.headers.get("X-Forwarded-Proto", "").split(",")[0].strip().lower() == "https":
        return True
    parts = urlsplit("" if oidc is None else oidc.url)
    return parts.scheme == "https" and parts.netloc == request.headers.get("Host")


def cookie_name(request: web.Request, oidc: OidcSettings | None) -> str:
    return ENCRYPTED_COOKIE if is_encrypted(request, oidc) else COOKIE
