"""Every store of documents, by name: a new one adds its line here and passes the same suite."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis_process import RedisServer, running_redis

from reputation.stores.records import MemoryRecords
from reputation.stores.sqlite_file import StateFile
from reputation.stores.sqlite_records import SqliteRecords


def sqlite_records():
    """Documents in a state file of their own."""
    path = Path(tempfile.mkdtemp(prefix="headcount-")) / "state.sqlite3"
    return SqliteRecords(StateFile(path), ThreadPoolExecutor(1), print)


RECORDS = {"memory": MemoryRecords, "sqlite": sqlite_records}


@pytest.fixture(params=sorted(RECORDS))
def records(request):
    return RECORDS[request.param]()


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real server for one file's tests."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server
