"""Who may use the admin listener: bearer tokens with a role, or, without any, this machine alone."""

import hashlib
import hmac
from ipaddress import ip_address
from typing import NamedTuple

from reputation.config import TokenSettings
from reputation.errors import BadRequest, NotAllowed, NotAuthenticated

ROLES = {"reader": 0, "operator": 1, "admin": 2}


class Caller(NamedTuple):
    """Who asks. tenants: the ones it may see; none named: all."""

    name: str
    role: str
    tenants: tuple[str, ...]


LOCAL = Caller("local", "admin", ())


def is_loopback(host: str) -> bool:
    """Say whether an address to listen on reaches this machine alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def authenticate(tokens: tuple[TokenSettings, ...], authorization: str | None) -> Caller:
    """Find the caller by its bearer token. Raises NotAuthenticated."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated("send Authorization: Bearer TOKEN")
    digest = hashlib.sha256(token.strip().encode("utf-8", "surrogatepass")).hexdigest()
    found = None
    for known in tokens:
        if hmac.compare_digest(known.sha256, digest):
            found = known
    if found is None:
        raise NotAuthenticated("this token is not known")
    return Caller(found.name, found.role, found.tenants)


def check_local(host: str | None, method: str, content_type: str, origin: str | None) -> Caller:
    """Let this machine in without a token, but no web page that makes its browser ask for it.

    A page elsewhere can send forms and simple requests, and with DNS rebinding its own Host; it cannot send
    application/json without asking first, nor choose the Host header.
    """
    if not is_loopback(_without_port(host or "")):
        raise NotAllowed("without tokens the admin listener answers to a loopback Host alone, such as 127.0.0.1")
    if origin is not None and not is_loopback(_without_port(origin.partition("://")[2])):
        raise NotAllowed("without tokens no other site may call the admin listener")
    if method not in ("GET", "HEAD", "DELETE") and content_type != "application/json":
        raise BadRequest("send Content-Type: application/json", "")
    return LOCAL


def _without_port(host: str) -> str:
    return host if host.endswith("]") else host.rsplit(":", 1)[0]


def sees(caller: Caller, tenant: str) -> bool:
    """Whether a tenant is the caller's: one that is bound to none sees all."""
    return not caller.tenants or tenant in caller.tenants


def authorise(caller: Caller, role: str, tenant: str | None) -> None:
    """Check a caller's role and tenant. Raises NotAllowed."""
    if ROLES[caller.role] < ROLES[role]:
        raise NotAllowed(f"this needs the role {role}; {caller.name} has {caller.role}")
    if tenant is not None and not sees(caller, tenant):
        raise NotAllowed(f"{caller.name} may not see tenant {tenant!r}")
