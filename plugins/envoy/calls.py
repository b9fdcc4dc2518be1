"""Envoy's unary gRPC as routes of the check listener: ext_authz and RLS, their messages as bodies of HTTP.

Envoy's filter grpc_http1_reverse_bridge makes such requests of gRPC; the gRPC listener makes them too. What a client
did wrong is answered inside the message, as a stop: an error of the call would let it pass where Envoy fails open.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TypeVar, cast

import msgspec

from plugins.gateway import Engine, GatewayTenant, Handler, Listening, Served, Tenants
from reputation.wire.codec import invalid, problem_bytes
from reputation.wire.errors import BadRequest, NotFound, Problem, TooLarge, Unavailable
from reputation.wire.gateway import HttpMessage, Reply
from reputation.wire.later import Later, then, together
from reputation.wire.messages import Request, Settle, Settled, Verdict

from .settings import settings_of

AUTHZ = b"/envoy.service.auth.v3.Authorization/Check"
RLS = b"/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
ADAPTERS = {AUTHZ: "plugins.envoy.grpc_authz", RLS: "plugins.envoy.rls"}
TENANT = b"x-headcount-tenant"
ANY_TENANT = "default"
"""The tenant of an ext_authz call that names none at all."""
DOMAIN_FIX = "list it in the gateway.envoy.domains of the tenant that it belongs to"
MOST_BODY = 64 * 1024
PROTOBUF = b"application/x-protobuf"
TYPES = frozenset({PROTOBUF, b"application/protobuf", b"application/grpc", b"application/grpc+proto"})
"""Types of a body; the answer has its request's, because the bridge compares them."""

T = TypeVar("T")

Answered = Verdict | Settled


def needed(module: str) -> ModuleType:
    """Import an optional module. Raises Unavailable with the name of the extra."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("google", "grpc"):
            raise
        raise Unavailable("Envoy's gRPC needs an extra: pip install 'headcount[envoy]'") from None


async def listen(asked: Listening) -> Served:
    """Serve gRPC where `--grpc` says. Raises Unavailable without the extra."""
    return cast("Served", await needed("plugins.envoy.listener").listen(asked))


def routes(engine: Engine) -> Mapping[bytes, tuple[bytes, Handler]]:
    """Return the calls as routes of the check listener."""
    calls = EnvoyCalls(engine)
    return {AUTHZ: (b"POST", calls.authorize), RLS: (b"POST", calls.limit)}


class EnvoyCalls:
    """The two calls."""

    def __init__(self, engine: Engine) -> None:
        self._tenants = engine.tenants
        self._judge = engine.judge
        self._judge_all = engine.judge_all
        self._settle = engine.settle

    def authorize(self, message: HttpMessage) -> Reply | Later[Reply]:
        adapter, body, reply = _opened(AUTHZ, message)
        asked = adapter.decode(body)
        try:
            named = adapter.tenant_of(asked)
            tenant = self._tenants.named((_header(message, TENANT) or ANY_TENANT) if named is None else named)
            check = _well_read(lambda: adapter.read(asked, *tenant))
            return then(self._judge(check), lambda verdict: reply(adapter.answer(verdict)))
        except Problem as problem:
            if problem.status >= Unavailable.status:
                raise
            return reply(adapter.refuse(problem.status, problem_bytes(problem)))

    def limit(self, message: HttpMessage) -> Reply | Later[Reply]:
        adapter, body, reply = _opened(RLS, message)
        asked = adapter.decode(body)
        try:
            tenant = tenant_of(self._tenants, asked.domain, _header(message, TENANT))
            checks = _well_read(lambda: adapter.read(asked, *tenant))
            found = self._found([one.check for one in checks])
            return then(found, lambda all_: reply(adapter.answer(len(asked.descriptors), checks, all_)))
        except Problem as problem:
            if problem.status >= Unavailable.status:
                raise
            return reply(adapter.refuse(len(asked.descriptors), problem_bytes(problem)))

    def _found(self, checks: Sequence[Request | Settle]) -> list[Answered] | Later[list[Answered]]:
        """Settle the holds in a request, and judge its accounts together: all of them pay, or none."""
        settled = together(self._settle(one) for one in checks if isinstance(one, Settle))
        verdicts = self._verdicts([one for one in checks if isinstance(one, Request)])
        both: list[Sequence[Answered] | Later[Sequence[Answered]]] = [settled, verdicts]
        return then(together(both), lambda found: _in_order(checks, *found))

    def _verdicts(self, requests: list[Request]) -> list[Verdict] | Later[list[Verdict]]:
        if len(requests) > 1:
            return self._judge_all(requests)
        return together(self._judge(one) for one in requests)


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


def _opened(method: bytes, message: HttpMessage) -> tuple[ModuleType, bytes, Callable[[bytes], Reply]]:
    """Find the adapter, unwrap the body's frame, and return a function to frame the answer."""
    adapter, parts = needed(ADAPTERS[method]), needed("plugins.envoy.grpc_parts")
    if len(message.body) > MOST_BODY:
        raise TooLarge(f"a message has at most {MOST_BODY} bytes", "")
    kind = _header(message, b"content-type").partition(";")[0].strip().encode() or PROTOBUF
    if kind not in TYPES:
        raise BadRequest("the content type must be that of protobuf or gRPC, such as application/x-protobuf", "")
    body, framed = parts.unframed(message.body)
    headers = ((b"content-type", kind),)
    return adapter, body, lambda answer: Reply(200, parts.framed(answer) if framed else answer, headers)


def _header(message: HttpMessage, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in message.headers if key == name), "")


def _well_read(read: Callable[[], T]) -> T:
    try:
        return read()
    except msgspec.ValidationError as error:
        raise invalid(error) from None
    except ValueError as error:
        raise BadRequest(str(error)) from None
