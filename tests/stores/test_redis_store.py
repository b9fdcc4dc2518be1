"""What only the store over Redis does: its schemes, the expiry of keys, and refusals while the server is away."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from reputation.state.stops import Keep, Stop
from reputation.state.tenant import TenantState
from reputation.state.transactions import Transaction
from reputation.stores.contract import Opening
from reputation.stores.places import open_store
from reputation.stores.redis.store import RedisStore
from reputation.wire.errors import Unavailable

pytestmark = pytest.mark.gateway
STOP = Stop("v1", "a", False, 1.79e9, b"body")


class Log:
    """What was logged, by event."""

    def __init__(self):
        self.events = []

    def warning(self, event, **_):
        self.events.append(event)


@asynccontextmanager
async def running(url, count=1):
    """Stores of as many replicas, with their background work."""
    stores = [open_store(url, Opening(TenantState, Log(), time.time)) for _ in range(count)]
    for store in stores:
        store.tenant("acme")
    work = [asyncio.create_task(store.run()) for store in stores]
    try:
        yield stores
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        for store in stores:
            await store.close()


async def test_the_schemes_of_redis_open_a_store_that_is_shared(redis_server):
    async with running(redis_server.url) as (store,):
        assert isinstance(store, RedisStore)
        assert not store.degraded
        assert store.tenant("acme") is store.tenant("acme")
        assert store.shared is store


async def test_stops_expire_by_themselves(redis_server):
    async with running(redis_server.url) as (store,):
        await store.stops.add("acme", [STOP], Keep(604_800.0, 50), time.time())
        with redis_server.client() as client:
            stored = [key for key in client.keys("*") if b":x" in key or b":stop" in key]
            assert stored
            assert all(client.pttl(key) > 0 for key in stored)


async def test_what_cannot_be_kept_is_refused_while_redis_is_away():
    """Rather than kept by one replica alone; what is read says so too."""
    store = RedisStore("redis://127.0.0.1:1", TenantState, Log(), time.time)
    with pytest.raises(Unavailable):
        await store.records.put("acme", "revision", "1", b"")
    with pytest.raises(Unavailable):
        await store.records.all("acme", "revision")
    with pytest.raises(Unavailable):
        await store.commit("acme", Transaction("a", lambda before: before))
    with pytest.raises(Unavailable):
        await store.stops.add("acme", [STOP], Keep(604_800.0, 50), time.time())
    with pytest.raises(Unavailable):
        await store.stops.get("acme", "v1", 0.0)
    await store.close()


async def test_heartbeats_go_on_when_redis_is_away_and_say_so_once():
    async with running("redis://127.0.0.1:1") as (store,):
        for _ in range(3):
            await store._beat("acme")
        assert store.log.events == ["redis_away"]
