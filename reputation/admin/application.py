"""The admin listener: its routes, who may call them, and its problem documents, on aiohttp."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from reputation.admin import (
    accounts,
    allow,
    audit_log,
    clusters,
    console_data,
    console_files,
    decisions,
    deny,
    find,
    forget,
    history,
    indicators,
    labels,
    members,
    recorded,
    rulings,
    sign_in,
    tenants,
)
from reputation.admin.access import Caller, authenticate, authorise, check_local
from reputation.admin.answers import json_answer
from reputation.admin.context import Context, Route
from reputation.admin.openapi import description
from reputation.admin.sign_in import person_of
from reputation.admin.signed_in import refuse_other_sites
from reputation.sidecar.running import Serving
from reputation.wire.codec import PROBLEM_TYPE, problem_bytes
from reputation.wire.errors import BadRequest, NotAllowed, NotAuthenticated, Problem

MOST_BODY = 64 * 1024
FAILED: web.AppKey[Any] = web.AppKey("failed")


async def get_openapi(_: Context, __: web.Request) -> web.Response:
    return web.Response(body=description(ROUTES), content_type="application/json")


async def get_metrics(context: Context, request: web.Request) -> web.Response:
    if request["caller"].tenants:
        raise NotAllowed("the metrics contain every tenant; use a token for all tenants")
    return web.Response(
        body=context.serving.metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    )


async def get_health(_: Context, __: web.Request) -> web.Response:
    return json_answer({"ok": True})


async def get_ready(context: Context, _: web.Request) -> web.Response:
    detail = context.serving.ready()
    return json_answer({"ready": detail is not None, **(detail or {})}, 200 if detail is not None else 503)


ROUTES = (
    *forget.ROUTES,
    *accounts.ROUTES,
    *clusters.ROUTES,
    *members.ROUTES,
    *rulings.ROUTES,
    *decisions.ROUTES,
    *find.ROUTES,
    *history.ROUTES,
    *allow.ROUTES,
    *audit_log.ROUTES,
    *deny.ROUTES,
    *tenants.ROUTES,
    *console_data.ROUTES,
    *console_files.ROUTES,
    *recorded.ROUTES,
    *labels.ROUTES,
    *sign_in.ROUTES,
    *indicators.ROUTES,
    Route("GET", "/openapi.json", get_openapi, "reader"),
    Route("GET", "/metrics", get_metrics, "reader"),
    Route("GET", "/healthz", get_health, None),
    Route("GET", "/readyz", get_ready, None),
)


def application(serving: Serving) -> web.Application:
    """Return the aiohttp application."""
    context = Context(serving)
    app = web.Application(client_max_size=MOST_BODY, middlewares=[_problems])
    app[FAILED] = serving.event_log.error
    for route in ROUTES:
        path = route.path.replace(".+", "(?s:.+)")  # an id may have line ends
        handler = _guarded(context, route)
        app.router.add_route(route.method, path, handler)
        if route.method == "GET":
            app.router.add_route("HEAD", path, handler)
    return app


def _guarded(context: Context, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        if route.role is not None:
            caller = await _caller(context, request)
            request["caller"] = caller
            authorise(caller, route.role, None)
        _refuse_charset(request)
        answer = await route.handler(context, request)
        if route.method != "GET" and route.role is not None:
            await context.audit(request)
        return answer

    return handle


async def _caller(context: Context, request: web.Request) -> Caller:
    """Find the caller: by its token, else by the proxy that names it, else by its session."""
    serving, headers = context.serving, request.headers
    if not serving.settings.guarded:
        return check_local(headers.get("Host"), request.method, request.content_type, headers.get("Origin"), headers)
    if not headers.get("Authorization", "").lower().startswith("bearer "):
        person = await person_of(context, request)
        if person is not None:
            refuse_other_sites(request, serving.settings.sign_in.oidc)
            return person
    try:
        return authenticate(serving.settings.tokens, headers.get("Authorization"))
    except NotAuthenticated:
        if "Authorization" in headers:  # without one nobody tried
            await serving.sign_ins.failed(request.remote or "")
        raise


def _refuse_charset(request: web.Request) -> None:
    """JSON is UTF-8 (RFC 8259), as on the check listener."""
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise BadRequest("the body must be UTF-8; leave charset out of Content-Type", "")


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
