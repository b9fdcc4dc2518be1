"""The listeners of gateways in `headcount serve`: their options, and their start."""

from collections.abc import Callable, Mapping, Sequence

import click

from plugins.gateway import Gateway, Listening, Log
from plugins.shipped import GATEWAYS
from reputation.checkapi.gateways import LimitersTenants
from reputation.checkapi.routes import CheckRoutes
from reputation.listeners.http2.methods import Methods
from reputation.listeners.sockets import AddressError, SocketAccess
from reputation.sidecar.running import Serving
from reputation.wire.errors import ConfigError

LISTENERS = [(name, gateway.listener) for name, gateway in GATEWAYS.items() if gateway.listener is not None]
"""Gateways that ship and have a listener of their own; each has an option."""


def gateway_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each listener of a gateway that ships, and one for those of the operator's gateways."""
    command = click.option(
        "--gateway-listener",
        multiple=True,
        metavar="NAME=ADDRESS",
        help="Listener of a gateway in the configuration's `gateways`: its name, and HOST:PORT or unix:PATH; "
        "may be repeated.",
    )(command)
    for _, listener in reversed(LISTENERS):
        command = click.option(f"--{listener.option}", listener.option, help=listener.help)(command)
    return command


def gateway_addresses(own: Sequence[str], shipped: Mapping[str, str | None]) -> dict[str, str]:
    """Return the address of each listener that was asked for, by the gateway's name. Raises ConfigError.

    own: what `--gateway-listener` says. shipped: addresses by option.
    """
    found = {name: address for name, listener in LISTENERS if (address := shipped[listener.option])}
    for one in own:
        name, _, address = one.partition("=")
        if not (name and address):
            raise ConfigError(f"--gateway-listener {one}: expected NAME=HOST:PORT or NAME=unix:PATH")
        if name in GATEWAYS:
            raise ConfigError(f"--gateway-listener {one}: {name} ships, so its listener has an option of its own")
        found[name] = address
    return found


def with_listeners(addresses: Mapping[str, str], own: Mapping[str, Gateway]) -> dict[str, Gateway]:
    """Return the gateways whose listeners were asked for. Raises ConfigError for one that has no listener."""
    found = {name: GATEWAYS.get(name) or own.get(name) for name in addresses}
    for name, gateway in found.items():
        if gateway is None or gateway.listener is None:
            raise ConfigError(
                f"--gateway-listener {name}: no gateway of this name has a listener; add it to `gateways`"
            )
    return {name: gateway for name, gateway in found.items() if gateway is not None}


async def serve_gateways(
    serving: Serving,
    addresses: Mapping[str, str],
    access: SocketAccess,
    gateways: Mapping[str, Gateway],
    application: Callable[[Mapping[str, Gateway]], CheckRoutes],
    methods: Callable[[str], Methods],
    log: Log,
) -> None:
    """Start the listener of each gateway, and let the program drain and measure it. Raises ConfigError.

    application: makes the application that serves some gateways. methods: a gateway's methods of gRPC, those that the
    check listener serves too.
    """
    tenants = LimitersTenants(serving.limiter)
    for name, gateway in gateways.items():
        if gateway.listener is None:
            continue
        answering = application({name: gateway})
        asked = Listening(addresses[name], access, answering, tenants, serving.clock, log, methods(name))
        try:
            started = await gateway.listener.start(asked)
        except AddressError as error:
            raise ConfigError(str(error)) from None
        missing = " and ".join(one for one in ("drain", "metrics") if not callable(getattr(started, one, None)))
        if missing:
            raise ConfigError(f"gateway {name}: what start of its listener returned has no function {missing}")
        serving.listeners[f"gateway {name}"] = started
        serving.metric_sources.append(started.metrics)
