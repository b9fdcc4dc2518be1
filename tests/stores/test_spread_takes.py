"""Takes on a real Cluster of three nodes: one slot for an account's own buckets, and steps that may fail in between."""

import asyncio
import os
import random
import signal
import time
from contextlib import asynccontextmanager, contextmanager

import pytest
from redis_process import becomes, running_cluster
from take_story import PureBuckets

from reputation.limits.bucket import Bucket, Limit
from reputation.limits.reservations import Reserve, Settlement
from reputation.limits.take import Ask, AskGroup, Charge
from reputation.stores.redis.names import Names
from reputation.stores.redis.server import RedisServer, connect
from reputation.stores.redis.slot_groups import GROUPS, group_of, names_of_groups
from reputation.stores.redis.spread_takes import SpreadTakes
from reputation.stores.shared_values import NOT_OPEN, TOO_MUCH, Again, AwayError, Clash, Settling, once

pytestmark = pytest.mark.gateway
FIXED = 1e-9
"""Tokens a second of a bucket that earns nothing while a test runs."""


def limit(burst):
    return Limit(FIXED, burst)


def own(account, burst=100.0, part="burst"):
    return Charge(part, "account", ("own", account, part), Bucket(burst, 0.0, limit(burst)))


def floor(account, burst):
    return Charge("earned", "account", ("floor", account), Bucket(burst, 0.0, limit(burst)))


def purse(burst=100.0, name="h-1"):
    return Charge("purse", "cluster", ("purse", name), Bucket(burst, 0.0, limit(burst)))


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    with running_cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture
def emptied_nodes(nodes):
    for node in nodes:
        with node.client() as client:
            client.flushall()
            client.config_resetstat()
    return nodes


