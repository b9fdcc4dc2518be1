"""Exceptions and the audit log on the admin listener."""

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from reputation.errors import Conflict, NotFound
from reputation.http.admin_answers import Route, json_answer, nothing, reason_of, whole
from reputation.tuning.audit import Change
from reputation.tuning.exceptions import MOST, AllowBody, allow_of
from reputation.wire import read

if TYPE_CHECKING:
    from reputation.http.admin import Admin

_bodies = msgspec.json.Decoder(AllowBody)


async def get_allows(admin: "Admin", request: web.Request) -> web.Response:
    """The exceptions in force, the ones that end first before the others."""
    tenant, now = admin.tenant(request).tenant.name, admin.serving.clock()
    most = whole(request, "limit", MOST, 1, MOST)
    found = [allow for allow in await admin.serving.tuning.allows.all(tenant) if allow.expires > now]
    found.sort(key=lambda allow: allow.expires)
    return json_answer({"tenant": tenant, "total": len(found), "allow": found[:most]})


async def post_allow(admin: "Admin", request: web.Request) -> web.Response:
    """Let somebody through for a stated time and reason."""
    tenant, tuning, now = admin.tenant(request).tenant.name, admin.serving.tuning, admin.serving.clock()
    allow = allow_of(read(_bodies, await request.read()), tuning.new_id(now), request["caller"].name, now)
    kept = await tuning.allows.all(tenant)
    for ended in (one for one in kept if one.expires <= now):
        await tuning.allows.delete(tenant, ended.id)
    if sum(one.expires > now for one in kept) >= MOST:
        raise Conflict(f"a tenant has at most {MOST:,} exceptions; remove some, or change a weight instead", "")
    await tuning.allows.put(tenant, allow.id, allow)
    await tuning.refresh(tenant, tuning.allows.kind)
    request["change"] = Change(tenant, "allow.add", f"{allow.kind} {allow.value}", None, allow, allow.reason)
    return json_answer(allow, 201)


async def delete_allow(admin: "Admin", request: web.Request) -> web.Response:
    """End an exception before its time."""
    tenant, tuning, id_ = admin.tenant(request).tenant.name, admin.serving.tuning, request.match_info["id"]
    why = reason_of(request)
    found = await tuning.allows.get(tenant, id_)
    if found is None or not await tuning.allows.delete(tenant, id_):
        raise NotFound(f"no exception of tenant {tenant!r} has the id {id_!r}; GET /v1/allow lists them")
    await tuning.refresh(tenant, tuning.allows.kind)
    request["change"] = Change(tenant, "allow.remove", f"{found[0].kind} {found[0].value}", found[0], None, why)
    return nothing()


async def get_audit(admin: "Admin", request: web.Request) -> web.Response:
    """The audit log: the newest lines first, from before an id; with ?after= the oldest first, for exports."""
    tenant, query = admin.tenant(request).tenant.name, request.query
    most = whole(request, "limit", 100, 1, 1000)
    entries = await admin.serving.tuning.audit.entries(
        tenant, most, before=query.get("before", ""), after=query.get("after")
    )
    return json_answer({"tenant": tenant, "entries": entries})


ROUTES = (
    Route("GET", "/v1/allow", get_allows, "reader"),
    Route("POST", "/v1/allow", post_allow, "operator"),
    Route("DELETE", "/v1/allow/{id}", delete_allow, "operator"),
    Route("GET", "/v1/audit", get_audit, "reader"),
)
