"""Labels and appeals on the admin listener."""

import msgspec
from aiohttp import web

from reputation.admin.answers import json_answer, nothing, reason_of, whole
from reputation.admin.context import Context, Route
from reputation.admin.warnings import of_account
from reputation.engine.changes import marking
from reputation.engine.exceptions import allow_of
from reputation.engine.limiter import TenantLimiter
from reputation.sidecar.in_force import put_word
from reputation.state.records import ABSENT
from reputation.state.transactions import Stale, Transaction
from reputation.tuning.appeals import Appeal, AppealBody, DecisionBody, check_appeal, lift_of
from reputation.tuning.audit import Change
from reputation.tuning.labels import Label, LabelBody, outcome_documents
from reputation.wire.codec import read
from reputation.wire.errors import Conflict, NotFound
from reputation.wire.ids import pseudonym
from reputation.wire.messages import Outcome

_labels = msgspec.json.Decoder(LabelBody)
_appeals = msgspec.json.Decoder(AppealBody)
_decisions = msgspec.json.Decoder(DecisionBody)
MOST_LABELS = 1_000_000


async def report(
    context: Context, request: web.Request, tenant: TenantLimiter, outcome: Outcome, change: Change
) -> None:
    """Let an outcome mark its account and become its label."""
    serving, now = context.serving, context.serving.clock()
    while True:
        documents = await outcome_documents(serving.tuning.labels, outcome, request["caller"].name, now)
        try:
            await context.commit(request, tenant, marking(outcome, now)._replace(documents=documents), change)
        except Stale:  # another person labelled it meanwhile: that label must stay
            continue
        tenant.hear(outcome, now)
        return


async def get_labels(context: Context, request: web.Request) -> web.Response:
    """Labels by account, each with the keyed hash of the account in recorded decisions."""
    tenant = context.tenant(request)
    most = whole(request, "limit", 100, 1, MOST_LABELS)
    labels = await context.serving.tuning.labels.all(tenant.tenant.name)
    listed = [{**msgspec.to_builtins(one), "hash": pseudonym(one.account, tenant.secret)} for one in labels[:most]]
    return json_answer({"tenant": tenant.tenant.name, "total": len(labels), "labels": listed})


async def post_label(context: Context, request: web.Request) -> web.Response:
    """Keep a person's word on an account, and mark the account by it."""
    tenant, body = context.tenant(request), read(_labels, await request.read())
    known = await context.serving.checks.row(tenant, body.account) is not None  # its mark makes it known
    label = await label_account(context, request, tenant, body)
    return json_answer({**msgspec.structs.asdict(label), "warnings": of_account(body.account, known=known)})


async def label_account(context: Context, request: web.Request, tenant: TenantLimiter, body: LabelBody) -> Label:
    """Store a person's label of an account, with its mark. Raises Stale after a change at the same time."""
    who, tuning, name = request["caller"].name, context.serving.tuning, tenant.tenant.name
    now = context.serving.clock()
    before, version = await tuning.labels.get(name, body.account) or (None, ABSENT)
    label = Label(body.account, body.label, "person", who, now, body.reason)
    news = before is None or before.label != body.label  # said twice it is no second mark
    outcome = Outcome(body.account, body.label, name)
    asked = marking(outcome, now) if news else Transaction()
    documents = (tuning.labels.document(body.account, label, expect=version), tuning.word(label))
    asked = asked._replace(documents=documents)
    change = Change(name, f"label.{body.label}", "", before, label, body.reason, account=body.account)
    await context.commit(request, tenant, asked, change)
    put_word(tenant, label)
    if news:
        tenant.hear(outcome, now)
    return label


async def delete_label(context: Context, request: web.Request) -> web.Response:
    """Remove a label, and the stop of a person's label; its marks on the account stay."""
    tenant, account, why = context.tenant(request), request.match_info["account"], reason_of(request)
    tuning, name = context.serving.tuning, tenant.tenant.name
    known = await tuning.labels.get(name, account)
    if known is None:
        raise NotFound(f"account {account!r} of tenant {name!r} has no label")
    documents = (tuning.labels.document(account, None, expect=known[1]), tuning.marked.document(account, None))
    asked = Transaction(documents=documents)
    await context.commit(request, tenant, asked, Change(name, "label.remove", "", known[0], None, why, account=account))
    tenant.marked -= {account}
    return nothing()


