"""Envoy's unary calls, ext_authz and RLS: a message's bytes to a verdict, and the verdict to a message's bytes.

What a client did wrong is answered inside the message, as a stop: an error of the call would let it pass where Envoy
fails open.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec

from plugins.gateway import Engine, GatewayTenant, Tenants
from reputation.listeners.http2.methods import Metadata
from reputation.wire.codec import invalid, problem_bytes
from reputation.wire.errors import BadRequest, NotFound, Problem, Unavailable
from reputation.wire.gateway import GatewaySettings
from reputation.wire.later import Later, then, together
from reputation.wire.messages import Request, Settle, Settled, Verdict

from . import grpc_authz, rls
from .limit_request import read as read_limit_request
from .settings import settings_of

AUTHZ: Final = b"/envoy.service.auth.v3.Authorization/Check"
RLS: Final = b"/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
TENANT: Final = b"x-headcount-tenant"
ANY_TENANT: Final = "default"
"""The tenant of an ext_authz call that names none at all."""
DOMAIN_FIX: Final = "list it in the gateway.envoy.domains of the tenant that it belongs to"
MOST_BODY: Final = 64 * 1024

M = TypeVar("M")
T = TypeVar("T")

Answered = Verdict | Settled


class EnvoyCalls:
    """The two calls. Both raise Problem for a message that cannot be read, and where no state can be had."""

    def __init__(self, engine: Engine) -> None:
        self._tenants = engine.tenants
        self._judge = engine.judge
        self._judge_all = engine.judge_all
        self._settle = engine.settle

    def authorize(self, message: bytes, metadata: Metadata) -> bytes | Later[bytes]:
        asked = grpc_authz.decode(message)
        try:
            named = grpc_authz.tenant_of(asked)
            tenant = self._tenants.named((_tenant_in(metadata) or ANY_TENANT) if named is None else named)
            found = self._judge(_well_read(grpc_authz.read, asked, tenant))
            return grpc_authz.answer(found) if isinstance(found, Verdict) else then(found, grpc_authz.answer)
        except Problem as problem:
            if problem.status >= Unavailable.status:
                raise
            return grpc_authz.refuse(problem.status, problem_bytes(problem))

    def limit(self, message: bytes, metadata: Metadata) -> bytes | Later[bytes]:
        asked = read_limit_request(message)
        descriptors = len(asked.descriptors)
        try:
            tenant = tenant_of(self._tenants, asked.domain, _tenant_in(metadata))
            checks = _well_read(rls.read, asked, tenant)

            def finish(found: list[Answered]) -> bytes:
                return rls.answer(descriptors, checks, found)

            return then(self._found([one.check for one in checks]), finish)
        except Problem as problem:
            if problem.status >= Unavailable.status:
                raise
            return rls.refuse(descriptors, problem_bytes(problem))

    def _found(self, checks: Sequence[Request | Settle]) -> list[Answered] | Later[list[Answered]]:
        """Settle the holds in a request, and judge its accounts together: all of them pay, or none."""
        if len(checks) == 1 and isinstance(only := checks[0], Request):
            verdict = self._judge(only)
            return [verdict] if isinstance(verdict, Verdict) else then(verdict, _alone)
        settled = together(self._settle(one) for one in checks if isinstance(one, Settle))
        verdicts = self._verdicts([one for one in checks if isinstance(one, Request)])
        both: list[Sequence[Answered] | Later[Sequence[Answered]]] = [settled, verdicts]
        return then(together(both), lambda found: _in_order(checks, *found))

    def _verdicts(self, requests: list[Request]) -> list[Verdict] | Later[list[Verdict]]:
        if len(requests) > 1:
            return self._judge_all(requests)
        return together(self._judge(one) for one in requests)


def _alone(verdict: Verdict) -> list[Answered]:
    return [verdict]


def _in_order(
    checks: Sequence[Request | Settle], settled: Sequence[Answered], verdicts: Sequence[Answered]
) -> list[Answered]:
    settlements, judged = iter(settled), iter(verdicts)
    return [next(settlements) if isinstance(one, Settle) else next(judged) for one in checks]


def tenant_of(tenants: Tenants, domain: str, named: str = "") -> GatewayTenant:
    """Find the tenant of a domain: named by Envoy's operator, of the same name, or with it in `domains`.

    Raises NotFound for a domain without a tenant: no tenant stands in for another.
    """
    if named:
        return tenants.named(named)
    if (found := tenants.find(domain)) is not None:
        return found
    for tenant in tenants.all():
        if domain in settings_of(tenant.settings).domains:
            return tenant
    tenants.unknown("domain", domain, DOMAIN_FIX)
    raise NotFound(f"no tenant has the domain {domain[:256]!r}; {DOMAIN_FIX}", "/domain")


def _tenant_in(metadata: Metadata) -> str:
    return next((value.decode("latin-1") for name, value in metadata if name == TENANT), "")


def _well_read(read: Callable[[M, str, GatewaySettings], T], message: M, tenant: GatewayTenant) -> T:
    try:
        return read(message, tenant.name, tenant.settings)
    except msgspec.ValidationError as error:
        raise invalid(error, Request) from None
    except ValueError as error:
        raise BadRequest(str(error)) from None
