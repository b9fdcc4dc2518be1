"""Tenants on the admin listener: revisions of their settings, and the live revision."""

from typing import Any

import msgspec
from aiohttp import web

from reputation.admin.access import authorise, sees
from reputation.admin.answers import json_answer, nothing, reason_of, whole
from reputation.admin.context import Context, Route
from reputation.config.file import named_tenants
from reputation.config.presets import PRESETS
from reputation.config.tenants import Tenant, TenantSettings, compile_tenant, in_force
from reputation.engine.entry import newcomers_of
from reputation.engine.limiter import TenantLimiter
from reputation.engine.together import together_of
from reputation.sidecar.in_force import Tuning
from reputation.state.records import ABSENT
from reputation.state.transactions import Transaction
from reputation.tuning.audit import Change
from reputation.tuning.made_tenants import EVERYBODY, TenantBody, made_of
from reputation.tuning.prices import prices
from reputation.tuning.revisions import Revision, RevisionBody, check_floor, compiled, differences, sparse
from reputation.tuning.rollout import Rollout, RolloutBody, stepped
from reputation.wire.codec import read
from reputation.wire.errors import BadRequest, Conflict

_tenants = msgspec.json.Decoder(TenantBody)
_revisions = msgspec.json.Decoder(RevisionBody)
_rollouts = msgspec.json.Decoder(RolloutBody)


async def get_tenants(context: Context, request: web.Request) -> web.Response:
    """List the tenants of the caller, with their live revisions."""
    tenants = [t for name, t in sorted(context.serving.limiter.tenants.items()) if sees(request["caller"], name)]
    rollouts = [(await context.serving.tuning.rollout(t.tenant.name))[0] for t in tenants]
    return json_answer({"tenants": [_line(*pair) for pair in zip(tenants, rollouts, strict=True)]})


def _line(tenant: TenantLimiter, rollout: Rollout) -> dict[str, Any]:
    settings = tenant.tenant.settings
    return {
        "name": tenant.tenant.name,
        "owner": settings.owner,
        "preset": settings.preset,
        "mode": settings.mode,
        "revision": tenant.tenant.revision,
        "candidate": rollout.candidate,
        "stage": rollout.stage,
        "percent": rollout.percent,
        "newcomers": {
            plan: {"day": units, "voters": voters}
            for plan, (units, voters) in newcomers_of(tenant.tenant, tenant.links).items()
        },
        "together": together_of(tenant.tenant, tenant.links),
    }


async def post_tenant(context: Context, request: web.Request) -> web.Response:
    """Make a tenant; it answers checks before this does."""
    serving, body = context.serving, read(_tenants, await request.read())
    name, who, now = body.name, request["caller"].name, serving.clock()
    authorise(request["caller"], "admin", name)
    made = made_of(body, who, now, serving.file, await serving.made_tenants.all(EVERYBODY))
    await serving.made_tenants.put(EVERYBODY, name, made, expect=ABSENT)
    await serving.take_up_tenants()
    request["change"] = Change(name, "tenant.create", name, None, made, body.reason)
    tenant = serving.limiter.tenant(name)
    return json_answer(_line(tenant, (await serving.tuning.rollout(name))[0]), 201)


async def delete_tenant(context: Context, request: web.Request) -> web.Response:
    """Delete a tenant that the API made; what is stored of it stays in the state."""
    serving, why = context.serving, reason_of(request)
    name = context.named(request).tenant.name
    found = await serving.made_tenants.get(EVERYBODY, name)
    if found is None or name in named_tenants(serving.file):
        raise Conflict(f"tenant {name!r} is not one that the API made; remove it from the configuration file")
    await serving.made_tenants.delete(EVERYBODY, name)
    await serving.tuning.rollouts.delete(name, serving.tuning.rollouts.kind)
    await serving.take_up_tenants()
    serving.event_log.warning("tenant_deleted", tenant=name, by=request["caller"].name, reason=why)
    request["change"] = Change(name, "tenant.delete", name, found[0], None, why)
    return nothing()


