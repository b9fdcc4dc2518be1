"""Every store of documents, by name: a new one adds its line here and passes the same suite."""

from collections.abc import Iterator

import pytest
from redis_process import RedisServer, running_redis

from reputation.stores.records import MemoryRecords

RECORDS = {"memory": MemoryRecords}


@pytest.fixture(params=sorted(RECORDS))
def records(request):
    return RECORDS[request.param]()


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real server for one file's tests."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server
