"""Damage in Redis: a value that cannot be read is left out, counted and named, and everything else goes on."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
from redis_process import becomes
from test_checks import BURST, Log, Replica

from reputation.engine.changes import marking
from reputation.hydra.sightings import OperatorRuling
from reputation.linking.host import LinkerHost
from reputation.replicas.tenant_links import TenantLinking
from reputation.stores.redis.names import Names
from reputation.wire.messages import AccountFacts, Outcome, Settle

pytestmark = pytest.mark.gateway
NAMES = Names("default")
GARBAGE = {
    "nothing": b"",
    "one byte": b"\x01",
    "text": b"garbage of some length",
    "as long as a bucket": b"garbage-" * 4,
    "not a number": b"\x00\x00\x00\x00\x00\x00\xf8\x7f" * 4,
    "huge": b"\xde\xad" * 100_000,
}


class Noisy(Log):
    """Names what was damaged."""

    def __init__(self):
        super().__init__()
        self.named = []

    def error(self, event, key, **_):
        self.events.append(event)
        self.named.append(key)


class Whole:
    """A replica that does everything that touches Redis, linking too."""

    def __init__(self, port, addresses):
        self.replica = Replica(port, addresses)
        self.log = self.replica.log = self.replica.store.damage._log = Noisy()
        self.store, self.tenant = self.replica.store, self.replica.tenant
        self.tenant.limiter.outbox.listening = True
        self.linking = TenantLinking(self.tenant.limiter, self.store, "replica-0", lambda *_, **__: None)
        self.host = LinkerHost()
        self.rounds = 0

    async def use(self, account="a"):
        """Write and read every kind of key, and return the decision on one check."""
        self.rounds += 1
        tenant, records, now = self.tenant, self.store.records, time.time()
        await self.replica.push(account, AccountFacts(plan="free", keys=(f"key-of-{account}",)))
        await tenant.commit(marking(Outcome(account, "good"), now))
        verdict = await self.replica.ask(account)
        await self.replica.ask(account, call={"id": f"r{self.rounds}"})
        by_key = await self.replica.ask(None, {"key": f"key-of-{account}"})
        assert by_key.decision == verdict.decision
        held = await self.replica.ask(f"holder{self.rounds}", call={"hold": True, "cost": 3})
        assert (await tenant.settle(Settle(verdict=held.id, actual=1.0), now)).verdict == held.id
        leased = await self.replica.ask(f"tenant{self.rounds}", lease=True)
        assert leased.lease.tokens
        version = await records.put("default", "papers", "one", b"x")
        assert (await records.get("default", "papers", "one")).version == version
        assert "one" in [record.id for record in await records.all("default", "papers")]
        assert "one" in [record.id for record in await records.page("default", "papers", 9)]
        await self.store._beat("default")
        await self.link()
        tenant.accounts.looked_up.clear()  # so that all of it is read again
        return verdict.decision

    async def link(self):
        self.tenant.limiter.outbox.rule(OperatorRuling("bless", cluster="h-1", reason="x"))
        await self.linking.notes.send(self.tenant.limiter.outbox)
        await becomes(self._seated, expected=True)
        answer = self.host.take(await self.linking.batch(time.time(), epoch=True))
        assert await self.linking.put(answer)

    async def _seated(self):
        await self.linking.look()
        return self.linking.is_ours

    async def close(self):
        await self.replica.close()


@asynccontextmanager
async def whole(port, addresses):
    """One that has used everything; it fails where anything was raised that no caller waited for."""
    faults = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    found = Whole(port, addresses)
    try:
        await found.use()
        yield found
    finally:
        await found.close()
    assert faults == []


def keys_of(client):
    return sorted(client.scan_iter(b"hc1:*", count=1000))


def plant(client, key, value):
    """Put a value in the place of what is there, for as long as what was there would have stayed."""
    left = client.pttl(key)
    client.delete(key)
    if isinstance(value, list):
        client.rpush(key, *value)
    elif isinstance(value, set):
        client.sadd(key, *value)
    else:
        client.set(key, value)
    if left > 0:
        client.pexpire(key, left)


def plant_inside(client, key, value):
    """Spoil what is inside a hash, a sorted set or a stream; False for what has no inside."""
    kind = client.type(key)
    if kind == b"hash":
        client.hset(key, mapping=dict.fromkeys([*client.hkeys(key), b"\xff\xfe"], value))
    elif kind == b"zset":
        client.zadd(key, {value: 1e300, b"a:\xff" + value: 1.5, b"r:\xff": 2.0})
    elif kind == b"stream":
        client.xadd(key, {b"notes": value, b"upto": value, value or b"x": b"y"})
        client.xadd(key, {value or b"x": b"y"})
    return kind in (b"hash", b"zset", b"stream")


@pytest.mark.parametrize("value", [["a", "b"], {"a"}, *GARBAGE.values()], ids=["a list", "a set", *GARBAGE])
async def test_whatever_stands_in_the_place_of_a_key_nobody_is_put_away_and_all_go_on(
    port, redis_server, addresses, value
):
    """Every key that a tenant has, one after the other and all at once; each round writes and reads all of them."""
    async with whole(port, addresses) as found:
        with redis_server.client() as client:
            for number, key in enumerate(keys_of(client)):
                plant(client, key, value)
                assert await found.use(f"b{number}") == "allow", key
                assert not found.store.degraded, key
            for key in keys_of(client):
                plant(client, key, value)
            assert await found.use("c") == "allow"
            assert not found.store.degraded
        assert found.tenant.breaker.opened == 0
        assert found.store.damage.count
        assert "state_damaged" in found.log.events
        assert len(found.log.named) <= 20


@pytest.mark.parametrize("value", GARBAGE.values(), ids=GARBAGE)
async def test_whatever_stands_inside_a_key_nobody_is_put_away_and_all_go_on(port, redis_server, addresses, value):
    """Fields of hashes, members of sorted sets, entries of streams."""
    async with whole(port, addresses) as found:
        with redis_server.client() as client:
            for number, key in enumerate(keys_of(client)):
                if plant_inside(client, key, value):
                    assert await found.use(f"b{number}") == "allow", key
                    assert not found.store.degraded, key
            for key in keys_of(client):
                plant_inside(client, key, value)
            assert await found.use("c") == "allow"
        assert found.tenant.breaker.opened == 0
        assert "state_damaged" in found.log.events


def bucket_of(client, account):
    return next(key for key in keys_of(client) if b'"burst"' in key and f'"{account}"'.encode() in key)


@pytest.mark.parametrize("value", [["a"], {"a"}, *GARBAGE.values()], ids=["a list", "a set", *GARBAGE])
async def test_a_damaged_bucket_is_an_empty_one_and_its_neighbours_are_full(port, redis_server, addresses, value):
    """Damage gives no advantage; the bucket fills again like any other, and the metric and the log tell of it."""
    async with whole(port, addresses) as found:
        ask = found.replica.ask
        with redis_server.client() as client:
            await ask("spoilt")
            await ask("sound")
            key = bucket_of(client, "spoilt")
            plant(client, key, value)
            verdict = await ask("spoilt")
            assert verdict.decision == "throttle"
            assert verdict.retry_after == pytest.approx(1000, rel=0.01)
            assert (await ask("sound")).limit.remaining == pytest.approx(BURST - 2, abs=0.01)
            assert client.type(key) == b"string"
            assert client.strlen(key) == 32
        await found.store._beat("default")
        assert key.decode() in found.log.named
        assert found.store.damage.count == 1


async def test_damage_is_counted_each_time_and_named_once(port, redis_server, addresses):
    async with whole(port, addresses) as found:
        with redis_server.client() as client:
            await found.replica.ask("spoilt")
            key = bucket_of(client, "spoilt")
            for _ in range(3):
                plant(client, key, ["a"])
                await found.replica.ask("spoilt")
                await found.store._beat("default")
        assert found.store.damage.count == 3
        assert found.log.named == [key.decode()]


async def test_links_whose_parts_are_gone_are_made_anew_by_a_replica_that_starts(port, redis_server, addresses):
    """It cannot read them and no other replica has them, so they must not keep it from linking."""
    async with whole(port, addresses) as found:
        await found.linking.leave()
    with redis_server.client() as client:
        for key in keys_of(client):
            if b"-part" in key:
                client.delete(key)
    other = Whole(port, addresses)
    try:
        await other.link()
        assert other.linking._version
    finally:
        await other.close()
