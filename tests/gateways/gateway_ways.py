"""Every shipped configuration as one way to the same API, for tests that each of them must pass."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import gateway_envoy as envoy
import gateway_haproxy as haproxies
from gateway_middlewares import aiohttp_app, asgi
from gateway_shipped import CADDY, ENVOY, NGINX, NGINX_LEAN, NGINX_LEASES, TRAEFIK, Shipped, gateway
from headcount_client import Gate, Headcount
from ports import free_port

DEPLOY = "../deploy"
COMPOSE = NGINX._replace(name="nginx-compose", folder=DEPLOY)
CHART = NGINX._replace(name="nginx-chart", folder=f"{DEPLOY}/helm/headcount/files")
IN_COMPOSE = (
    ("server headcount-a:8470;\n        server headcount-b:8470;", "server 127.0.0.1:8470;"),
    ("server api:8000;", "server 127.0.0.1:8000;"),
)
IN_CHART = (("API_ADDRESS", "127.0.0.1:8000"), ("GATEWAY_PORT", "127.0.0.1:8080"))


class Ports(NamedTuple):
    """Where the sidecar answers, and the API."""

    places: envoy.Places
    spoe: int
    api: int


class Way(NamedTuple):
    """One way from a client to the API.

    denied: the status for an account that is denied. limits_on_pass: the client sees RateLimit on what passes.
    proxy: the API is a server of its own, and learns of the verdict by headers. sockets: it carries WebSockets.
    calls: it carries gRPC. sees_chunks: its rules can tell that a body in chunks follows.
    tells: the API learns of the verdict on what passes.
    """

    name: str
    start: Callable[[Path, Ports], AbstractContextManager[int]]
    denied: int = 403
    limits_on_pass: bool = True
    proxy: bool = True
    sockets: bool = True
    calls: bool = False
    sees_chunks: bool = True
    tells: bool = True


def _asking(shipped: Shipped, *changes: tuple[str, str]) -> Callable[[Path, Ports], AbstractContextManager[int]]:
    return lambda directory, ports: gateway(shipped, directory, ports.places.check, ports.api, *changes)


def _envoy(way: envoy.Way) -> Callable[[Path, Ports], AbstractContextManager[int]]:
    return lambda directory, ports: envoy.fronted(way, directory, ports.places, ports.api)


def _haproxy(shipped: Shipped) -> Callable[[Path, Ports], AbstractContextManager[int]]:
    return lambda directory, ports: haproxies.haproxy(shipped, directory, ports.spoe, ports.api)


def _program(kind: Callable[[int, Callable[[], Gate]], AbstractContextManager[None]]) -> Callable[..., Iterator[int]]:
    @contextmanager
    def start(_: Path, ports: Ports) -> Iterator[int]:
        port = free_port()
        with kind(port, lambda: Gate(Headcount(f"http://127.0.0.1:{ports.places.check}"))):
            yield port

    return start


WAYS = (
    Way("nginx", _asking(NGINX)),
    Way("nginx-compose", _asking(COMPOSE, *IN_COMPOSE)),
    Way("nginx-chart", _asking(CHART, *IN_CHART)),
    Way("nginx-leases", _asking(NGINX_LEASES)),
    Way("nginx-lean", _asking(NGINX_LEAN), limits_on_pass=False, tells=False),
    Way("envoy", _asking(ENVOY), calls=True, sees_chunks=False),
    Way("authz-bridge", _envoy(envoy.BRIDGED_AUTHZ), calls=True, sees_chunks=False),
    Way("authz-grpc", _envoy(envoy.AUTHZ), calls=True, sees_chunks=False),
    Way("authz-apart", _envoy(envoy.APART_AUTHZ), calls=True, sees_chunks=False),
    Way("rls-bridge", _envoy(envoy.BRIDGED_RLS), denied=429, calls=True, sees_chunks=False),
    Way("rls-grpc", _envoy(envoy.RLS), denied=429, calls=True, sees_chunks=False),
    Way("caddy", _asking(CADDY)),
    Way("traefik", _asking(TRAEFIK), limits_on_pass=False, sees_chunks=False),
    Way("haproxy", _haproxy(haproxies.OLD)),
    Way("haproxy-3.1", _haproxy(haproxies.NEW)),
    Way("asgi", _program(asgi), proxy=False, sockets=False),
    Way("aiohttp", _program(aiohttp_app), proxy=False),
)
