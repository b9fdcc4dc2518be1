"""The shipped gateways, and the loading of a gateway's module."""

import importlib
from collections.abc import Mapping
from types import ModuleType

from plugins.gateway import Gateway
from reputation.wire.errors import ConfigError

SHIPPED = ("nginx", "haproxy", "envoy", "caddy", "traefik", "apisix")
"""Gateways by the name of their folder in plugins/, which is their name in the route too."""


def load(modules: Mapping[str, str]) -> dict[str, Gateway]:
    """Load gateways, by name, from modules with these dotted names. Raises ConfigError."""
    found = {}
    for name, dotted in modules.items():
        try:
            module = importlib.import_module(dotted)
        except (ImportError, TypeError, ValueError) as error:
            raise ConfigError(f"gateways.{name}: no module {dotted!r} can be imported: {error}") from None
        gateway = _offered(module)
        if gateway is None:
            missing = " and ".join(one for one in ("read", "answer") if not callable(getattr(module, one, None)))
            raise ConfigError(f"gateways.{name}: module {dotted!r} has no function {missing}")
        found[name] = gateway
    return found


def _offered(module: ModuleType) -> Gateway | None:
    """Return the gateway of a module; `read` and `answer` alone are enough."""
    gateway = getattr(module, "GATEWAY", None)
    if isinstance(gateway, Gateway):
        return gateway
    read, answer = getattr(module, "read", None), getattr(module, "answer", None)
    return Gateway(read, answer) if callable(read) and callable(answer) else None


GATEWAYS: Mapping[str, Gateway] = load({name: f"plugins.{name}" for name in SHIPPED})
