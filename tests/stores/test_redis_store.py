"""A store over Redis: its documents are everybody's, and every replica hears of a change within two seconds."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from reputation.state.tenant import TenantState
from reputation.stores.contract import Opening
from reputation.stores.places import open_store
from reputation.stores.redis.store import RedisStore
from reputation.wire.errors import Conflict, Unavailable

pytestmark = pytest.mark.gateway


class Log:
    """What was logged, by event."""

    def __init__(self):
        self.events = []

    def warning(self, event, **_):
        self.events.append(event)


@asynccontextmanager
async def running(url, count=1):
    """Stores of as many replicas, which do what they do beside checks."""
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


async def test_another_replica_hears_of_a_document_within_two_seconds(redis_server):
    async with running(redis_server.url, 2) as (one, other):
        await one.records.put("acme", "revision", "1", b"first")
        await asyncio.gather(one._beat("acme"), other._beat("acme"))
        heard = asyncio.Queue()
        other.records.follow(lambda tenant, kind: heard.put_nowait((tenant, kind)))
        await one.records.put("acme", "revision", "1", b"second")
        assert await asyncio.wait_for(heard.get(), 2) == ("acme", "revision")
        assert (await other.records.get("acme", "revision", "1")).body == b"second"


async def test_two_people_on_two_replicas_cannot_both_have_their_way(redis_server):
    async with running(redis_server.url, 2) as (one, other):
        version = await one.records.put("acme", "revision", "9", b"first")
        outcomes = await asyncio.gather(
            one.records.put("acme", "revision", "9", b"a", expect=version),
            other.records.put("acme", "revision", "9", b"b", expect=version),
            return_exceptions=True,
        )
        assert len([one for one in outcomes if isinstance(one, Conflict)]) == 1


async def test_a_document_is_refused_while_redis_is_away(redis_server):
    """Rather than kept by one replica alone; what is read says so too."""
    store = RedisStore("redis://127.0.0.1:1", TenantState, Log(), time.time)
    with pytest.raises(Unavailable):
        await store.records.put("acme", "revision", "1", b"")
    with pytest.raises(Unavailable):
        await store.records.all("acme", "revision")
    await store.close()


async def test_heartbeats_go_on_when_redis_is_away_and_say_so_once():
    async with running("redis://127.0.0.1:1") as (store,):
        for _ in range(3):
            await store._beat("acme")
        assert store.log.events == ["redis_away"]
