"""Access to the admin listener: bearer tokens with a role, or, without any token, only this machine."""

import hashlib
import hmac
from collections.abc import Container
from ipaddress import ip_address
from typing import NamedTuple

from reputation.config.file import TokenSettings
from reputation.tuning.audit import Author
from reputation.wire.errors import BadRequest, NotAllowed, NotAuthenticated

ROLES = {"reader": 0, "operator": 1, "admin": 2}


class Caller(NamedTuple):
    """The caller of a request. tenants: the tenants it may access; empty: all. via: token, proxy, oidc or local."""

    name: str
    role: str
    tenants: tuple[str, ...]
    via: str = "token"

    @property
    def author(self) -> Author:
        return Author(self.name, self.role, self.via, self.tenants)


LOCAL = Caller("local", "admin", (), "local")


def is_loopback(host: str) -> bool:
    """Say whether a listener on this address can be reached only from this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def authenticate(tokens: tuple[TokenSettings, ...], authorization: str | None) -> Caller:
    """Find the caller by its bearer token. Raises NotAuthenticated."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated("send Authorization: Bearer TOKEN, or sign in at /console/")
    found = token_of(tokens, token)
    return Caller(found.name, found.role, found.tenants)


def token_of(tokens: tuple[TokenSettings, ...], token: str) -> TokenSettings:
    """Find a token, in constant time. Raises NotAuthenticated."""
    digest = hashlib.sha256(token.strip().encode("utf-8", "surrogatepass")).hexdigest()
    found = None
    for known in tokens:
        if hmac.compare_digest(known.sha256, digest):
            found = known
    if found is None:
        raise NotAuthenticated("this token is not known")
    return found


FORWARDED = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
    "Via",
    "CF-Connecting-IP",
)
"""What a proxy adds to a request. One on this machine would make every client of it a local caller."""


def check_local(
    host: str | None, method: str, content_type: str, origin: str | None, headers: Container[str] = ()
) -> Caller:
    """Accept calls from this machine without a token, but refuse calls from web pages in a browser, and from proxies.

    A web page can send forms and simple requests, and with DNS rebinding its own Host. It cannot send application/json
    without a preflight request, and it cannot choose the Host header.
    """
    if not is_loopback(_without_port(host or "")):
        raise NotAllowed("without tokens the admin listener accepts only a loopback Host, such as 127.0.0.1")
    forwarded = next((name for name in FORWARDED if name in headers), None)
    if forwarded is not None:
        raise NotAllowed(
            f"without tokens the admin listener accepts no request that a proxy forwards ({forwarded}); set tokens"
        )
    if origin is not None and not is_loopback(_without_port(origin.partition("://")[2])):
        raise NotAllowed("without tokens the admin listener accepts no calls from other sites")
    if method not in ("GET", "HEAD", "DELETE") and content_type != "application/json":
        raise BadRequest("send Content-Type: application/json", "")
    return LOCAL


def _without_port(host: str) -> str:
    return host if host.endswith("]") else host.rsplit(":", 1)[0]


def sees(caller: Caller, tenant: str) -> bool:
    """Say whether a caller may access a tenant; a caller without a list of tenants may access all."""
    return not caller.tenants or tenant in caller.tenants


def authorise(caller: Caller, role: str, tenant: str | None) -> None:
    """Check a caller's role and tenant. Raises NotAllowed."""
    if ROLES[caller.role] < ROLES[role]:
        raise NotAllowed(f"this needs the role {role}; {caller.name} has the role {caller.role}")
    if tenant is not None and not sees(caller, tenant):
        raise NotAllowed(f"{caller.name} may not access tenant {tenant!r}")
