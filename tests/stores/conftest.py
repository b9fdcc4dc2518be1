"""Every store of documents, by name: a new one adds its line here and passes the same suite."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path

import pytest
from redis_process import SERVERS, RedisServer, running_redis

from reputation.state.records import MemoryRecords
from reputation.state.tenant import TenantState
from reputation.stores.redis.store import RedisStore
from reputation.stores.sqlite.store import SqliteStore


def sqlite_records():
    """Documents in a state file of their own."""
    path = Path(tempfile.mkdtemp(prefix="headcount-")) / "state.sqlite3"
    return SqliteStore(path, TenantState, None, time.time).records


RECORDS = {"memory": MemoryRecords, "sqlite": sqlite_records}


@pytest.fixture(params=[*sorted(RECORDS), *(pytest.param(kind, marks=pytest.mark.gateway) for kind in SERVERS)])
def records(request, servers):
    if request.param in RECORDS:
        return RECORDS[request.param]()
    server = servers(request.param)
    with server.client() as client:
        client.flushall()
    return RedisStore(server.url, TenantState, None, time.time).records


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], RedisServer]]:
    """Real servers for one file's tests, by kind; each is started when it is first asked for."""
    with ExitStack() as running:
        yield lru_cache(lambda kind: running.enter_context(running_redis(tmp_path_factory.mktemp(kind), kind=kind)))


@pytest.fixture(scope="module", params=sorted(SERVERS))
def redis_server(request: pytest.FixtureRequest, servers: Callable[[str], RedisServer]) -> RedisServer:
    """Both servers that shared state is for, one after the other."""
    return servers(request.param)
