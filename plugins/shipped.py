"""The shipped gateways, and the loading of a gateway's module."""

import importlib
from collections.abc import Mapping, Sequence
from types import ModuleType

from plugins.gateway import Gateway
from reputation.wire.errors import ConfigError

SHIPPED = ("nginx", "haproxy", "envoy", "caddy", "traefik", "apisix", "application")
"""Gateways by the name of their folder in plugins/, which is their name in the route too."""


def load(modules: Mapping[str, str]) -> dict[str, Gateway]:
    """Load gateways, by name, from modules with these dotted names. Raises ConfigError."""
    return {name: _loaded(f"gateways.{name}: module {dotted!r}", dotted) for name, dotted in modules.items()}


def load_folders(names: Sequence[str], package: str = "plugins") -> dict[str, Gateway]:
    """Load gateways from the folders of a package. Raises ConfigError."""
    return {name: _loaded(f"the gateway in the folder {package}/{name}", f"{package}.{name}") for name in names}


def _loaded(what: str, dotted: str) -> Gateway:
    try:
        module = importlib.import_module(dotted)
    except (ImportError, TypeError, ValueError) as error:
        raise ConfigError(f"{what} cannot be imported: {error}") from None
    gateway = _offered(module)
    if gateway is None:
        missing = " and ".join(one for one in ("read", "answer") if not callable(getattr(module, one, None)))
        raise ConfigError(f"{what} has no function {missing}")
    return gateway


def _offered(module: ModuleType) -> Gateway | None:
    """Return the gateway of a module; `read` and `answer` alone are enough."""
    gateway = getattr(module, "GATEWAY", None)
    if isinstance(gateway, Gateway):
        return gateway
    read, answer = getattr(module, "read", None), getattr(module, "answer", None)
    return Gateway(read, answer) if callable(read) and callable(answer) else None


GATEWAYS: Mapping[str, Gateway] = load_folders(SHIPPED)
