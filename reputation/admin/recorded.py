"""Recorded decisions on the admin listener: segments to replay, and previews of drafts."""

import asyncio
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from reputation.admin.answers import json_answer, moment_of
from reputation.admin.context import Context, Route
from reputation.engine.limiter import TenantLimiter
from reputation.recordings.decisions import PackedSegment
from reputation.recordings.preview_process import MOST_DECISIONS, newest
from reputation.recordings.recorder import is_open
from reputation.tuning.labels import LabelWord
from reputation.tuning.revisions import Revision, check_floor, compiled
from reputation.wire.codec import read
from reputation.wire.errors import Invalid, NotFound
from reputation.wire.ids import pseudonym

AT_A_TIME = 2000
MOST_NAMES = 1000


class ReplayBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/tenants/{tenant}/replay: a draft, or the number of a revision."""

    settings: dict[str, Any] | None = None
    revision: Annotated[int, Meta(ge=1)] | None = None
    decisions: Annotated[int, Meta(ge=1, le=MOST_DECISIONS)] = MOST_DECISIONS


class NamesBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/tenants/{tenant}/names: keyed hashes, as recorded decisions have them."""

    hashes: Annotated[tuple[Annotated[str, Meta(pattern="^[0-9a-f]{16}$")], ...], Meta(max_length=MOST_NAMES)]


_replays = msgspec.json.Decoder(ReplayBody)
_names = msgspec.json.Decoder(NamesBody)


async def get_recorded(context: Context, request: web.Request) -> web.Response:
    """The segments with decisions since a time, the oldest first."""
    tenant, since = context.named(request).tenant.name, moment_of(request, "since")
    segments = await context.serving.tuning.recording.segments(tenant, since)
    listed = [{"id": s.id, "decisions": s.decisions, "first": s.first, "last": s.last} for s in segments]
    return json_answer({"tenant": tenant, "decisions": sum(s.decisions for s in segments), "segments": listed})


async def get_segment(context: Context, request: web.Request) -> web.Response:
    """Return a segment's bytes: zstandard over MessagePack; of an open segment, the part so far."""
    tenant, id_ = context.named(request).tenant.name, request.match_info["id"]
    segments = await context.serving.tuning.recording.segments(tenant, 0.0)
    same = [s for s in segments if s.id == id_ or (is_open(id_) and is_open(s.id))]
    if not same:
        raise NotFound(f"segment {id_!r} does not exist, or was deleted; GET /v1/tenants/{tenant}/recorded lists them")
    return web.Response(body=await asyncio.to_thread(same[0].read), content_type="application/zstd")


async def post_replay(context: Context, request: web.Request) -> web.Response:
    """Preview a draft over the newest decisions; nothing is stored."""
    tenant, tuning, body = context.named(request), context.serving.tuning, read(_replays, await request.read())
    request["change"] = None
    name = tenant.tenant.name
    if (body.settings is None) == (body.revision is None):
        raise Invalid("give either settings or a revision", "/settings")
    file = tuning.of_file(name)
    draft, stored = Revision(0, None, "", "", 0.0, body.settings or {}), body.revision is not None
    if body.revision is not None:
        draft = await tuning.revision(name, body.revision)
    check_floor(compiled(name, draft, file, stored=stored))
    live = await tuning.revision(name, tenant.tenant.revision)
    segments = newest(await tuning.recording.segments(name, 0.0), body.decisions)
    variants = ((name, live, file), (name, draft, file))
    labels = await labels_of(context, tenant)
    found = msgspec.to_builtins(await tuning.preview_process.ask("preview", segments, labels, *variants))
    hashes = {payer["account"] for payer in found["payers_listed"]}
    names = await names_of(tenant, hashes)
    for payer in found["payers_listed"]:
        payer["name"] = names.get(payer["account"])
    return json_answer(found)


async def get_quality(context: Context, request: web.Request) -> web.Response:
    """Return precision and recall on labelled accounts, for each revision among the newest decisions."""
    tenant, tuning = context.named(request), context.serving.tuning
    segments: list[PackedSegment] = newest(await tuning.recording.segments(tenant.tenant.name, 0.0), MOST_DECISIONS)
    found = await tuning.preview_process.ask("quality", segments, await labels_of(context, tenant))
    return json_answer({"tenant": tenant.tenant.name, "revisions": found})


async def labels_of(context: Context, tenant: TenantLimiter) -> dict[int, LabelWord]:
    """Labels by the number of the account's hash."""
    labels = await context.serving.tuning.labels.all(tenant.tenant.name)
    return {int(pseudonym(label.account, tenant.secret), 16): label.label for label in labels}


async def post_names(context: Context, request: web.Request) -> web.Response:
    """The accounts behind keyed hashes, as far as this sidecar knows them."""
    tenant, body = context.named(request), read(_names, await request.read())
    request["change"] = None
    return json_answer({"names": await names_of(tenant, set(body.hashes))})


async def names_of(tenant: TenantLimiter, hashes: set[str]) -> dict[str, str]:
    """Find accounts by their hashes; checks are answered between."""
    found: dict[str, str] = {}
    if not hashes:
        return found
    state = tenant.state
    accounts = state.names()
    for i in range(0, len(accounts), AT_A_TIME):
        for account in accounts[i : i + AT_A_TIME]:
            digest = pseudonym(account, tenant.secret)
            if digest in hashes:
                found[digest] = account
        if len(found) == len(hashes):
            break
        await asyncio.sleep(0)
    return found


ROUTES = (
    Route("GET", "/v1/tenants/{tenant}/recorded", get_recorded, "reader"),
    Route("GET", "/v1/tenants/{tenant}/recorded/{id}", get_segment, "reader"),
    Route("POST", "/v1/tenants/{tenant}/replay", post_replay, "reader"),
    Route("GET", "/v1/tenants/{tenant}/quality", get_quality, "reader"),
    Route("POST", "/v1/tenants/{tenant}/names", post_names, "reader"),
)
