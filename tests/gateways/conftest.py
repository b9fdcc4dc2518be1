"""One sidecar and one API for all tests, one gateway of each kind for the tests that change nothing."""

import itertools
import uuid
from collections.abc import Iterator

import gateway_wire as wire
import pytest
from gateway_shipped import FRONTS, Running, gateway
from gateway_sidecar import Sidecar, serving
from ports import free_port


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    ports = Sidecar(free_port(), free_port())
    with serving(ports, tmp_path_factory.mktemp("sidecar")):
        yield ports


@pytest.fixture(scope="session")
def api() -> Iterator[wire.Api]:
    with wire.api() as server:
        yield server


@pytest.fixture(scope="session", params=FRONTS, ids=lambda shipped: shipped.name)
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sidecar: Sidecar, api: wire.Api
) -> Iterator[Running]:
    """A gateway with its shipped configuration, for tests that leave it as it was."""
    directory = tmp_path_factory.mktemp(request.param.name)
    with gateway(request.param, directory, sidecar.check, api.port) as port:
        yield Running(request.param, port)


@pytest.fixture
def key(sidecar: Sidecar) -> str:
    """The key of an account of its own for each test, with a burst of BURST requests."""
    name = f"acct-{uuid.uuid4().hex}"
    sidecar.put(name, f"sk-{name}", plan="free", created_at="2026-01-01T00:00:00Z")
    return f"sk-{name}"


_networks = itertools.count(1)


@pytest.fixture
def source() -> str:
    """An address of its own for each test; what nobody knows a key of shares an allowance by address."""
    return f"127.77.{next(_networks)}.1"
