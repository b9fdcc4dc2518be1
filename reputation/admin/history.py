"""The history of an account for a person: its label, outcomes, exceptions, appeals, addresses and neighbours."""

from typing import Any

from aiohttp import web

from geoip.facts import host_text
from reputation.admin.answers import json_answer
from reputation.admin.context import Context, Route
from reputation.admin.listed import listed_view
from reputation.admin.neighbours import companions_of
from reputation.admin.remedies import remedies_of_account
from reputation.admin.views import account_view
from reputation.engine.limiter import TenantLimiter
from reputation.state.crowds import Row
from reputation.state.history import outcomes, visits
from reputation.wire.errors import BadRequest

MOST = 100
"""Entries of each list; what is above is counted."""


async def get_history(context: Context, request: web.Request) -> web.Response:
    """Return what people and programs said of an account, and who else was seen where it was."""
    tenant, account = context.tenant(request), request.query.get("account", "")
    if not 1 <= len(account) <= 256:
        raise BadRequest("name the account with ?account=, in at most 256 characters", "/account")
    serving, now = context.serving, context.serving.clock()
    name, tuning = tenant.tenant.name, serving.tuning
    row = await serving.checks.row(tenant, account)
    label = await tuning.labels.get(name, account)
    appeals = [one for one in await tuning.appeals.all(name) if one.account == account][::-1]
    exceptions = [] if tenant.exceptions is None else tenant.exceptions.of_account(account, now)
    denials = [] if tenant.denials is None else tenant.denials.of_account(account, now)
    found = {
        "account": account,
        "tenant": name,
        "standing": None if row is None else account_view(account, row, tenant, now),
        "label": None if label is None else label[0],
        "exceptions": exceptions,
        "denials": denials,
        "listed": listed_view(tenant, account, row or Row(), now),
        "appeals": appeals[:MOST],
        "remedies": remedies_of_account(tenant.tenant, account, row or Row(), now),
        **_seen(tenant, row or Row(), now),
        **await _neighbours(tenant, account, now),
    }
    return json_answer(found)


def _seen(tenant: TenantLimiter, row: Row, now: float) -> dict[str, Any]:
    """Outcomes and addresses, the newest first."""
    window = tenant.state.accounts_on_address
    return {
        "outcomes": [{"outcome": kind, "at": at} for kind, at in reversed(outcomes(row.outcomes))],
        "addresses": [
            {"ip": host_text(host), "at": at, "accounts": len(window.members(host, now))}
            for host, at in visits(row.recent)
        ],
    }


async def _neighbours(tenant: TenantLimiter, account: str, now: float) -> dict[str, Any]:
    state, found = tenant.state, {}
    for kind, window in (("card", state.accounts_on_card), ("device", state.accounts_on_device)):
        names = await companions_of(state, window, account, now)
        found[f"same_{kind}"] = {"total": len(names), "accounts": names[:MOST]}
    return found


ROUTES = (Route("GET", "/v1/history", get_history, "reader"),)
