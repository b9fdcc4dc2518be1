"""The audit log on the admin listener."""

from aiohttp import web

from reputation.admin.answers import json_answer, whole
from reputation.admin.context import Context, Route
from reputation.tuning.audit import about


async def get_audit(context: Context, request: web.Request) -> web.Response:
    """The audit log: the newest lines first, from before an id; with ?after= the oldest first, for exports.

    ?account= leaves the lines about an account.
    """
    tenant, query = context.tenant(request), request.query
    most, account, name = whole(request, "limit", 100, 1, 1000), query.get("account"), tenant.tenant.name
    of = None if account is None else about(account, tenant.secret)
    entries = await context.serving.tuning.audit.entries(
        name, most, before=query.get("before", ""), after=query.get("after"), of=of
    )
    return json_answer({"tenant": name, "entries": entries})


ROUTES = (Route("GET", "/v1/audit", get_audit, "reader"),)
