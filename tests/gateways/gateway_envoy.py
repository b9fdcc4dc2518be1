"""Envoy with the configurations that ask over gRPC: bridged, or straight to the check listener or the gRPC listener."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from gateway_shipped import ENVOY, Shipped, gateway
from gateway_sidecar import SETTINGS, Sidecar
from ports import free_port
from sidecar_process import running_sidecar

QUOTAS = {"*": {"rate": 0.2, "burst": 4}, "large": {"rate": 1000, "burst": 1000}}
TTL = 6


class Way(NamedTuple):
    """How Envoy asks: a shipped file as it is, over the gRPC listener, or through the bridge."""

    name: str
    file: str
    bridged: bool = False
    apart: bool = False

    @property
    def shipped(self) -> Shipped:
        return ENVOY._replace(files=(self.file,))


AUTHZ, RLS = Way("authz-grpc", "envoy-authz.yaml"), Way("rls-grpc", "envoy-rls.yaml")
BRIDGED_AUTHZ, BRIDGED_RLS = (
    AUTHZ._replace(name="authz-bridge", bridged=True),
    RLS._replace(name="rls-bridge", bridged=True),
)
APART_AUTHZ, APART_RLS = (
    AUTHZ._replace(name="authz-apart", apart=True),
    RLS._replace(name="rls-apart", apart=True),
)
RLQS = Way("rlqs", "envoy-rlqs.yaml")
UNARY = (AUTHZ, BRIDGED_AUTHZ, APART_AUTHZ, RLS, BRIDGED_RLS, APART_RLS)
CLOSED = {
    "envoy-authz.yaml": ("failure_mode_allow: true", "failure_mode_allow: false"),
    "envoy-rls.yaml": ("failure_mode_deny: false", "failure_mode_deny: true"),
}


class Places(NamedTuple):
    """Where a sidecar answers."""

    check: int
    admin: int
    grpc: int

    @property
    def sidecar(self) -> Sidecar:
        return Sidecar(self.check, self.admin)


@contextmanager
def serving(
    directory: Path, grpc: int | None = None, spoe: int | None = None, tenant: Mapping[str, Any] = {}, **envoy: Any
) -> Iterator[Places]:
    """A sidecar with the tests' small limits that listens for gRPC too; `envoy`: its gateway.envoy.

    spoe: a port for HAProxy. tenant: settings in the place of the tests' own.
    """
    directory.mkdir(parents=True, exist_ok=True)
    default = {**SETTINGS["tenants"]["default"], **tenant}
    more = {"quota_ttl": TTL, "quotas": {"organisation": QUOTAS}, **envoy}
    settings = {"tenants": {"default": {**default, "gateway": {**default["gateway"], "envoy": more}}}}
    port = grpc or free_port()
    extra = {"HEADCOUNT_GRPC": f"127.0.0.1:{port}"}
    if spoe is not None:
        extra["HEADCOUNT_SPOE"] = f"127.0.0.1:{spoe}"
    with running_sidecar(directory, settings, extra=extra) as running:
        places = Places(running.check, running.admin, port)
        places.sidecar.put("probe", "sk-probe", plan="roomy")
        yield places


def bridged(directory: Path) -> list[tuple[str, str]]:
    """The changes of a shipped file that put the bridge between Envoy and the check listener."""
    bridge = Path(__file__).with_name("envoy_bridge.yaml").read_text()
    bridge = bridge.partition("\n")[2].replace("/run/envoy", str(directory))
    straight = "{socket_address: {address: 127.0.0.1, port_value: 8470}}"
    return [(straight, f"{{pipe: {{path: {directory}/headcount.sock}}}}"), ("  clusters:\n", bridge)]


@contextmanager
def fronted(way: Way, directory: Path, places: Places, api: int, *changes: tuple[str, str]) -> Iterator[int]:
    """The port of an Envoy that asks this way; the changes are those that its page names."""
    directory.mkdir(parents=True, exist_ok=True)
    if way.apart:
        changes = (("port_value: 8470", f"port_value: {places.grpc}"), *changes)
    if way.bridged:
        changes = (*bridged(directory), *changes)
    with gateway(way.shipped, directory, places.check, api, *changes) as port:
        yield port
