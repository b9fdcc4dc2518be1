"""What all tests share: how properties are explored, a small address database, and real servers on free ports."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import lru_cache

import pytest
import redis
from hypothesis import HealthCheck, settings
from redis_process import SERVERS, RedisServer, running_redis
from sidecar_process import Sidecar, running_sidecar
from small_engine import address_book

from geoip.book import AddressBook

# The same examples every time, so that a change is judged by what it changed; HYPOTHESIS_PROFILE=wide looks further.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("wide", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


def pytest_xdist_auto_num_workers() -> int:
    """Half as many processes again as there are cores: the tests wait for servers a good part of their time."""
    return (os.cpu_count() or 1) * 3 // 2 or 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that start gateways and servers, so that no process waits for one of them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("gateway") is None)


@pytest.fixture(scope="session")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> AddressBook:
    """The tests' own address database, written once."""
    return address_book(tmp_path_factory.mktemp("addresses"))


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar without a configuration file; tests use accounts of their own names and leave it running."""
    with running_sidecar(tmp_path_factory.mktemp("sidecar")) as found:
        yield found


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], RedisServer]]:
    """Real servers for one file's tests, by kind; each is started when it is first asked for."""
    with ExitStack() as running:
        yield lru_cache(lambda kind: running.enter_context(running_redis(tmp_path_factory.mktemp(kind), kind=kind)))


@pytest.fixture(scope="module", params=sorted(SERVERS))
def redis_server(request: pytest.FixtureRequest, servers: Callable[[str], RedisServer]) -> RedisServer:
    """Redis, then Valkey."""
    return servers(request.param)


@pytest.fixture
def emptied(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """A client of a server that has nothing in it, not even scripts."""
    with redis_server.client() as client:
        client.flushall()
        client.script_flush()
        yield client


@pytest.fixture
def port(redis_server: RedisServer, emptied: redis.Redis) -> int:
    """The port of a server that has nothing in it."""
    del emptied
    return redis_server.port
