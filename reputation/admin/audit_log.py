"""The audit log on the admin listener: pages of it, and all of it as a file; both by who, what and when."""

from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from reputation.admin.answers import json_answer, moment_of, whole
from reputation.admin.context import Context, Route
from reputation.engine.limiter import TenantLimiter
from reputation.tuning.audit import A_PAGE, KINDS, PEOPLE, PROGRAMS, AuditEntry, Chosen, about
from reputation.wire.codec import encode
from reputation.wire.errors import BadRequest


async def get_audit(context: Context, request: web.Request) -> web.Response:
    """The audit log: the newest lines first, from before an id; with ?after= the oldest first.

    ?who=, ?what=, ?since=, ?until=, ?by= and ?account= leave the lines of an author, an action, a time, people or
    programs, and an account.
    """
    tenant, query = context.tenant(request), request.query
    entries = await context.serving.tuning.audit.entries(
        tenant.tenant.name,
        whole(request, "limit", 100, 1, A_PAGE),
        before=query.get("before", ""),
        after=query.get("after"),
        chosen=_chosen(tenant, request),
    )
    return json_answer({"tenant": tenant.tenant.name, "entries": entries})


async def get_audit_file(context: Context, request: web.Request) -> web.StreamResponse:
    """All lines of the audit log that the filters leave, as JSON lines, the oldest first."""
    tenant = context.tenant(request)
    chosen = _chosen(tenant, request)
    answer = web.StreamResponse(
        headers={"Content-Type": "application/jsonl", "Content-Disposition": 'attachment; filename="audit.jsonl"'}
    )
    lines = _lines(context, tenant.tenant.name, chosen)
    first = await anext(lines)  # state that is away is an error, and not a file that ends
    await answer.prepare(request)
    await answer.write(first)
    async for page in lines:
        await answer.write(page)
    await answer.write_eof()
    return answer


async def _lines(context: Context, tenant: str, chosen: Chosen) -> AsyncIterator[bytes]:
    last = ""
    while True:
        page: list[AuditEntry] = await context.serving.tuning.audit.entries(tenant, A_PAGE, after=last, chosen=chosen)
        yield b"".join(encode(entry) + b"\n" for entry in page)
        if len(page) < A_PAGE:
            return
        last = page[-1].id


def _chosen(tenant: TenantLimiter, request: web.Request) -> Chosen:
    query: Any = request.query
    by, account = query.get("by"), query.get("account")
    if by not in KINDS:
        raise BadRequest(f"by must be {PEOPLE} or {PROGRAMS}", "/by")
    return Chosen(
        query.get("who", ""),
        query.get("what", ""),
        moment_of(request, "since"),
        moment_of(request, "until") if "until" in query else None,
        by,
        None if account is None else about(account, tenant.secret),
    )


ROUTES = (
    Route("GET", "/v1/audit", get_audit, "reader"),
    Route("GET", "/v1/audit/file", get_audit_file, "reader"),
)
