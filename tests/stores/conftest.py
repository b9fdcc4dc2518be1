"""Every store of documents, by name: a new one adds its line here and passes the same suite."""

import tempfile
import time
from pathlib import Path

import pytest
from redis_process import SERVERS

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
