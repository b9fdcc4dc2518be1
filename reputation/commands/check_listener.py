"""The check listener of `headcount serve`, and where it and the other listeners are."""

import importlib
import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from plugins.gateway import Gateway, Log
from plugins.shipped import GATEWAYS, load
from reputation.checkapi.routes import CheckRoutes, body_limit, over_http
from reputation.commands.gateway_listeners import Binding, serve_gateways
from reputation.config.file import Settings
from reputation.listeners.descriptors import connections_for
from reputation.listeners.grammar import HttpLimits
from reputation.listeners.sockets import UNIX
from reputation.sidecar.running import Serving
from reputation.wire.ids import Ulids

LISTENERS = {"lean": "reputation.listeners.lean", "aiohttp": "reputation.listeners.aiohttp_listener"}


class Addresses(NamedTuple):
    """The addresses of the listeners, those of gateways by name, and how they are bound."""

    check: str
    admin: str
    gateways: Mapping[str, str]
    binding: Binding

    def sockets(self) -> list[Path]:
        """Return the socket files."""
        return [Path(at[5:]) for at in (self.check, *self.gateways.values()) if at.startswith(UNIX)]


async def listen_to_gateways(
    serving: Serving,
    addresses: Addresses,
    kind: str,
    check_socket: socket.socket,
    asked: Mapping[str, Gateway],
    failed: Log,
) -> Any:
    """Start the check listener, and the listeners of the gateways `asked`; return the first. Raises ConfigError."""
    secrets, note = serving.secrets, serving.decisions.note
    routes = partial(CheckRoutes, serving.checks, serving.clock, Ulids(), serving.ready, note, latency=serving.latency)
    answering = routes(over_http({**GATEWAYS, **load(serving.settings.gateways)}))
    check = await importlib.import_module(LISTENERS[kind]).start(
        secrets.application(answering),
        check_socket,
        methods=secrets.methods(answering.methods()),
        tls=addresses.binding.check_tls,
        limits=_limits(serving.settings, serving.event_log),
        body_limit=body_limit,
        log=failed,
    )
    serving.listeners["check"] = check
    await serve_gateways(
        serving,
        addresses.gateways,
        addresses.binding,
        asked,
        lambda some: secrets.application(routes(some)),
        lambda name: secrets.methods(answering.methods(name)),
        failed,
    )
    return check


def _limits(settings: Settings, log: Any) -> HttpLimits:
    http = settings.http
    connections = connections_for(http.connections, log)
    return HttpLimits(
        connections=connections,
        buffered=http.buffered,
        of_a_peer=http.peer_connections or max(connections * 3 // 4, 1),
        head_time=http.header_timeout,
        body_time=http.body_timeout,
        idle=http.idle_timeout,
    )
