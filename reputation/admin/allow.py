"""Exceptions on the admin listener."""

import msgspec
from aiohttp import web
from msgspec import structs

from reputation.admin.answers import json_answer, nothing, reason_of, whole
from reputation.admin.context import Context, Route
from reputation.admin.endings import carry_out, in_force, kept, making_room
from reputation.admin.warnings import of_exception
from reputation.engine.entries import MOST
from reputation.engine.exceptions import AllowBody, allow_of
from reputation.tuning.appeals import taken_back
from reputation.tuning.audit import entry_change
from reputation.wire.codec import read

_bodies = msgspec.json.Decoder(AllowBody)


async def get_allows(context: Context, request: web.Request) -> web.Response:
    """List the active exceptions, by the time of their end."""
    tenant, now = context.tenant(request).tenant.name, context.serving.clock()
    most = whole(request, "limit", MOST, 1, MOST)
    found = await in_force(context.serving.tuning.allows, tenant, now)
    found.sort(key=lambda allow: allow.expires)
    return json_answer({"tenant": tenant, "total": len(found), "allow": found[:most]})


async def post_allow(context: Context, request: web.Request) -> web.Response:
    """Add an exception, for a stated time and reason."""
    limiter, tuning, now = context.tenant(request), context.serving.tuning, context.serving.clock()
    tenant = limiter.tenant.name
    allow = allow_of(read(_bodies, await request.read()), tuning.new_id(now), request["caller"].name, now)
    ended = await making_room(tuning.allows, tenant, now, MOST, "exceptions; remove some, or change a weight instead")
    changes = [*ended, tuning.allows.document(allow.id, allow)]
    line = entry_change("allow.add", tenant, None, allow, allow.reason)
    await carry_out(context, request, limiter, tuning.allows.kind, changes, line)
    known = allow.kind != "account" or await context.serving.checks.row(limiter, allow.value) is not None
    return json_answer({**structs.asdict(allow), "warnings": of_exception(allow, known=known)}, 201)


async def delete_allow(context: Context, request: web.Request) -> web.Response:
    """End an exception before its time."""
    limiter, tuning, id_ = context.tenant(request), context.serving.tuning, request.match_info["id"]
    tenant, why = limiter.tenant.name, reason_of(request)
    allow, version = await kept(tuning.allows, tenant, id_, "exception", "/v1/allow")
    changes = [tuning.allows.document(id_, None, expect=version)]
    appeal = taken_back(await tuning.appeals.all(tenant), allow, context.serving.clock())
    if appeal is not None:
        changes.append(tuning.appeals.document(appeal.id, appeal))
    line = entry_change("allow.remove", tenant, allow, None, why)
    await carry_out(context, request, limiter, tuning.allows.kind, changes, line)
    return nothing()


ROUTES = (
    Route("GET", "/v1/allow", get_allows, "reader"),
    Route("POST", "/v1/allow", post_allow, "operator"),
    Route("DELETE", "/v1/allow/{id}", delete_allow, "operator"),
)