async def get_presets(_: Context, __: web.Request) -> web.Response:
    """Return the presets with all values, as starting points of drafts."""
    found = {name: in_force(compile_tenant("preset", TenantSettings(preset=name))) for name in PRESETS}
    return json_answer({"presets": found})


async def get_tenant(context: Context, request: web.Request) -> web.Response:
    """Return one tenant: the live revision, any trial, and the ETag for a change."""
    tenant, tuning = context.named(request), context.serving.tuning
    name = tenant.tenant.name
    (rollout, version), history = await tuning.rollout(name), await tuning.history(name)
    trial = tuning.trials.get(name)
    found = _line(tenant, rollout) | {
        "latest": history[-1].number,
        "rollout": rollout,
        "settings": sparse(tenant.tenant.settings),
        "in_force": in_force(tenant.tenant),
        "trial": None if trial is None else trial.view(),
        "unknown_plans": tenant.state.unknown_plans.names,
    }
    return json_answer(found, etag=_etag(version, history[-1]))


def _etag(version: int, latest: Revision) -> str:
    """Return the ETag of the values just read; every revision and every step changes it, so no change is lost."""
    return f"{version}.{latest.number}"


async def get_prices(context: Context, request: web.Request) -> web.Response:
    """Return what a million requests cost an attacker under the live revision, the cheapest way first."""
    limiter = context.named(request)
    tenant = limiter.tenant
    found = prices(tenant, limiter.links.newcomers)
    return json_answer({"tenant": tenant.name, "revision": tenant.revision, "prices": found})


async def get_revisions(context: Context, request: web.Request) -> web.Response:
    """Revisions, the newest first, without their settings."""
    name = context.named(request).tenant.name
    most = whole(request, "limit", 100, 1, 1000)
    history = await context.serving.tuning.history(name)
    members = ("number", "parent", "author", "reason", "at")
    newest = [{m: getattr(one, m) for m in members} for one in reversed(history)][:most]
    return json_answer({"tenant": name, "total": len(history), "revisions": newest})


async def get_revision(context: Context, request: web.Request) -> web.Response:
    """One revision: its sparse settings, and all of them with its preset laid out."""
    tenant = context.named(request)
    revision = await _numbered(context.serving.tuning, tenant, request.match_info["number"])
    laid_out = in_force(_compiled(context, tenant, revision, stored=True))
    return json_answer({**msgspec.to_builtins(revision), "in_force": laid_out})


async def _numbered(tuning: Tuning, tenant: TenantLimiter, text: str) -> Revision:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10):
        raise BadRequest("a revision must be a whole number", "/number")
    return await tuning.revision(tenant.tenant.name, int(text))


def _compiled(context: Context, tenant: TenantLimiter, revision: Revision, *, stored: bool = False) -> Tenant:
    name = tenant.tenant.name
    return compiled(name, revision, context.serving.tuning.of_file(name), stored=stored)


async def post_revision(context: Context, request: web.Request) -> web.Response:
    """Store a new revision, not active yet."""
    tenant, tuning = context.named(request), context.serving.tuning
    name, body = tenant.tenant.name, read(_revisions, await request.read())
    _check_owner(tuning, name)
    (_, version), history = await tuning.rollout(name), await tuning.history(name)
    _check_match(name, request, _etag(version, history[-1]), needed=False)
    number = history[-1].number + 1
    parent = await tuning.revision(name, body.parent or tenant.tenant.revision)
    now = context.serving.clock()
    revision = Revision(number, parent.number, request["caller"].name, body.reason, now, body.settings)
    check_floor(_compiled(context, tenant, revision))
    subject = f"revision {number}"
    change = Change(name, "revision.create", subject, parent.settings, revision.settings, body.reason)
    await context.commit(request, tenant, Transaction(documents=(tuning.adding(revision),)), change)
    return json_answer(revision, 201, _etag(version, revision))


