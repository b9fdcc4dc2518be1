"""Every store of documents, by name: a new one adds its line here and passes the same suite."""

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis_process import RedisServer, running_redis

from reputation.stores.memory import TenantState
from reputation.stores.records import MemoryRecords
from reputation.stores.redis import RedisStore
from reputation.stores.sqlite_file import StateFile
from reputation.stores.sqlite_records import SqliteRecords


def sqlite_records():
    """Documents in a state file of their own."""
    path = Path(tempfile.mkdtemp(prefix="headcount-")) / "state.sqlite3"
    return SqliteRecords(StateFile(path), ThreadPoolExecutor(1), print)


RECORDS = {"memory": MemoryRecords, "sqlite": sqlite_records}


@pytest.fixture(params=[*sorted(RECORDS), pytest.param("redis", marks=pytest.mark.gateway)])
def records(request):
    if request.param != "redis":
        return RECORDS[request.param]()
    server = request.getfixturevalue("redis_server")
    with server.client() as client:
        client.flushall()
    return RedisStore(server.url, TenantState, None, time.time).records


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real server for one file's tests."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server