async def get_appeals(context: Context, request: web.Request) -> web.Response:
    """Appeals, the newest first."""
    tenant = context.tenant(request).tenant.name
    appeals = (await context.serving.tuning.appeals.all(tenant))[::-1]
    most = whole(request, "limit", 100, 1, 1000)
    return json_answer({"tenant": tenant, "total": len(appeals), "appeals": appeals[:most]})


async def post_appeal(context: Context, request: web.Request) -> web.Response:
    """Turn a recent verdict into a temporary lift of its account."""
    tenant, tuning, now = context.tenant(request), context.serving.tuning, context.serving.clock()
    body, name, who = read(_appeals, await request.read()), tenant.tenant.name, request["caller"].name
    asked, verdict = await context.serving.stops.find(tenant, body.verdict, "/verdict")
    account = check_appeal(asked.account, verdict, body, await tuning.appeals.all(name), now)
    allow = allow_of(lift_of(account, body), tuning.new_id(now), who, now)
    cluster = verdict.cluster.id if verdict.cluster else None
    id_ = tuning.new_id(now)
    appeal = Appeal(
        id_, account, verdict.id, cluster, body.reason, who, now, allow.expires, allow.id, times=body.times
    )  # fmt: skip
    documents = (tuning.appeals.document(appeal.id, appeal), tuning.allows.document(allow.id, allow))
    what = "appeal.lift" if body.times == 1.0 else "appeal.double"
    change = Change(name, what, after=appeal, why=body.reason, account=account)
    await context.commit(request, tenant, Transaction(documents=documents), change)
    await tuning.refresh(name, tuning.allows.kind)
    return json_answer(appeal, 201)


async def post_decision(context: Context, request: web.Request) -> web.Response:
    """Let a person's decision end an appeal and become a label; one against the account ends its lift."""
    tenant, tuning, now = context.tenant(request), context.serving.tuning, context.serving.clock()
    body, name, who = read(_decisions, await request.read()), tenant.tenant.name, request["caller"].name
    found = await tuning.appeals.get(name, request.match_info["id"])
    if found is None:
        raise NotFound(f"no appeal of tenant {name!r} has this id; GET /v1/appeals lists them")
    appeal, version = found
    if appeal.label is not None:
        raise Conflict(f"this appeal is already decided: {appeal.label}, by {appeal.decided_by}")
    decided = msgspec.structs.replace(appeal, label=body.label, decided_by=who)
    label = Label(appeal.account, body.label, "appeal", who, now, body.reason)
    outcome = Outcome(appeal.account, body.label, name)
    documents = [tuning.appeals.document(appeal.id, decided, expect=version)]
    documents += [tuning.labels.document(appeal.account, label), tuning.word(label)]
    if body.label == "abuse":
        documents.append(tuning.allows.document(appeal.allow, None))
    asked = marking(outcome, now)._replace(documents=tuple(documents))
    change = Change(name, f"appeal.{body.label}", "", appeal, decided, body.reason, account=appeal.account)
    await context.commit(request, tenant, asked, change)
    put_word(tenant, label)
    tenant.hear(outcome, now)
    await tuning.refresh(name, tuning.allows.kind)
    return json_answer(decided)


ROUTES = (
    Route("GET", "/v1/labels", get_labels, "reader"),
    Route("POST", "/v1/labels", post_label, "operator"),
    Route("DELETE", "/v1/labels/{account:.+}", delete_label, "operator"),
    Route("GET", "/v1/appeals", get_appeals, "reader"),
    Route("POST", "/v1/appeals", post_appeal, "operator"),
    Route("POST", "/v1/appeals/{id}/decision", post_decision, "operator"),
)
