"""Facts of accounts and their outcomes on the admin listener."""

import msgspec
from aiohttp import web

from reputation.admin.answers import json_answer
from reputation.admin.context import Context, Route
from reputation.admin.labels import report
from reputation.admin.stripe_events import customer_documents
from reputation.admin.views import account_view, facts_view
from reputation.engine.changes import deleting
from reputation.tuning.audit import Change
from reputation.wire.codec import read
from reputation.wire.errors import BadRequest, NotFound
from reputation.wire.messages import AccountFacts, Outcome, wire_type

_facts = msgspec.json.Decoder(AccountFacts, dec_hook=wire_type)
_outcomes = msgspec.json.Decoder(Outcome, dec_hook=wire_type)


class _Whose(msgspec.Struct):
    """Whether a body names a tenant; where it does not, ?tenant= may."""

    tenant: str | None = None


_whose = msgspec.json.Decoder(_Whose)


async def put_account(context: Context, request: web.Request) -> web.Response:
    tenant, account = context.tenant(request), account_in(request)
    body = read(_facts, await request.read())
    documents, now = customer_documents(account, body), context.serving.clock()
    asked = tenant.pushing(account, body, now)._replace(documents=documents)
    change = Change(tenant.tenant.name, "account.put", pushed=True, account=account)
    await context.commit(request, tenant, asked, change, facts_view)
    await context.stripe.waited(tenant, *[document.id for document in documents])
    return web.Response(status=204)


async def get_account(context: Context, request: web.Request) -> web.Response:
    tenant, account = context.tenant(request), account_in(request)
    row = await context.serving.checks.row(tenant, account)
    if row is None:
        raise NotFound(f"account {account!r} is not known to tenant {tenant.tenant.name!r}")
    return json_answer(account_view(account, row, tenant, context.serving.clock()))


async def delete_account(context: Context, request: web.Request) -> web.Response:
    tenant, account = context.tenant(request), account_in(request)
    change = Change(tenant.tenant.name, "account.delete", account=account)
    await context.commit(request, tenant, deleting(account), change, facts_view)
    return web.Response(status=204)


async def post_outcome(context: Context, request: web.Request) -> web.Response:
    body = await request.read()
    outcome, query = read(_outcomes, body), request.query.get("tenant")
    if query is not None and read(_whose, body).tenant is None:
        outcome = msgspec.structs.replace(outcome, tenant=query)
    tenant = context.tenant(request, outcome.tenant)
    change = Change(outcome.tenant, f"outcome.{outcome.outcome}", after=outcome, pushed=True, account=outcome.account)
    await report(context, request, tenant, outcome, change)
    return web.Response(status=204)


def account_in(request: web.Request) -> str:
    """Return the account in the path. Raises BadRequest for an id that is too long."""
    account = request.match_info["id"]
    if len(account) > 256:
        raise BadRequest("an account id has at most 256 characters", "/id")
    return account


ROUTES = (
    Route("PUT", "/v1/accounts/{id:.+}", put_account, "operator"),
    Route("GET", "/v1/accounts/{id:.+}", get_account, "reader"),
    Route("DELETE", "/v1/accounts/{id:.+}", delete_account, "operator"),
    Route("POST", "/v1/outcomes", post_outcome, "operator"),
)
