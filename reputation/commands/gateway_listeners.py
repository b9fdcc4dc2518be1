"""The listeners of gateways in `headcount serve`: their options, and their start."""

import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import click

from plugins.gateway import Application, Gateway, Listening, Log
from plugins.shipped import GATEWAYS
from reputation.checkapi.gateways import LimitersTenants
from reputation.listeners.http2.methods import Methods
from reputation.listeners.sockets import AddressError, SocketAccess
from reputation.listeners.tls import server_context
from reputation.sidecar.running import Serving
from reputation.wire.errors import ConfigError

LISTENERS = [(name, gateway.listener) for name, gateway in GATEWAYS.items() if gateway.listener is not None]
"""Gateways that ship and have a listener of their own; each has an option."""


TLS_HELP = "TLS for that listener: two PEM files, certificate and key; off by default."
CA_HELP = "Mutual TLS for that listener: a PEM file with the authorities of the gateways' certificates; off by default."


class Binding(NamedTuple):
    """How listeners are bound: rights of Unix sockets, TLS by the gateway's name, and TLS of the check listener."""

    access: SocketAccess
    tls: Mapping[str, ssl.SSLContext]
    check_tls: ssl.SSLContext | None = None


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
        if listener.tls:
            command = tls_options(listener.option)(command)
        command = click.option(f"--{listener.option}", listener.option, help=listener.help)(command)
    return command


def tls_options(option: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds the options of TLS for the listener of an option."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        ca = click.option(f"--{option}-client-ca", f"{option}_client_ca", metavar="FILE", help=CA_HELP)
        files = click.option(f"--{option}-tls", f"{option}_tls", metavar="CERTIFICATE:KEY", help=TLS_HELP)
        return files(ca(command))

    return add


def tls_of(option: str, files: str | None, client_ca: str | None) -> ssl.SSLContext | None:
    """Return the TLS of the listener of an option; None without a certificate. Raises ConfigError."""
    if not files:
        if client_ca:
            raise ConfigError(f"--{option}-client-ca: a client shows a certificate over TLS; set --{option}-tls too")
        return None
    try:
        return server_context(files, client_ca or None)
    except ValueError as error:
        raise ConfigError(f"--{option}-tls {files}: {error}") from None


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


def gateway_tls(shipped: Mapping[str, str | None]) -> dict[str, ssl.SSLContext]:
    """Return the TLS of each listener that has a certificate, by the gateway's name. Raises ConfigError."""
    found: dict[str, ssl.SSLContext] = {}
    for name, listener in LISTENERS:
        if not listener.tls:
            continue
        option = listener.option
        files, client_ca = shipped[f"{option}_tls"], shipped[f"{option}_client_ca"]
        if files and not shipped[option]:
            raise ConfigError(f"--{option}-tls: there is no listener; set --{option} too")
        context = tls_of(option, files, client_ca)
        if context is not None:
            found[name] = context
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
    binding: Binding,
    gateways: Mapping[str, Gateway],
    application: Callable[[Mapping[str, Gateway]], Application],
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
        place = addresses[name], binding.access
        asked = Listening(*place, answering, tenants, serving.clock, log, methods(name), binding.tls.get(name))
        try:
            started = await gateway.listener.start(asked)
        except AddressError as error:
            raise ConfigError(str(error)) from None
        missing = " and ".join(one for one in ("drain", "metrics") if not callable(getattr(started, one, None)))
        if missing:
            raise ConfigError(f"gateway {name}: what start of its listener returned has no function {missing}")
        serving.listeners[f"gateway {name}"] = started
        serving.metric_sources.append(started.metrics)
