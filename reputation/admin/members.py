"""Who is in a cluster, why its status is what it is, and the sentence of the home page, with bounded work."""

from collections import Counter
from typing import Any

from aiohttp import web

from reputation.admin.answers import json_answer, whole
from reputation.admin.context import Context, Route
from reputation.admin.reach import members_of, payers_among
from reputation.admin.sentences import number
from reputation.admin.views import cluster_view
from reputation.engine.limiter import TenantLimiter
from reputation.hydra.links import Cluster
from reputation.state.facts import is_payer
from reputation.state.history import visits
from reputation.wire.errors import Unavailable

MOST_MEMBERS = 1000
"""Members that one answer describes."""
NEWEST = 2000
"""Recent verdicts in which members are counted as let through or stopped."""
LARGEST = 5
STOPS = ("throttle", "challenge", "deny")
WHY = {
    "shared": "the links are less than 99% sure, so its members only share one purse",
    "restricted": "the links are at least 99% sure, or an operator restrained it",
    "challenged": "at least 5% of its members have evidence against them besides links, such as disputes or labels",
    "blessed": "an operator allow-listed it",
}


async def get_cluster(context: Context, request: web.Request) -> web.Response:
    """Return one cluster with its evidence, its status in words, and a page of its members, payers first."""
    tenant, id_ = context.tenant(request), request.match_info["id"]
    found, cluster = cluster_view(tenant, id_), tenant.links.clusters[id_]
    start, most = whole(request, "offset", 0, 0, 10**8), whole(request, "limit", 200, 1, MOST_MEMBERS)
    names = members_of(tenant, id_)
    payers = await payers_among(tenant, names, context.serving.clock())
    paying = set(payers)
    ordered = payers + [name for name in names if name not in paying]
    who = await _who(context, tenant, ordered[start : start + most])
    told = {
        "sentence": _held(tenant, [cluster], len(payers)) + ".",
        "why": WHY[cluster.standing],
        "payers": len(payers),
    }
    return json_answer({**found, **told, "listed": len(who), "who": who})


async def _who(context: Context, tenant: TenantLimiter, names: list[str]) -> list[dict[str, Any]]:
    """Describe members: facts, label, when each was last seen within a day, and its recent verdicts."""
    now, labels, wanted = context.serving.clock(), await _labels(context, tenant, names), set(names)
    counts: Counter[tuple[str, bool]] = Counter()
    for asked, verdict in tenant.verdicts.newest(NEWEST):
        if asked.account in wanted:
            counts[asked.account or "", (verdict.shadow or verdict).decision == "allow"] += 1
    found = []
    for name in names:
        row = tenant.state.row(name, now)
        facts = None if row is None else row.facts
        payment = None if facts is None else facts.payment
        found.append(
            {
                "account": name,
                "confidence": tenant.links.members.get(name, ("", 0.0))[1],
                "created_at": None if facts is None else facts.created_at,
                "plan": None if facts is None else facts.plan,
                "payer": facts is not None and is_payer(facts, tenant.tenant.settings.standards, now),
                "settled_usd": None if payment is None else payment.settled_usd,
                "label": labels.get(name),
                "last_seen": None if row is None else max((at for _, at in visits(row.recent)), default=None),
                "passed": counts[name, True],
                "stopped": counts[name, False],
            }
        )
    return found


async def _labels(context: Context, tenant: TenantLimiter, names: list[str]) -> dict[str, str]:
    """Read the labels of members; none while shared state is away, since the links are here all the same."""
    found: dict[str, str] = {}
    try:
        for name in names:
            label = await context.serving.tuning.labels.get(tenant.tenant.name, name)
            if label is not None:
                found[name] = label[0].label
    except Unavailable:
        return {}
    return found


async def get_overview(context: Context, request: web.Request) -> web.Response:
    """Return one sentence on what is held, and the largest clusters."""
    tenant = context.tenant(request)
    name, links = tenant.tenant.name, tenant.links
    held = sorted((c for c in links.clusters.values() if c.standing != "blessed"), key=lambda c: (-c.size, c.id))
    columns = context.serving.charts.columns(name, "day")
    stopped = int(sum(sum(columns[stop]) for stop in STOPS))
    largest = held[:LARGEST]
    kept = {c.id for c in held}
    members = [account for account, (owner, _) in links.members.items() if owner in kept]
    payers = len(await payers_among(tenant, members, context.serving.clock()))
    sentence = f"{_held(tenant, held, None)}; {stopped:,} requests stopped in the last day{_paying(held, payers)}."
    shown = [{"id": c.id, "size": c.size, "level": c.level, "standing": c.standing} for c in largest]
    return json_answer({"tenant": name, "sentence": sentence, "stopped": stopped, "payers": payers, "clusters": shown,
                        "total": len(held), "degraded": tenant.state.degraded})  # fmt: skip


def _held(tenant: TenantLimiter, held: list[Cluster], payers: int | None) -> str:
    if not held:
        return "No account is linked with another"
    unit, size = tenant.tenant.settings.unit, sum(cluster.size for cluster in held)
    first = held[0]
    level = f"{number(first.level)} {unit} a day each"
    if len(held) == 1:
        words = f"{size:,} accounts of one actor " + (
            "let through" if first.standing == "blessed" else f"held to {level}"
        )
    else:
        words = f"{size:,} accounts of {len(held):,} actors held, the largest with {first.size:,} accounts to {level}"
    return words if payers is None else words + _paying(held, payers)


def _paying(held: list[Cluster], payers: int) -> str:
    if not held:
        return ""
    if not payers:
        return "; no paying customer among them"
    return f"; {payers:,} paying {'customer' if payers == 1 else 'customers'} among them"


ROUTES = (
    Route("GET", "/v1/clusters/{id}", get_cluster, "reader"),
    Route("GET", "/v1/overview", get_overview, "reader"),
)
