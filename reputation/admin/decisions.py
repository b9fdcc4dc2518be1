"""Past verdicts on the admin listener."""

from aiohttp import web

from reputation.admin.answers import json_answer, whole
from reputation.admin.context import Context, Route
from reputation.admin.remedies import Remedy, remedies_of
from reputation.admin.sentences import binding_of
from reputation.admin.views import decision_view, decisions_view
from reputation.engine.denials import Deny
from reputation.engine.exceptions import Allow
from reputation.engine.limiter import TenantLimiter
from reputation.engine.verdicts import StoredRequest
from reputation.state.crowds import Row
from reputation.wire.errors import Unavailable
from reputation.wire.messages import Verdict


async def get_decisions(context: Context, request: web.Request) -> web.Response:
    most = whole(request, "limit", 50, 1, 1000)
    return json_answer(decisions_view(context.tenant(request), most))


async def get_decision(context: Context, request: web.Request) -> web.Response:
    tenant = context.tenant(request)
    asked, verdict = await context.serving.stops.find(tenant, request.match_info["id"])
    return json_answer(
        decision_view(tenant, asked, verdict)
        | {
            "exceptions": _exceptions(context, tenant, asked),
            "denials": _denials(context, tenant, asked),
            "remedies": await _remedies(context, tenant, asked, verdict),
        }
    )


def _exceptions(context: Context, tenant: TenantLimiter, asked: StoredRequest) -> list[Allow]:
    if tenant.exceptions is None or asked.account is None:
        return []
    return tenant.exceptions.of_account(asked.account, context.serving.clock())


def _denials(context: Context, tenant: TenantLimiter, asked: StoredRequest) -> list[Deny]:
    if tenant.denials is None or asked.account is None:
        return []
    return tenant.denials.of_account(asked.account, context.serving.clock())


async def _remedies(
    context: Context, tenant: TenantLimiter, asked: StoredRequest, verdict: Verdict
) -> list[Remedy] | None:
    """Return what can be done; None while the state is away, because nothing can be stored then."""
    serving, at = context.serving, binding_of(verdict)
    bound = None if at is None else verdict.limits[at]
    try:
        appeals = await serving.tuning.appeals.all(tenant.tenant.name)
        row = None if asked.account is None else await serving.checks.row(tenant, asked.account)
    except Unavailable:
        return None
    return remedies_of(tenant.tenant, asked, verdict, bound, row or Row(), appeals, serving.clock())


ROUTES = (
    Route("GET", "/v1/decisions", get_decisions, "reader"),
    Route("GET", "/v1/decisions/{id}", get_decision, "reader"),
)
