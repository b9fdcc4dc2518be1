"""Clusters and operator rulings about them, on the admin listener."""

import msgspec
from aiohttp import web

from reputation.admin.answers import json_answer
from reputation.admin.context import Context, Route
from reputation.admin.views import cluster_view, clusters_view
from reputation.linking.kept_rulings import ruling_document
from reputation.linking.operator_rulings import OrderBody, ruling_of
from reputation.state.transactions import Transaction
from reputation.tuning.audit import Change
from reputation.wire.codec import read

_orders = msgspec.json.Decoder(OrderBody)


async def get_clusters(context: Context, request: web.Request) -> web.Response:
    return json_answer(clusters_view(context.tenant(request)))


async def get_cluster(context: Context, request: web.Request) -> web.Response:
    return json_answer(cluster_view(context.tenant(request), request.match_info["id"]))


async def post_ruling(context: Context, request: web.Request) -> web.Response:
    tenant, body = context.tenant(request), read(_orders, await request.read())
    now = context.serving.clock()
    ruling, id_ = ruling_of(body, now), context.serving.tuning.new_id(now)
    tenant.check_ruling(ruling)
    subject, account = body.cluster or "", body.account or ""
    change = Change(tenant.tenant.name, f"order.{body.ruling}", subject, None, body, body.reason, account=account)
    await context.commit(request, tenant, Transaction(documents=(ruling_document(id_, ruling),)), change)
    context.serving.linking.rulings.give(tenant, id_, ruling)
    return web.Response(status=204)


ROUTES = (
    Route("GET", "/v1/clusters", get_clusters, "reader"),
    Route("GET", "/v1/clusters/{id}", get_cluster, "reader"),
    Route("POST", "/v1/orders", post_ruling, "operator"),
)
