"""Routes for the console: the caller, recent traffic, and the counts of the last hour or day."""

from collections.abc import Callable, Iterator
from typing import Any, get_args

from aiohttp import web

from reputation.admin.access import sees
from reputation.admin.answers import json_answer, whole
from reputation.admin.context import Context, Route
from reputation.admin.views import asked_view
from reputation.engine.limiter import TenantLimiter
from reputation.engine.verdicts import StoredRequest
from reputation.scoring.risk import TIERS
from reputation.sidecar.timeline import WINDOWS
from reputation.wire.errors import BadRequest
from reputation.wire.messages import Decision, Verdict

FILTERS: dict[str, Callable[[StoredRequest, Verdict], str | None]] = {
    "account": lambda asked, _: asked.account,
    "decision": lambda _, verdict: (verdict.shadow or verdict).decision,
    "tier": lambda _, verdict: verdict.tier,
    "cluster": lambda _, verdict: None if verdict.cluster is None else verdict.cluster.id,
}
"""What recent verdicts can be chosen by."""
WORDS: dict[str, tuple[str, ...]] = {"decision": get_args(Decision), "tier": TIERS}
"""The words of the filters that have fixed ones."""


async def get_caller(context: Context, request: web.Request) -> web.Response:
    """Return the caller: name, role, bound tenants (none: all), visible tenants, and how it came to be known."""
    caller, settings = request["caller"], context.serving.settings
    seen = [name for name in sorted(context.serving.limiter.tenants) if sees(caller, name)]
    proxy = settings.sign_in.proxy if caller.via == "proxy" else None
    found = {"name": caller.name, "role": caller.role, "tenants": caller.tenants, "sees": seen, "via": caller.via}
    signed_in = {"tokens": bool(settings.tokens), "sign_out": None if proxy is None else proxy.sign_out}
    return json_answer(found | signed_in)


async def get_timeline(context: Context, request: web.Request) -> web.Response:
    """Return the counts of the last hour or day in columns, and the current totals."""
    tenant, window = context.tenant(request), request.query.get("window", "hour")
    if window not in WINDOWS:
        raise BadRequest(f"window must be one of {', '.join(WINDOWS)}", "/window")
    serving = context.serving
    name, linking = tenant.tenant.name, serving.linking
    now = serving.charts.present(tenant) | {
        "at": serving.clock(),
        "revision": tenant.tenant.revision,
        "mode": tenant.tenant.settings.mode,
        "accounts_known": len(tenant.state.registered),
        "linker": linking.pid is not None,
        "links_at": tenant.links.at,
    }
    found = {"tenant": name, "window": window, "step": WINDOWS[window], "now": now}
    return json_answer(found | {"columns": serving.charts.columns(name, window)})


async def get_recent(context: Context, request: web.Request) -> web.Response:
    """Return recent verdicts with their requests, newest first, filtered by ?account=, ?decision=, ?tier=, …"""
    tenant, most = context.tenant(request), whole(request, "limit", 100, 1, 1000)
    wanted = [(member, _asked(request, name)) for name, member in FILTERS.items() if name in request.query]
    found: list[dict[str, Any]] = []
    for asked, verdict in _newer(tenant, request.query.get("after", "")):
        if len(found) >= most:
            break
        if all(member(asked, verdict) == value for member, value in wanted):
            found.append({"request": asked_view(asked), "verdict": verdict})
    newest = [verdict.id for _, verdict in tenant.verdicts.newest(1)]
    return json_answer({"tenant": tenant.tenant.name, "newest": newest[0] if newest else None, "recent": found})


def _asked(request: web.Request, name: str) -> str:
    """Read a filter. Raises BadRequest for a word that no verdict can have."""
    value, words = request.query[name], WORDS.get(name)
    if words is not None and value not in words:
        raise BadRequest(f"{name} must be one of {', '.join(words)}", f"/{name}")
    return value


def _newer(tenant: TenantLimiter, id_: str) -> Iterator[tuple[StoredRequest, Verdict]]:
    """Recent verdicts, newest first, as far as the one called `id_`; ids rise with time."""
    for asked, verdict in tenant.verdicts.newest(len(tenant.verdicts)):
        if verdict.id <= id_:
            return
        yield asked, verdict


ROUTES = (
    Route("GET", "/v1/caller", get_caller, "reader"),
    Route("GET", "/v1/timeline", get_timeline, "reader"),
    Route("GET", "/v1/recent", get_recent, "reader"),
)
