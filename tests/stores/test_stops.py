"""Stops: every place that keeps them keeps the newest, in bounds, and lets made-up keys push nobody out."""

import asyncio
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis_process import SERVERS

from reputation.state.stops import AN_ACCOUNT, Keep, MemoryStops, Pool, Stop
from reputation.state.tenant import TenantState
from reputation.stores.redis.store import RedisStore
from reputation.stores.sqlite.store import SqliteStore
from reputation.wire.errors import Unavailable

WEEK = 604_800.0
KEEP = Keep(WEEK, 100_000)


class Log:
    """A log that nobody reads."""

    def warning(self, *_, **__):
        return None

    error = info = warning


def state_file():
    return Path(tempfile.mkdtemp(prefix="headcount-")) / "state.sqlite3"


STORES = {
    "memory": MemoryStops,
    "sqlite": lambda: SqliteStore(state_file(), TenantState, Log(), time.time).stops,
}


@pytest.fixture(params=[*sorted(STORES), *(pytest.param(kind, marks=pytest.mark.gateway) for kind in SERVERS)])
def stops(request, servers):
    if request.param in STORES:
        return STORES[request.param]()
    server = servers(request.param)
    with server.client() as client:
        client.flushall()
    return RedisStore(server.url, TenantState, Log(), time.time).stops


def stop(name, account="a", at=None, *, stranger=False):
    return Stop(name, account, stranger, time.time() if at is None else at, f"body of {name}".encode())


async def kept(stops, names, tenant="acme"):
    """Which of these are found."""
    oldest = time.time() - WEEK
    return [name for name in names if await stops.get(tenant, name, oldest) is not None]


async def test_a_stop_is_found_by_its_id_and_tenant(stops):
    assert await stops.add("acme", [stop("v1")], KEEP, time.time()) == 0
    assert await stops.get("acme", "v1", 0.0) == b"body of v1"
    assert await stops.get("acme", "v2", 0.0) is None
    assert await stops.get("other", "v1", 0.0) is None


async def test_the_same_stop_again_is_one(stops):
    """A batch whose answer was lost is sent again."""
    for _ in range(3):
        assert await stops.add("acme", [stop("v1", at=time.time())], Keep(WEEK, 1), time.time()) == 0
    assert await kept(stops, ["v1"]) == ["v1"]


async def test_an_account_keeps_its_newest_hundred(stops):
    now = time.time()
    names = [f"v{i:03}" for i in range(AN_ACCOUNT + 30)]
    batch = [stop(name, at=now + i * 1e-3) for i, name in enumerate(names)]
    gone = await stops.add("acme", batch[:70], KEEP, now) + await stops.add("acme", batch[70:], KEEP, now)
    gone += await stops.add("acme", [stop("other", "b")], KEEP, now)
    assert gone == 30
    assert await kept(stops, [*names, "other"]) == [*names[30:], "other"]


async def test_a_tenant_keeps_so_many_and_the_oldest_go(stops):
    now, names = time.time(), [f"v{i:03}" for i in range(50)]
    gone = 0
    for i, name in enumerate(names):
        gone += await stops.add("acme", [stop(name, f"a{i}", now + i * 1e-3)], Keep(WEEK, 20), now)
    found = await kept(stops, names)
    assert gone == 50 - len(found)
    assert found == names[-20:]
    assert await stops.add("other", [stop("v000")], Keep(WEEK, 20), now) == 0


async def test_a_flood_of_made_up_keys_pushes_no_account_out_and_leaves_room_for_some_of_them(stops):
    """Whoever is stopped in the flood can still ask why; strangers may have all the room that nobody else needs."""
    now = time.time()
    known = [f"k{i:03}" for i in range(60)]
    made_up = [f"s{i:04}" for i in range(400)]
    strangers = [stop(name, name, now + i * 1e-3, stranger=True) for i, name in enumerate(made_up)]
    await stops.add("acme", strangers[:200], Keep(WEEK, 80), now)
    assert len(await kept(stops, made_up)) == 80
    for start in range(0, 60, 20):
        batch = [stop(name, name, now + 1 + i * 1e-3) for i, name in enumerate(known[start : start + 20])]
        await stops.add("acme", batch, Keep(WEEK, 80), now)
        await stops.add("acme", strangers[200 + start * 3 : 260 + start * 3], Keep(WEEK, 80), now)
    assert await kept(stops, known) == known
    assert len(await kept(stops, made_up)) == 20


async def test_what_is_older_than_the_time_that_it_is_kept_is_gone_and_not_counted(stops):
    now = time.time()
    old = stop("old", "o", now - 7200)
    assert await stops.add("acme", [old], Keep(3600.0, 10), now - 7200) == 0
    assert await stops.add("acme", [stop("new", "n")], Keep(3600.0, 10), now) == 0
    assert await kept(stops, ["new"]) == ["new"]


async def test_a_smaller_bound_is_in_force_with_the_next_batch(stops):
    now, names = time.time(), [f"v{i:02}" for i in range(30)]
    await stops.add("acme", [stop(name, name, now + i * 1e-3) for i, name in enumerate(names)], Keep(WEEK, 100), now)
    gone = await stops.add("acme", [stop("last", at=now + 1)], Keep(WEEK, 10), now)
    assert gone == 21
    assert await kept(stops, [*names, "last"]) == [*names[-9:], "last"]


def test_memory_is_bounded_in_bytes_whatever_the_stops_are():
    pool = Pool(100_000)
    gone = 0
    for i in range(1000):
        gone += pool.put(Stop(f"v{i}", f"a{i}", False, float(i), b"x" * 5000), 10**9)
    assert pool.bytes <= 100_000
    assert len(pool) + gone == 1000
    pool.expire(1e9)
    assert (len(pool), pool.bytes) == (0, 0)


async def test_stops_in_a_state_file_outlive_the_process(tmp_path):
    path = tmp_path / "state.sqlite3"
    first = SqliteStore(path, TenantState, Log(), time.time)
    await first.stops.add("acme", [stop("v1")], KEEP, time.time())
    await first.close()
    second = SqliteStore(path, TenantState, Log(), time.time)
    assert await second.stops.get("acme", "v1", 0.0) == b"body of v1"
    await second.close()


@asynccontextmanager
async def over(server):
    store = RedisStore(server.url, TenantState, Log(), time.time)
    try:
        yield store.stops
    finally:
        await store.close()


async def test_replicas_find_each_others_stops_and_bound_them_together(redis_server):
    with redis_server.client() as client:
        client.flushall()
    async with over(redis_server) as one, over(redis_server) as other:
        now = time.time()
        batches = [[stop(f"{who}{i}", f"{who}{i}", now + i * 1e-3) for i in range(40)] for who in ("x", "y")]
        await asyncio.gather(
            one.add("acme", batches[0], Keep(WEEK, 50), now), other.add("acme", batches[1], Keep(WEEK, 50), now)
        )
        names = [kept.id for batch in batches for kept in batch]
        assert len(await kept(one, names)) == 50
        assert await kept(one, names) == await kept(other, names)
        with redis_server.client() as client:
            stored = client.keys("*")
            assert all(client.pttl(key) > 0 for key in stored if b":x" in key or b":stop" in key)


async def test_while_the_place_is_away_nothing_is_kept_and_that_is_said(tmp_path):
    store = RedisStore("redis://127.0.0.1:1", TenantState, Log(), time.time)
    with pytest.raises(Unavailable):
        await store.stops.add("acme", [stop("v1")], KEEP, time.time())
    with pytest.raises(Unavailable):
        await store.stops.get("acme", "v1", 0.0)
    await store.close()
