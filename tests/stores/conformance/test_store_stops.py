"""Stops: a store keeps the newest, in bounds, and made-up keys displace no stop of a confirmed account."""

import asyncio
import time

from reputation.state.stops import AN_ACCOUNT, Keep, Stop

WEEK = 604_800.0
KEEP = Keep(WEEK, 100_000)


def stop(name, account="a", at=None, *, unconfirmed=False):
    return Stop(name, account, unconfirmed, time.time() if at is None else at, f"body of {name}".encode())


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
    unconfirmed = [stop(name, name, now + i * 1e-3, unconfirmed=True) for i, name in enumerate(made_up)]
    await stops.add("acme", unconfirmed[:200], Keep(WEEK, 80), now)
    assert len(await kept(stops, made_up)) == 80
    for start in range(0, 60, 20):
        batch = [stop(name, name, now + 1 + i * 1e-3) for i, name in enumerate(known[start : start + 20])]
        await stops.add("acme", batch, Keep(WEEK, 80), now)
        await stops.add("acme", unconfirmed[200 + start * 3 : 260 + start * 3], Keep(WEEK, 80), now)
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


async def test_stops_outlive_a_clean_stop(place):
    await place.open().stops.add("acme", [stop("v1")], KEEP, time.time())
    for again in await place.restarted():
        assert await again.stops.get("acme", "v1", 0.0) == b"body of v1"


async def test_replicas_find_each_others_stops_and_bound_them_together(place):
    one, other = [store.stops for store in place.replicas(2)]
    now = time.time()
    batches = [[stop(f"{who}{i}", f"{who}{i}", now + i * 1e-3) for i in range(40)] for who in ("x", "y")]
    await asyncio.gather(
        one.add("acme", batches[0], Keep(WEEK, 50), now), other.add("acme", batches[1], Keep(WEEK, 50), now)
    )
    names = [kept.id for batch in batches for kept in batch]
    assert len(await kept(one, names)) == 50
    assert await kept(one, names) == await kept(other, names)


async def test_the_stops_of_an_account_are_forgotten_and_no_others(stops):
    batch = [stop("v1"), stop("v2"), stop("v3", "b"), stop("v4", unconfirmed=True)]
    await stops.add("acme", batch, KEEP, time.time())
    await stops.add("other", [stop("v1")], KEEP, time.time())
    assert await stops.forget("acme", "a") == 3
    assert await kept(stops, ["v1", "v2", "v3", "v4"]) == ["v3"]
    assert await kept(stops, ["v1"], "other") == ["v1"]
    assert await stops.forget("acme", "a") == 0
