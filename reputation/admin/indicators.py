"""Indicators on the admin listener: a cluster as a bundle of STIX 2.1, and bundles of others as evidence."""

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta, Struct, structs

from reputation.admin.answers import json_answer, nothing, reason_of
from reputation.admin.context import Context, Route
from reputation.admin.endings import carry_out, in_force, kept, making_room
from reputation.engine.entries import LONGEST
from reputation.engine.indicators import Bundle, Weight
from reputation.tuning.audit import Change
from reputation.tuning.stix import bundle_of, indicators_in
from reputation.wire.codec import encode, invalid
from reputation.wire.errors import Invalid, NotFound

MOST_BUNDLES = 100
"""Bundles of a tenant in force at once."""
STIX_TYPE = "application/stix+json"
VERSION = "version=2.1"


class ImportQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The query of POST /v1/indicators. weight: log-odds at full confidence; expires_in: seconds."""

    source: Annotated[str, Meta(min_length=1, max_length=200)]
    reason: Annotated[str, Meta(min_length=1, max_length=1024)]
    tenant: str = "default"
    weight: Weight = 0.5
    expires_in: Annotated[float, Meta(gt=0, le=LONGEST)] = 14 * 86_400.0
    dry_run: bool = False


async def get_indicators(context: Context, request: web.Request) -> web.Response:
    """List the bundles in force; with ?cluster= describe that cluster as a bundle for others."""
    tenant, now = context.tenant(request), context.serving.clock()
    id_ = request.query.get("cluster")
    if id_ is None:
        found = await in_force(context.serving.tuning.bundles, tenant.tenant.name, now)
        found.sort(key=lambda bundle: bundle.expires)
        return json_answer({"tenant": tenant.tenant.name, "total": len(found), "bundles": found})
    cluster = tenant.links.clusters.get(id_)
    if cluster is None:
        raise NotFound(f"tenant {tenant.tenant.name!r} has no cluster {id_!r}; GET /v1/clusters lists them")
    body = encode(bundle_of(cluster, tenant.state.size(), tenant.secret, now))
    return web.Response(body=body, headers={"Content-Type": f"{STIX_TYPE};{VERSION}"})


async def post_indicators(context: Context, request: web.Request) -> web.Response:
    """Take a bundle of STIX 2.1 as evidence; with dry_run only say what it holds."""
    limiter, tuning, now = context.tenant(request), context.serving.tuning, context.serving.clock()
    asked, tenant = _query(request), limiter.tenant.name
    found = indicators_in(await request.read(), now)
    bundle = Bundle(
        tuning.new_id(now), asked.source, asked.reason, request["caller"].name, now, now + asked.expires_in,
        asked.weight, found.indicators,
    )  # fmt: skip
    counts = {"dry_run": asked.dry_run, "taken": len(found.indicators), "ended": found.ended, "unread": found.unread}
    told = {**structs.asdict(bundle), **counts}
    if asked.dry_run:
        request["change"] = None
        return json_answer(told)
    if not found.indicators:
        raise Invalid("no indicator of this bundle can be used; see docs/tuning.md for the patterns", "/objects")
    ended = await making_room(tuning.bundles, tenant, now, MOST_BUNDLES, "bundles; remove one")
    changes = [*ended, tuning.bundles.document(bundle.id, bundle)]
    line = _change("indicators.import", tenant, None, bundle, asked.reason)
    await carry_out(context, request, limiter, tuning.bundles.kind, changes, line)
    return json_answer(told, 201)


async def delete_indicators(context: Context, request: web.Request) -> web.Response:
    """Take a bundle back before it ends."""
    limiter, tuning, id_ = context.tenant(request), context.serving.tuning, request.match_info["id"]
    tenant, why = limiter.tenant.name, reason_of(request)
    bundle, version = await kept(tuning.bundles, tenant, id_, "bundle", "/v1/indicators")
    changes = [tuning.bundles.document(id_, None, expect=version)]
    line = _change("indicators.remove", tenant, bundle, None, why)
    await carry_out(context, request, limiter, tuning.bundles.kind, changes, line)
    return nothing()


def _change(what: str, tenant: str, before: Bundle | None, after: Bundle | None, why: str) -> Change:
    """Return the change for the audit log, with the number of indicators in their place."""
    bundle = before or after
    assert bundle is not None  # noqa: S101 - one of them was given
    return Change(tenant, what, f"bundle {bundle.id}", _counted(before), _counted(after), why)


def _counted(bundle: Bundle | None) -> dict[str, object] | None:
    return None if bundle is None else structs.asdict(bundle) | {"indicators": len(bundle.indicators)}


def _query(request: web.Request) -> ImportQuery:
    """Read the query. Raises Invalid, with a pointer to the member."""
    try:
        return msgspec.convert(dict(request.query), ImportQuery, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error, ImportQuery) from None


ROUTES = (
    Route("GET", "/v1/indicators", get_indicators, "reader"),
    Route("POST", "/v1/indicators", post_indicators, "operator"),
    Route("DELETE", "/v1/indicators/{id}", delete_indicators, "operator"),
)
