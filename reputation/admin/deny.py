"""The deny list on the admin listener."""

import msgspec
from aiohttp import web
from msgspec import structs

from reputation.admin.answers import json_answer, nothing, reason_of, whole
from reputation.admin.context import Context, Route
from reputation.admin.endings import carry_out, in_force, kept, making_room
from reputation.admin.reach import reach_of
from reputation.admin.warnings import of_denial
from reputation.engine.denials import DenyBody, deny_of
from reputation.engine.entries import MOST
from reputation.tuning.audit import entry_change
from reputation.wire.codec import read
from reputation.wire.errors import NotFound

_bodies = msgspec.json.Decoder(DenyBody)


async def get_denials(context: Context, request: web.Request) -> web.Response:
    """List the active denials, by the time of their end."""
    tenant, now = context.tenant(request).tenant.name, context.serving.clock()
    most = whole(request, "limit", MOST, 1, MOST)
    found = await in_force(context.serving.tuning.denials, tenant, now)
    found.sort(key=lambda deny: deny.expires)
    return json_answer({"tenant": tenant, "total": len(found), "deny": found[:most]})


async def post_denial(context: Context, request: web.Request) -> web.Response:
    """Add a denial, and count who it stops; with dry_run only count."""
    limiter, tuning, now = context.tenant(request), context.serving.tuning, context.serving.clock()
    tenant, body = limiter.tenant.name, read(_bodies, await request.read())
    deny = deny_of(body, tuning.new_id(now), request["caller"].name, now)
    if deny.kind == "cluster" and deny.value not in limiter.links.clusters:
        raise NotFound(f"no current cluster has the id {deny.value!r}; GET /v1/clusters lists them", "/value")
    reach = await reach_of(limiter, deny, now)
    known = deny.kind != "account" or await context.serving.checks.row(limiter, deny.value) is not None
    told = {**structs.asdict(deny), "dry_run": body.dry_run, "reach": reach, "warnings": of_denial(deny, known=known)}
    if body.dry_run:
        request["change"] = None
        return json_answer(told)
    ended = await making_room(tuning.denials, tenant, now, MOST, "denials; remove some, or change a weight instead")
    changes = [*ended, tuning.denials.document(deny.id, deny)]
    line = entry_change("deny.add", tenant, None, deny, deny.reason)
    await carry_out(context, request, limiter, tuning.denials.kind, changes, line)
    return json_answer(told, 201)


async def delete_denial(context: Context, request: web.Request) -> web.Response:
    """End a denial before its time."""
    limiter, tuning, id_ = context.tenant(request), context.serving.tuning, request.match_info["id"]
    tenant, why = limiter.tenant.name, reason_of(request)
    deny, version = await kept(tuning.denials, tenant, id_, "denial", "/v1/deny")
    changes = [tuning.denials.document(id_, None, expect=version)]
    line = entry_change("deny.remove", tenant, deny, None, why)
    await carry_out(context, request, limiter, tuning.denials.kind, changes, line)
    return nothing()


ROUTES = (
    Route("GET", "/v1/deny", get_denials, "reader"),
    Route("POST", "/v1/deny", post_denial, "operator"),
    Route("DELETE", "/v1/deny/{id}", delete_denial, "operator"),
)