async def post_validate(context: Context, request: web.Request) -> web.Response:
    """Validate settings and return the effective settings; nothing is stored."""
    tenant, body = context.named(request), read(_revisions, await request.read())
    draft = Revision(0, None, "", body.reason, 0.0, body.settings)
    compiled_ = _compiled(context, tenant, draft)
    check_floor(compiled_)
    request["change"] = None
    changes = differences(tenant.tenant, compiled_)
    return json_answer({"in_force": in_force(compiled_), "changes": changes})


async def get_diff(context: Context, request: web.Request) -> web.Response:
    """Return the differences of two revisions in all values; `before` is the live revision by default."""
    tenant, tuning, query = context.named(request), context.serving.tuning, request.query
    live = str(tenant.tenant.revision)
    before = await _numbered(tuning, tenant, query.get("before", live))
    after = await _numbered(tuning, tenant, query.get("after", live))
    found = differences(*[_compiled(context, tenant, one, stored=True) for one in (before, after)])
    return json_answer({"before": before.number, "after": after.number, "changes": found})


async def post_rollout(context: Context, request: web.Request) -> web.Response:
    """Apply a step of a revision (shadow, promote, roll back, stop); it is active before the answer."""
    tenant, tuning = context.named(request), context.serving.tuning
    name, body = tenant.tenant.name, read(_rollouts, await request.read())
    _check_owner(tuning, name)
    (rollout, version), history = await tuning.rollout(name), await tuning.history(name)
    _check_match(name, request, _etag(version, history[-1]), needed=True)
    await tuning.check_step(name, rollout, body.revision)
    stepped_ = stepped(rollout, body, request["caller"].name, context.serving.clock())
    for number in {stepped_.live, stepped_.candidate} - {None, rollout.live}:
        revision = await tuning.revision(name, number or 0)
        check_floor(_compiled(context, tenant, revision, stored=body.step == "rollback"))
    subject = f"revision {stepped_.candidate or stepped_.live}"
    change = Change(name, f"rollout.{body.step}", subject, rollout, stepped_, body.reason)
    asked = Transaction(documents=(tuning.stepping(stepped_, version),))
    version = (await context.commit(request, tenant, asked, change)).versions[0]
    await tuning.refresh(name, tuning.rollouts.kind)
    return json_answer({"tenant": name, "rollout": stepped_}, etag=_etag(version, history[-1]))


def _check_owner(tuning: Tuning, name: str) -> None:
    if tuning.of_file(name).owner != "api":
        raise Conflict(
            f"the configuration file owns tenant {name!r}: change it there and send SIGHUP, "
            "or set its `owner` to `api` there"
        )


def _check_match(name: str, request: web.Request, etag: str, *, needed: bool) -> None:
    given = request.headers.get("If-Match")
    if given is None:
        if needed:
            raise BadRequest(f"send If-Match with the ETag of GET /v1/tenants/{name}, so that no change is lost")
        return
    if given.strip() != "*" and given.strip().strip('"') != etag:
        raise Conflict(f"tenant {name!r} was changed in the meantime; read it again, then decide again")


ROUTES = (
    Route("GET", "/v1/presets", get_presets, "reader"),
    Route("GET", "/v1/tenants", get_tenants, "reader"),
    Route("POST", "/v1/tenants", post_tenant, "admin"),
    Route("GET", "/v1/tenants/{tenant}", get_tenant, "reader"),
    Route("DELETE", "/v1/tenants/{tenant}", delete_tenant, "admin"),
    Route("GET", "/v1/tenants/{tenant}/prices", get_prices, "reader"),
    Route("GET", "/v1/tenants/{tenant}/revisions", get_revisions, "reader"),
    Route("POST", "/v1/tenants/{tenant}/revisions", post_revision, "admin"),
    Route("GET", "/v1/tenants/{tenant}/revisions/{number}", get_revision, "reader"),
    Route("POST", "/v1/tenants/{tenant}/validate", post_validate, "reader"),
    Route("GET", "/v1/tenants/{tenant}/diff", get_diff, "reader"),
    Route("POST", "/v1/tenants/{tenant}/rollout", post_rollout, "admin"),
)
