"""Labels and appeals on the admin listener."""

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from reputation.errors import Conflict, NotFound
from reputation.events import Outcome
from reputation.http.admin_answers import Route, json_answer, nothing, reason_of, whole
from reputation.keys import pseudonym
from reputation.limiter import TenantLimiter
from reputation.tuning.appeals import Appeal, AppealBody, DecisionBody, check_appeal, lift_of
from reputation.tuning.audit import Change
from reputation.tuning.exceptions import allow_of
from reputation.tuning.labels import OF_OUTCOME, Label, LabelBody, Source, stands
from reputation.tuning.live import Tuning
from reputation.wire import read

if TYPE_CHECKING:
    from reputation.http.admin import Admin

_labels = msgspec.json.Decoder(LabelBody)
_appeals = msgspec.json.Decoder(AppealBody)
_decisions = msgspec.json.Decoder(DecisionBody)
MOST_LABELS = 1_000_000


async def keep_label(tuning: Tuning, tenant: TenantLimiter, label: Label) -> Label:
    """Keep a label unless a person's word stands; returns the one that counts."""
    known = await tuning.labels.get(tenant.tenant.name, label.account)
    if not stands(known[0] if known else None, label):
        return known[0] if known else label
    await tuning.labels.put(tenant.tenant.name, label.account, label)
    return label


async def label_outcome(tuning: Tuning, tenant: TenantLimiter, outcome: Outcome, by: str, now: float) -> None:
    """Let an outcome that says what an account is become its label."""
    word = OF_OUTCOME.get(outcome.outcome)
    if word is not None:
        source: Source = "stripe" if by == "stripe" else "outcome"
        await keep_label(tuning, tenant, Label(outcome.account, word, source, by, now, outcome.outcome))


async def get_labels(admin: "Admin", request: web.Request) -> web.Response:
    """Labels by account, each with the account's keyed hash, as recorded decisions have it."""
    tenant = admin.tenant(request)
    most = whole(request, "limit", 100, 1, MOST_LABELS)
    labels = await admin.serving.tuning.labels.all(tenant.tenant.name)
    listed = [{**msgspec.to_builtins(one), "hash": pseudonym(one.account, tenant.secret)} for one in labels[:most]]
    return json_answer({"tenant": tenant.tenant.name, "total": len(labels), "labels": listed})


async def post_label(admin: "Admin", request: web.Request) -> web.Response:
    """Keep a person's word on an account, and mark the account by it."""
    tenant, body, now = admin.tenant(request), read(_labels, await request.read()), admin.serving.clock()
    who, tuning, name = request["caller"].name, admin.serving.tuning, tenant.tenant.name
    known = await tuning.labels.get(name, body.account)
    label = Label(body.account, body.label, "person", who, now, body.reason)
    await tuning.labels.put(name, body.account, label)
    if known is None or known[0].label != body.label:  # said twice it is no second mark
        await admin.serving.report(tenant, Outcome(body.account, body.label, name))
    before = known[0] if known else None
    request["change"] = Change(name, "label", body.account, before, label, body.reason)
    return json_answer(label)


async def delete_label(admin: "Admin", request: web.Request) -> web.Response:
    """Take a label back; marks that it left on the account stay."""
    tenant, account, why = admin.tenant(request).tenant.name, request.match_info["account"], reason_of(request)
    tuning = admin.serving.tuning
    known = await tuning.labels.get(tenant, account)
    if known is None or not await tuning.labels.delete(tenant, account):
        raise NotFound(f"account {account!r} of tenant {tenant!r} has no label")
    request["change"] = Change(tenant, "label.remove", account, known[0], None, why)
    return nothing()


async def get_appeals(admin: "Admin", request: web.Request) -> web.Response:
    """Appeals, the newest first."""
    tenant = admin.tenant(request).tenant.name
    appeals = (await admin.serving.tuning.appeals.all(tenant))[::-1]
    most = whole(request, "limit", 100, 1, 1000)
    return json_answer({"tenant": tenant, "total": len(appeals), "appeals": appeals[:most]})


async def post_appeal(admin: "Admin", request: web.Request) -> web.Response:
    """Turn a recent verdict into a temporary lift of its account."""
    tenant, tuning, now = admin.tenant(request), admin.serving.tuning, admin.serving.clock()
    body, name, who = read(_appeals, await request.read()), tenant.tenant.name, request["caller"].name
    found = tenant.verdicts.get(body.verdict, now)
    if found is None:
        raise NotFound(f"verdict {body.verdict!r} is not among the recent ones of tenant {name!r}", "/verdict")
    asked, verdict = found
    account = check_appeal(asked.account, verdict, body, await tuning.appeals.all(name), now)
    allow = allow_of(lift_of(account, body), tuning.new_id(now), who, now)
    cluster = verdict.cluster.id if verdict.cluster else None
    id_ = tuning.new_id(now)
    appeal = Appeal(id_, account, verdict.id, cluster, body.reason, who, now, allow.expires, allow.id)
    await tuning.appeals.put(name, appeal.id, appeal)
    await tuning.allows.put(name, allow.id, allow)
    await tuning.refresh(name, tuning.allows.kind)
    request["change"] = Change(name, "appeal.lift", account, None, appeal, body.reason)
    return json_answer(appeal, 201)


async def post_decision(admin: "Admin", request: web.Request) -> web.Response:
    """Let a person's decision end an appeal and become a label; one against the account ends its lift."""
    tenant, tuning, now = admin.tenant(request), admin.serving.tuning, admin.serving.clock()
    body, name, who = read(_decisions, await request.read()), tenant.tenant.name, request["caller"].name
    found = await tuning.appeals.get(name, request.match_info["id"])
    if found is None:
        raise NotFound(f"no appeal of tenant {name!r} has this id; GET /v1/appeals lists them")
    appeal, version = found
    if appeal.label is not None:
        raise Conflict(f"this appeal was decided already: {appeal.label}, by {appeal.decided_by}")
    decided = msgspec.structs.replace(appeal, label=body.label, decided_by=who)
    await tuning.appeals.put(name, appeal.id, decided, expect=version)
    await tuning.labels.put(name, appeal.account, Label(appeal.account, body.label, "appeal", who, now, body.reason))
    await admin.serving.report(tenant, Outcome(appeal.account, body.label, name))
    if body.label == "abuse":
        await tuning.allows.delete(name, appeal.allow)
        await tuning.refresh(name, tuning.allows.kind)
    request["change"] = Change(name, f"appeal.{body.label}", appeal.account, appeal, decided, body.reason)
    return json_answer(decided)


ROUTES = (
    Route("GET", "/v1/labels", get_labels, "reader"),
    Route("POST", "/v1/labels", post_label, "operator"),
    Route("DELETE", "/v1/labels/{account:.+}", delete_label, "operator"),
    Route("GET", "/v1/appeals", get_appeals, "reader"),
    Route("POST", "/v1/appeals", post_appeal, "operator"),
    Route("POST", "/v1/appeals/{id}/decision", post_decision, "operator"),
)
