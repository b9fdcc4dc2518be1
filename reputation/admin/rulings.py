"""Operators' rulings on clusters: made, listed while in force, and taken back; and labels for all members."""

import msgspec
from aiohttp import web
from msgspec import structs

from reputation.admin.answers import json_answer, nothing, reason_of
from reputation.admin.context import Context, Route
from reputation.admin.endings import carry_out, in_force, kept, making_room
from reputation.admin.labels import label_account
from reputation.admin.reach import members_of, reach_of_names
from reputation.engine.denials import Deny
from reputation.engine.limiter import TenantLimiter
from reputation.linking.kept_rulings import ruling_document
from reputation.linking.operator_rulings import MOST, KeptRuling, RulingBody, for_linker, ruling_of, undoing
from reputation.tuning.audit import Change
from reputation.tuning.labels import LabelBody, MembersBody
from reputation.wire.codec import read
from reputation.wire.errors import Conflict, NotFound

MOST_LABELLED = 10_000
"""Members that one call labels: each is a change of its own, with its line of the audit log."""
_bodies = msgspec.json.Decoder(RulingBody)
_members = msgspec.json.Decoder(MembersBody)


async def get_rulings(context: Context, request: web.Request) -> web.Response:
    """List the rulings in force, the newest first."""
    return await _listed(context, request, None)


async def get_rulings_on(context: Context, request: web.Request) -> web.Response:
    """List the rulings in force on a cluster, the newest first, also if it is gone."""
    return await _listed(context, request, request.match_info["id"])


async def _listed(context: Context, request: web.Request, cluster: str | None) -> web.Response:
    limiter, now = context.tenant(request), context.serving.clock()
    tenant = limiter.tenant.name
    found = [
        one for one in await in_force(context.serving.tuning.rulings, tenant, now) if cluster in (None, one.cluster)
    ]
    if cluster is not None and not found and cluster not in limiter.links.clusters:
        raise NotFound(f"no current cluster has the id {cluster!r}, and no ruling names it")
    return json_answer({"tenant": tenant, "total": len(found), "rulings": found[::-1]})


async def post_ruling(context: Context, request: web.Request) -> web.Response:
    """Rule on a cluster, and say how many accounts and payers are in it; with dry_run only say so."""
    tenant, cluster = context.tenant(request), request.match_info["id"]
    tuning, now, name = context.serving.tuning, context.serving.clock(), tenant.tenant.name
    body = read(_bodies, await request.read())
    ruling = ruling_of(body, cluster, tuning.new_id(now), request["caller"].name, now)
    tenant.check_ruling(for_linker(ruling))
    touched = members_of(tenant, cluster) if ruling.account is None else _member(tenant, cluster, ruling)
    told = {**structs.asdict(ruling), "dry_run": body.dry_run, "reach": await reach_of_names(tenant, touched, now)}
    if body.dry_run:
        request["change"] = None
        return json_answer(told)
    ended = await making_room(tuning.rulings, name, now, MOST, "rulings in force; undo some")
    documents = [*ended, tuning.rulings.document(ruling.id, ruling), ruling_document(ruling.id, for_linker(ruling))]
    if ruling.ruling == "deny":
        deny = Deny(ruling.id, "cluster", cluster, ruling.reason, ruling.by, ruling.at, ruling.expires)
        documents.append(tuning.denials.document(deny.id, deny))
    change = Change(name, f"ruling.{ruling.ruling}", cluster, None, ruling, ruling.reason, account=ruling.account or "")
    await carry_out(context, request, tenant, tuning.denials.kind, documents, change)
    context.serving.linking.rulings.give(tenant, ruling.id, for_linker(ruling))
    return json_answer(told, 201)


async def delete_ruling(context: Context, request: web.Request) -> web.Response:
    """Take a ruling back, also after its cluster is gone."""
    tenant, tuning, why = context.tenant(request), context.serving.tuning, reason_of(request)
    name, now = tenant.tenant.name, context.serving.clock()
    ruling, version = await kept(tuning.rulings, name, request.match_info["id"], "ruling", "/v1/rulings")
    id_ = tuning.new_id(now)
    documents = [tuning.rulings.document(ruling.id, None, expect=version), ruling_document(id_, undoing(ruling))]
    if ruling.ruling == "deny" and await tuning.denials.get(name, ruling.id) is not None:
        documents.append(tuning.denials.document(ruling.id, None))
    change = Change(name, "ruling.undo", ruling.cluster, ruling, None, why, account=ruling.account or "")
    await carry_out(context, request, tenant, tuning.denials.kind, documents, change)
    context.serving.linking.rulings.give(tenant, id_, undoing(ruling))
    return nothing()


async def post_labels(context: Context, request: web.Request) -> web.Response:
    """Label every member of a cluster, one after the other; a call that is cut off can be sent again."""
    tenant, cluster = context.tenant(request), request.match_info["id"]
    body = read(_members, await request.read())
    if cluster not in tenant.links.clusters:
        raise NotFound(f"no current cluster has the id {cluster!r}")
    members = members_of(tenant, cluster)
    if len(members) > MOST_LABELLED:
        raise Conflict(f"this cluster has more than {MOST_LABELLED:,} members; rule on the cluster instead", "")
    for account in members:
        await label_account(context, request, tenant, LabelBody(account, body.label, body.reason))
    request["change"] = None
    return json_answer({"cluster": cluster, "label": body.label, "labelled": len(members)})


def _member(tenant: TenantLimiter, cluster: str, kept: KeptRuling) -> list[str]:
    """Name the account of a ruling; to be released it has to be a member. Raises NotFound."""
    account = kept.account or ""
    if kept.ruling == "release" and tenant.links.members.get(account, ("", 0.0))[0] != cluster:
        raise NotFound(f"account {account!r} is no member of cluster {cluster!r}", "/account")
    return [account]


ROUTES = (
    Route("GET", "/v1/rulings", get_rulings, "reader"),
    Route("DELETE", "/v1/rulings/{id}", delete_ruling, "operator"),
    Route("GET", "/v1/clusters/{id}/rulings", get_rulings_on, "reader"),
    Route("POST", "/v1/clusters/{id}/rulings", post_ruling, "operator"),
    Route("POST", "/v1/clusters/{id}/labels", post_labels, "operator"),
)