@asynccontextmanager
async def takes_over(nodes, within=5.0, tenant="acme"):
    """Takes of one replica, and what its breaker was told."""
    server, told = RedisServer(connect("redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes))), []
    try:
        yield SpreadTakes(server, tenant, within, time.time, told.append), told
    finally:
        await server.aclose()


async def left(takes, charge):
    """Tokens of a bucket, by an ask of another replica that takes nothing."""
    return round((await takes.take(Ask([[charge]], 0.0))).states[0].remaining, 3)


def script_calls(nodes):
    """Calls of scripts on each node since the last reset."""
    found = []
    for node in nodes:
        with node.client() as client:
            stats = client.info("commandstats")
            found.append(sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("eval", "evalsha")))
    return found


def node_of(nodes, key):
    """The node that has a key's slot."""
    with nodes[0].client() as client:
        slot = client.execute_command("CLUSTER KEYSLOT", key)
        for first, last, (_, port, *_), *_ in client.execute_command("CLUSTER SLOTS"):
            if first <= slot <= last:
                return next(node for node in nodes if node.port == port)
    raise AssertionError(key)


def account_away_from(nodes, node):
    """An account whose own buckets are on another node."""
    names = names_of_groups("acme")
    return next(
        name
        for name in (f"acct_{i}" for i in range(1000))
        if node_of(nodes, names[group_of(name)].single("x")) is not node
    )


async def test_a_check_of_an_account_s_own_buckets_is_one_script_call_on_one_node(emptied_nodes):
    async with takes_over(emptied_nodes) as (takes, told):
        await takes.take(Ask([[own("a")]], 1.0))
        before = script_calls(emptied_nodes)
        taken = await takes.take(Ask([[own("a"), own("a", part="daily"), floor("a", 9.0)]], 1.0))
        more = [now - then for now, then in zip(script_calls(emptied_nodes), before, strict=True)]
        assert (taken.wait, sorted(more), told) == (0.0, [0, 0, 1], [])


async def test_accounts_within_their_own_limits_load_all_nodes_alike(emptied_nodes):
    """One tenant: keys, and writes, within 15% of each other."""
    async with takes_over(emptied_nodes) as (takes, _):
        for _ in range(3):
            await asyncio.gather(*[takes.take(Ask([[own(f"acct_{i}")]], 1.0)) for i in range(3000)])
    keys, writes = [], []
    for node in emptied_nodes:
        with node.client() as client:
            keys.append(client.dbsize())
            writes.append(client.info("commandstats")["cmdstat_set"]["calls"])
    assert sum(keys) >= 3000
    assert max(keys) <= 1.15 * min(keys), keys
    assert max(writes) <= 1.15 * min(writes), writes


async def test_a_shared_bucket_is_never_overdrawn_and_every_refusal_is_given_back(emptied_nodes):
    """Two replicas, 60 accounts, and a purse for 40 requests: 40 pass, and only those that passed have paid."""
    async with takes_over(emptied_nodes) as (one, _), takes_over(emptied_nodes) as (other, _):
        accounts = [f"acct_{i % 60}" for i in range(180)]
        taken = await asyncio.gather(
            *[(one, other)[i % 2].take(Ask([[own(name), purse(40.0)]], 1.0)) for i, name in enumerate(accounts)]
        )
        passed = [name for name, came in zip(accounts, taken, strict=True) if not came.wait]
        assert len(passed) == 40
        assert all(came.states[came.binding].name == "purse" for came in taken if came.wait)
        for name in dict.fromkeys(accounts):
            assert await left(one, own(name)) == 100 - passed.count(name)
        assert await left(one, purse(40.0)) == 0


def draws_like_the_engine_s(pick, account):
    """Draws of a check: own limits, an earned bucket or a purse, an address, a reserve."""
    mine = [own(account, 30.0), own(account, 60.0, "daily")]
    earned, shared = floor(account, 10.0), purse(25.0, f"h-{pick.randrange(2)}")
    kind = pick.randrange(5)
    if kind == 0:
        return [mine]
    if kind == 1:
        return [[*mine, earned], [*mine, shared]]
    if kind == 2:
        return [[*mine, shared]]
    reserve = Charge("reserve", "newcomers", ("reserve", "all"), Bucket(0.0, 0.0, limit(20.0)))
    if kind == 3:
        return [mine, [mine[0], reserve]]
    return [
        [*mine, earned],
        [*mine, shared],
        [mine[0], earned, reserve],
        [mine[0], shared, reserve],
    ]


def random_ask(pick, name, cost):
    hold = Reserve(name, time.time() + 60) if cost and pick.random() < 0.3 else None
    return Ask(draws_like_the_engine_s(pick, f"acct_{pick.randrange(4)}"), cost, reserve=hold)


def all_limits(asks):
    return {charge.key: charge.bucket.limit for ask in asks for draw in ask.draws for charge in draw}


def shown(taken):
    """What a take came to. Which of several draws has the shortest wait, a microsecond may decide."""
    return bool(taken.wait), [] if taken.wait else [(state.name, round(state.remaining, 3)) for state in taken.states]


def copies(ask):
    return {charge.key: round(charge.bucket.tokens, 3) for draw in ask.draws for charge in draw}


def tokens_of(pure, key, ask):
    found = pure.buckets.get(key)
    return all_limits([ask])[key].burst if found is None else round(found.tokens, 3)


@pytest.mark.parametrize("seed", range(4))
async def test_steps_take_as_one_atomic_take_does(emptied_nodes, seed):
    """Random asks and groups, holds too, one after the other, next to the pure arithmetic of `limits/`."""
    pick, pure = random.Random(seed), PureBuckets()
    async with takes_over(emptied_nodes) as (one, _), takes_over(emptied_nodes) as (other, _):
        for i in range(150):
            takes, now = pick.choice((one, other)), time.time()

            if pick.random() < 0.3:
                group = AskGroup(
                    [
                        random_ask(pick, f"{seed} {i} {number}", pick.choice((0.0, 1.0, 3.0)))
                        for number in range(pick.randint(1, 3))
                    ],
                    stopped=pick.random() < 0.1,
                )
                expected = pure.carry_out(group, all_limits(group.asks), now)
                came = await takes.take_all(group)
                assert came.passed == expected.passed, i
                continue
            asked = random_ask(pick, f"{seed} {i}", pick.choice((1.0, 2.0, 7.0)))
            expected = pure.carry_out(asked, all_limits([asked]), now)
            came = await takes.take(asked)
            assert shown(came) == shown(expected), i
            if came.wait:  # the wait is made of all of them
                assert copies(asked) == {key: tokens_of(pure, key, asked) for key in copies(asked)}, i
            if asked.reserve is not None and not came.wait and pick.random() < 0.7:
                used = pick.choice((0.0, 1.0, 5.0))
                settled = await pick.choice((one, other)).settle(Settling(((asked.reserve.id, used),)))
                assert settled.holds == (pure.reserved.holds.settle(asked.reserve.id, used, now, debt=True),), i
        for account in range(4):
            key = own(f"acct_{account}", 30.0)
            bucket = pure.buckets.get(key.key)
            assert await left(one, key) == (30.0 if bucket is None else round(bucket.tokens, 3))


async def test_a_hold_on_buckets_in_two_slots_is_settled_by_its_id_alone(emptied_nodes):
    async with takes_over(emptied_nodes) as (one, _), takes_over(emptied_nodes) as (other, _):
        hold = Reserve("h1", time.time() + 60)
        assert not (await one.take(Ask([[own("a"), purse()]], 20.0, reserve=hold))).wait
        assert (await other.settle(Settling((("h1", 2001.0),)))).holds == (TOO_MUCH,)
        assert (await other.settle(Settling((("h1", 5.0),)))).holds == (5.0,)
        assert (await one.settle(Settling((("h1", 9.0), ("h2", 1.0))))).holds == (5.0, NOT_OPEN)
        assert (await left(one, own("a")), await left(one, purse())) == (95, 95)


async def test_leases_come_from_own_buckets_and_are_settled_with_a_check_or_apart(emptied_nodes):
    async with takes_over(emptied_nodes) as (one, _), takes_over(emptied_nodes) as (other, _):

        def lease(name):
            return {"want": 10, "share": 0.5, "reserve": Reserve(name, time.time() + 60, "me")}

        taken = await one.take(Ask([[own("a")], [own("a"), purse()]], 1.0, **lease("l1")))
        assert taken.granted == 10
        assert (await one.take(Ask([[own("b"), purse()]], 1.0, **lease("l2")))).granted == 0
        assert (await other.settle(Settling(leases=(Settlement("l1", 4.0, ("me",)),)))).leases == (4.0,)
        await one.take(Ask([[own("a")]], 1.0, **lease("l3")))
        with_it = (Settlement("l3", 0.0, ("me",), ("a",)),)
        assert not (await other.take(Ask([[own("a")]], 1.0, settlements=with_it))).wait
        assert await left(one, own("a")) == 100 - 1 - 4 - 1 - 1
        await one.take(Ask([[own("a")]], 1.0, **lease("l4")))
        elsewhere = (Settlement("l4", 0.0, ("me",), ("a",)),)
        assert not (await other.take(Ask([[own("c")]], 1.0, settlements=elsewhere))).wait
        await becomes(lambda: left(one, own("a")), 92)


async def test_a_request_with_an_id_is_charged_once_by_whichever_replica(emptied_nodes):
    async with takes_over(emptied_nodes) as (one, _), takes_over(emptied_nodes) as (other, _):
        draws = [[own("a", 5.0), purse()]]
        assert not (await one.take(Ask(draws, 5.0, token="v1"), once("r1", "this"))).wait
        assert isinstance(await other.take(Ask(draws, 5.0, token="v2"), once("r1", "this")), Again)
        assert isinstance(await other.take(Ask([[own("b")]], 1.0), once("r1", "that")), Clash)
        assert await other.first_id(once("r1", "this")) == "v1"
        assert (await left(one, own("a", 5.0)), await left(one, own("b")), await left(one, purse())) == (0, 100, 95)


@contextmanager
def patient_cluster(directory):
    """Three nodes that go on for a minute while one of them is away, an account, its node, and the tenant's."""
    with running_cluster(directory) as nodes:
        for node in nodes:
            with node.client() as client:
                client.config_set("cluster-node-timeout", 60_000)
        tenants = node_of(nodes, Names("acme").single("x"))
        name = account_away_from(nodes, tenants)
        yield nodes, name, node_of(nodes, names_of_groups("acme")[group_of(name)].single("x")), tenants


async def test_a_node_that_dies_between_the_steps_costs_no_account_its_tokens(tmp_path):
    """The shared bucket's node stands still, and is killed: what the account paid is given back at once."""
    with patient_cluster(tmp_path) as (nodes, name, _, tenants):
        async with takes_over(nodes, within=30.0) as (takes, told), takes_over(nodes) as (other, _):
            assert not (await takes.take(Ask([[own(name), purse()]], 1.0))).wait
            assert await left(other, own(name)) == 99
            os.kill(tenants.pid, signal.SIGSTOP)
            check = asyncio.ensure_future(takes.take(Ask([[own(name), purse()]], 10.0)))
            await becomes(lambda: left(other, own(name)), 89)
            tenants.kill()
            assert await check is None
            assert told
            assert await left(other, own(name)) == 99
            tenants.start()
            await becomes(lambda: comes_back(takes), True)
            assert (await left(takes, own(name)), await left(takes, purse())) == (99, 100)


async def test_an_account_s_node_that_dies_between_the_steps_gives_no_more_than_a_full_bucket(tmp_path):
    """The check passes, by the shared bucket; the node comes back empty, as after any loss of a server's data."""
    with patient_cluster(tmp_path) as (nodes, name, home, tenants):
        async with takes_over(nodes, within=30.0) as (takes, _), takes_over(nodes) as (other, _):
            assert not (await takes.take(Ask([[own(name), purse()]], 1.0))).wait
            assert await left(other, own(name)) == 99
            os.kill(tenants.pid, signal.SIGSTOP)
            check = asyncio.ensure_future(takes.take(Ask([[own(name), purse()]], 10.0)))
            await becomes(lambda: left(other, own(name)), 89)
            home.kill()
            os.kill(tenants.pid, signal.SIGCONT)
            assert not (await check).wait
            home.start()
            await becomes(lambda: comes_back(takes), True)
            assert (await left(takes, own(name)), await left(takes, purse())) == (100, 89)


async def test_what_cannot_be_given_back_is_owed_and_given_back_once(tmp_path):
    """The account's node stands still while the shared bucket refuses."""
    with patient_cluster(tmp_path) as (nodes, name, home, tenants):
        async with takes_over(nodes, within=10.0) as (takes, told), takes_over(nodes) as (other, _):
            assert not (await takes.take(Ask([[own(name), purse(5.0)]], 5.0))).wait
            assert await left(other, own(name)) == 95
            os.kill(tenants.pid, signal.SIGSTOP)
            check = asyncio.ensure_future(takes.take(Ask([[own(name), purse(5.0)]], 10.0)))
            await becomes(lambda: left(other, own(name)), 85)
            os.kill(home.pid, signal.SIGSTOP)
            os.kill(tenants.pid, signal.SIGCONT)
            assert await check is None
            assert told
            os.kill(home.pid, signal.SIGCONT)
            await becomes(lambda: comes_back(takes), True)
            assert (await left(takes, own(name)), await left(takes, purse(5.0))) == (95, 0)


async def comes_back(takes):
    """Whether the nodes take writes again, and what was owed is charged."""
    try:
        await takes.probe()
        await takes.resume(())
    except AwayError:
        return False
    return True


async def test_what_a_replica_took_alone_is_charged_where_it_belongs(emptied_nodes):
    async with takes_over(emptied_nodes) as (takes, _):
        await takes.resume([(own("a"), 7.0), (own("b"), 3.0), (purse(), 10.0), (own("a"), -2.0)])
        assert [await left(takes, one) for one in (own("a"), own("b"), purse())] == [95, 97, 90]


async def test_groups_that_look_alone_find_every_bucket(emptied_nodes):
    """All groups answer, and each key of a group is in one slot."""
    async with takes_over(emptied_nodes) as (takes, _):
        taken = await asyncio.gather(*[takes.take(Ask([[own(f"acct_{i}")]], 1.0)) for i in range(10 * GROUPS)])
        assert not any(one.wait for one in taken)
    found = {key for node in emptied_nodes for key in keys_of(node)}
    assert len({key.partition(b"}")[0] for key in found if b"}:b[" in key}) == GROUPS


def keys_of(node):
    with node.client() as client:
        return client.keys("hc1:*")
