"""The admin listener: facts, outcomes, clusters, recent decisions, metrics and the API's description, on aiohttp."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from reputation.admin import allow as admin_allow
from reputation.admin import console_data as admin_console
from reputation.admin import console_files as console
from reputation.admin import labels as admin_labels
from reputation.admin import recorded as admin_recorded
from reputation.admin import tenants as admin_tenants
from reputation.admin.access import Caller, authenticate, authorise, check_local
from reputation.admin.answers import Route, json_answer, whole
from reputation.admin.labels import report
from reputation.admin.openapi import description
from reputation.admin.stripe_events import StripeEvents, customer_documents
from reputation.admin.views import account_view, cluster_view, clusters_view, decision_view, decisions_view, facts_view
from reputation.engine.changes import deleting
from reputation.engine.limiter import TenantLimiter
from reputation.linking.kept_rulings import ruling_document
from reputation.linking.operator_rulings import OrderBody, ruling_of
from reputation.sidecar.running import Serving
from reputation.state.transactions import Committed, Transaction
from reputation.tuning.audit import Change, Sides, line_of
from reputation.wire.codec import PROBLEM_TYPE, problem_bytes, read
from reputation.wire.errors import BadRequest, NotAllowed, NotFound, Problem
from reputation.wire.messages import AccountFacts, Outcome, wire_type

MOST_BODY = 64 * 1024
FAILED: web.AppKey[Any] = web.AppKey("failed")
_facts = msgspec.json.Decoder(AccountFacts, dec_hook=wire_type)
_orders = msgspec.json.Decoder(OrderBody)
_outcomes = msgspec.json.Decoder(Outcome, dec_hook=wire_type)


class _Whose(msgspec.Struct):
    """Whether a body names a tenant; where it does not, ?tenant= may."""

    tenant: str | None = None


_whose = msgspec.json.Decoder(_Whose)


class Admin:
    """The handlers; each gets the running program as `serving`."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self._stripe = StripeEvents(serving)

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(client_max_size=MOST_BODY, middlewares=[_problems])
        app[FAILED] = self.serving.journal.error
        admin_console.watch(app, self.serving)
        for route in ROUTES:
            path = route.path.replace(".+", "(?s:.+)")  # an id may have line ends
            handler = self._guarded(route)
            app.router.add_route(route.method, path, handler)
            if route.method == "GET":
                app.router.add_route("HEAD", path, handler)
        return app

    def _guarded(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            if route.role is not None:
                caller = self._caller(request)
                request["caller"] = caller
                authorise(caller, route.role, None)
            _refuse_charset(request)
            answer = await route.handler(self, request)
            if route.method != "GET" and route.role is not None:
                await self._audit(request)
            return answer

        return handle

    async def _audit(self, request: web.Request) -> None:
        """Write the change to the audit log; by default the route names the change."""
        default = Change(request.query.get("tenant", "default"), f"{request.method} {request.path}")
        change, tuning, now = request.get("change", default), self.serving.tuning, self.serving.clock()
        if change is None:  # it only looked, or has written a line with what it did
            return
        await tuning.audit.add(change, tuning.new_id(now), request["caller"].name, now)

    def _caller(self, request: web.Request) -> Caller:
        tokens = self.serving.settings.tokens
        if tokens:
            return authenticate(tokens, request.headers.get("Authorization"))
        return check_local(
            request.headers.get("Host"), request.method, request.content_type, request.headers.get("Origin")
        )

    def tenant(self, request: web.Request, name: str | None = None) -> TenantLimiter:
        """Return the tenant of a request, if its caller may access it."""
        tenant = name or request.query.get("tenant", "default")
        authorise(request["caller"], "reader", tenant)
        return self.serving.limiter.tenant(tenant)

    async def commit(
        self,
        request: web.Request,
        tenant: TenantLimiter,
        asked: Transaction,
        change: Change,
        sides: Sides | None = None,
    ) -> Committed:
        """Carry out a transaction together with its line of the audit log, all or nothing."""
        tuning, now = self.serving.tuning, self.serving.clock()
        line = line_of(change, tuning.new_id(now), request["caller"].name, now, sides)
        committed = await self.serving.commit(tenant, asked._replace(documents=(*asked.documents, line)))
        request["change"] = None  # it is written down
        await tuning.audit.make_place(tenant.tenant.name, line)
        return committed

    async def put_account(self, request: web.Request) -> web.Response:
        tenant, account = self.tenant(request), _account(request)
        body = read(_facts, await request.read())
        documents, now = customer_documents(account, body), self.serving.clock()
        asked = tenant.pushing(account, body, now)._replace(documents=documents)
        change = Change(tenant.tenant.name, "account.put", account, pushed=True)
        await self.commit(request, tenant, asked, change, facts_view)
        await self._stripe.waited(tenant, *[document.id for document in documents])
        return web.Response(status=204)

    async def get_account(self, request: web.Request) -> web.Response:
        tenant, account = self.tenant(request), _account(request)
        row = await self.serving.row(tenant, account)
        if row is None:
            raise NotFound(f"account {account!r} is not known to tenant {tenant.tenant.name!r}")
        return json_answer(account_view(account, row, tenant, self.serving.clock()))

    async def delete_account(self, request: web.Request) -> web.Response:
        tenant, account = self.tenant(request), _account(request)
        change = Change(tenant.tenant.name, "account.delete", account)
        await self.commit(request, tenant, deleting(account), change, facts_view)
        return web.Response(status=204)

    async def post_outcome(self, request: web.Request) -> web.Response:
        body = await request.read()
        outcome, query = read(_outcomes, body), request.query.get("tenant")
        if query is not None and read(_whose, body).tenant is None:
            outcome = msgspec.structs.replace(outcome, tenant=query)
        tenant = self.tenant(request, outcome.tenant)
        change = Change(outcome.tenant, "outcome", outcome.account, None, outcome, pushed=True)
        await report(self, request, tenant, outcome, change)
        return web.Response(status=204)

    async def get_clusters(self, request: web.Request) -> web.Response:
        return json_answer(clusters_view(self.tenant(request)))

    async def get_cluster(self, request: web.Request) -> web.Response:
        return json_answer(cluster_view(self.tenant(request), request.match_info["id"]))

    async def post_order(self, request: web.Request) -> web.Response:
        tenant, body = self.tenant(request), read(_orders, await request.read())
        now = self.serving.clock()
        ruling, id_ = ruling_of(body, now), self.serving.tuning.new_id(now)
        tenant.check_ruling(ruling)
        subject = body.cluster or body.account or ""
        change = Change(tenant.tenant.name, f"order.{body.ruling}", subject, None, body, body.reason)
        await self.commit(request, tenant, Transaction(documents=(ruling_document(id_, ruling),)), change)
        self.serving.linking.rulings.give(tenant, id_, ruling)
        return web.Response(status=204)

    async def get_decisions(self, request: web.Request) -> web.Response:
        most = whole(request, "limit", 50, 1, 1000)
        return json_answer(decisions_view(self.tenant(request), most))

    async def get_decision(self, request: web.Request) -> web.Response:
        tenant = self.tenant(request)
        return json_answer(decision_view(tenant, *await self.serving.stops.find(tenant, request.match_info["id"])))

    async def get_openapi(self, _: web.Request) -> web.Response:
        return web.Response(body=description(), content_type="application/json")

    async def get_metrics(self, request: web.Request) -> web.Response:
        if request["caller"].tenants:
            raise NotAllowed("the metrics contain every tenant; use a token for all tenants")
        return web.Response(
            body=self.serving.metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    async def get_health(self, _: web.Request) -> web.Response:
        return json_answer({"ok": True})

    async def get_ready(self, _: web.Request) -> web.Response:
        detail = self.serving.ready()
        return json_answer({"ready": detail is not None, **(detail or {})}, 200 if detail is not None else 503)


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
    *admin_allow.ROUTES,
    *admin_tenants.ROUTES,
    *admin_console.ROUTES,
    *console.ROUTES,
    *admin_recorded.ROUTES,
    *admin_labels.ROUTES,
    Route("GET", "/openapi.json", Admin.get_openapi, "reader"),
    Route("GET", "/metrics", Admin.get_metrics, "reader"),
    Route("GET", "/healthz", Admin.get_health, None),
    Route("GET", "/readyz", Admin.get_ready, None),
)


def _refuse_charset(request: web.Request) -> None:
    """JSON is UTF-8 (RFC 8259), as on the check listener."""
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise BadRequest("the body must be UTF-8; leave charset out of Content-Type", "")


def _account(request: web.Request) -> str:
    account = request.match_info["id"]
    if len(account) > 256:
        raise BadRequest("an account id has at most 256 characters", "/id")
    return account


def _problem(problem: Problem) -> web.Response:
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
    return web.Response(body=problem_bytes(problem), status=problem.status, content_type=PROBLEM_TYPE, headers=headers)


@web.middleware
async def _problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn every error into a problem document; an unexpected error is logged and not described."""
    try:
        return await handler(request)
    except Problem as problem:
        return _problem(problem)
    except web.HTTPException as error:
        found = Problem(error.reason, "" if error.status == 413 else None)
        found.status, found.title = error.status, error.reason
        answer = _problem(found)
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except Exception as error:  # noqa: BLE001 - the boundary: a bug of ours is this request's 500
        request.app[FAILED]("admin_failed", exc_info=error)
        return _problem(Problem("the sidecar failed on this request; its log has the details"))
