"""Past verdicts on the admin listener."""

from aiohttp import web

from reputation.admin.answers import json_answer, whole
from reputation.admin.context import Context, Route
from reputation.admin.views import decision_view, decisions_view


async def get_decisions(context: Context, request: web.Request) -> web.Response:
    most = whole(request, "limit", 50, 1, 1000)
    return json_answer(decisions_view(context.tenant(request), most))


async def get_decision(context: Context, request: web.Request) -> web.Response:
    tenant = context.tenant(request)
    return json_answer(decision_view(tenant, *await context.serving.stops.find(tenant, request.match_info["id"])))


ROUTES = (
    Route("GET", "/v1/decisions", get_decisions, "reader"),
    Route("GET", "/v1/decisions/{id}", get_decision, "reader"),
)
