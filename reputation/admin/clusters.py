"""Clusters on the admin listener."""

from aiohttp import web

from reputation.admin.answers import json_answer
from reputation.admin.context import Context, Route
from reputation.admin.views import clusters_view


async def get_clusters(context: Context, request: web.Request) -> web.Response:
    return json_answer(clusters_view(context.tenant(request)))


ROUTES = (Route("GET", "/v1/clusters", get_clusters, "reader"),)
