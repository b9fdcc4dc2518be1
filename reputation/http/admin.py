"""The admin listener: facts, outcomes, clusters, recent decisions, metrics and the API's description, on aiohttp."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from reputation.errors import BadRequest, NotAllowed, NotFound, Problem
from reputation.events import AccountFacts, Outcome, wire_type
from reputation.http.access import Caller, authenticate, authorise, check_local
from reputation.http.openapi import description
from reputation.http.views import account_view, cluster_view, clusters_view, decision_view, decisions_view
from reputation.limiter import TenantLimiter
from reputation.orders import OrderBody, order_of
from reputation.serving import Serving
from reputation.wire import PROBLEM_TYPE, encode, problem_bytes, read

MOST_BODY = 64 * 1024
FAILED: web.AppKey[Any] = web.AppKey("failed")
_facts = msgspec.json.Decoder(AccountFacts, dec_hook=wire_type)
_orders = msgspec.json.Decoder(OrderBody)
_outcomes = msgspec.json.Decoder(Outcome, dec_hook=wire_type)


class Route(NamedTuple):
    """One admin route: what it does, and the role that it needs (None: nobody is asked who they are)."""

    method: str
    path: str
    handler: Callable[["Admin", web.Request], Awaitable[web.Response]]
    role: str | None


class Admin:
    """The handlers; each gets the running program as `serving`."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(client_max_size=MOST_BODY, middlewares=[_problems])
        for route in ROUTES:
            path = route.path.replace(".+", "(?s:.+)")  # an id may have line ends
            app.router.add_route(route.method, path, self._guarded(route))
        return app

    def _guarded(self, route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            if route.role is not None:
                caller = self._caller(request)
                request["caller"] = caller
                authorise(caller, route.role, None)
            return await route.handler(self, request)

        return handle

    def _caller(self, request: web.Request) -> Caller:
        tokens = self.serving.settings.tokens
        if tokens:
            return authenticate(tokens, request.headers.get("Authorization"))
        return check_local(
            request.headers.get("Host"), request.method, request.content_type, request.headers.get("Origin")
        )

    def _tenant(self, request: web.Request, name: str | None = None) -> TenantLimiter:
        """Return the tenant that a request names, if its caller may see it."""
        tenant = name or request.query.get("tenant", "default")
        authorise(request["caller"], "reader", tenant)
        return self.serving.limiter.tenant(tenant)

    async def put_account(self, request: web.Request) -> web.Response:
        tenant, account = self._tenant(request), _account(request)
        tenant.push(account, read(_facts, await request.read()), self.serving.clock())
        return web.Response(status=204)

    async def get_account(self, request: web.Request) -> web.Response:
        tenant, account = self._tenant(request), _account(request)
        row = tenant.state.row(account)
        if row is None:
            raise NotFound(f"account {account!r} is not known to tenant {tenant.tenant.name!r}")
        return _json(account_view(account, row, tenant, self.serving.clock()))

    async def delete_account(self, request: web.Request) -> web.Response:
        tenant, account = self._tenant(request), _account(request)
        if not tenant.delete(account):
            raise NotFound(f"nothing was pushed of account {account!r}")
        return web.Response(status=204)

    async def post_outcome(self, request: web.Request) -> web.Response:
        outcome = read(_outcomes, await request.read())
        self._tenant(request, outcome.tenant).report(outcome, self.serving.clock())
        return web.Response(status=204)

    async def get_clusters(self, request: web.Request) -> web.Response:
        return _json(clusters_view(self._tenant(request)))

    async def get_cluster(self, request: web.Request) -> web.Response:
        return _json(cluster_view(self._tenant(request), request.match_info["id"]))

    async def post_order(self, request: web.Request) -> web.Response:
        self._tenant(request).order(order_of(read(_orders, await request.read()), self.serving.clock()))
        return web.Response(status=204)

    async def get_decisions(self, request: web.Request) -> web.Response:
        most = _whole(request.query.get("limit", "50"), "limit", 1, 1000)
        return _json(decisions_view(self._tenant(request), most))

    async def get_decision(self, request: web.Request) -> web.Response:
        return _json(decision_view(self._tenant(request), request.match_info["id"], self.serving.clock()))

    async def get_openapi(self, _: web.Request) -> web.Response:
        return web.Response(body=description(), content_type="application/json")

    async def get_metrics(self, request: web.Request) -> web.Response:
        if request["caller"].tenants:
            raise NotAllowed("the metrics tell of every tenant; this needs a token that may see all")
        return web.Response(
            body=self.serving.metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    async def get_health(self, _: web.Request) -> web.Response:
        return _json({"ok": True})

    async def get_ready(self, _: web.Request) -> web.Response:
        detail = self.serving.ready()
        return _json({"ready": detail is not None, **(detail or {})}, 200 if detail is not None else 503)


ROUTES = (
    Route("PUT", "/v1/accounts/{id:.+}", Admin.put_account, "operator"),
    Route("GET", "/v1/accounts/{id:.+}", Admin.get_account, "reader"),
    Route("DELETE", "/v1/accounts/{id:.+}", Admin.delete_account, "operator"),
    Route("POST", "/v1/outcomes", Admin.post_outcome, "operator"),
    Route("GET", "/v1/clusters", Admin.get_clusters, "reader"),
    Route("GET", "/v1/clusters/{id}", Admin.get_cluster, "reader"),
    Route("POST", "/v1/orders", Admin.post_order, "operator"),
    Route("GET", "/v1/decisions", Admin.get_decisions, "reader"),
    Route("GET", "/v1/decisions/{id}", Admin.get_decision, "reader"),
    Route("GET", "/openapi.json", Admin.get_openapi, "reader"),
    Route("GET", "/metrics", Admin.get_metrics, "reader"),
    Route("GET", "/healthz", Admin.get_health, None),
    Route("GET", "/readyz", Admin.get_ready, None),
)


def _account(request: web.Request) -> str:
    account = request.match_info["id"]
    if len(account) > 256:
        raise BadRequest("an account id has at most 256 characters", "/id")
    return account


def _whole(text: str, name: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise BadRequest(f"{name} is a whole number from {least} to {most}", f"/{name}")
    return int(text)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=encode(value), status=status, content_type="application/json")


def _problem(problem: Problem) -> web.Response:
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
    return web.Response(body=problem_bytes(problem), status=problem.status, content_type=PROBLEM_TYPE, headers=headers)


@web.middleware
async def _problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn every error into a problem document; what was not foreseen is logged and says nothing of itself."""
    try:
        return await handler(request)
    except Problem as problem:
        return _problem(problem)
    except web.HTTPException as error:
        found = Problem(error.reason)
        found.status, found.title = error.status, error.reason
        answer = _problem(found)
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except Exception as error:  # noqa: BLE001 - the boundary: a bug of ours is this request's 500
        request.app[FAILED]("admin_failed", exc_info=error)
        return _problem(Problem("the sidecar failed on this request; its log says where"))
