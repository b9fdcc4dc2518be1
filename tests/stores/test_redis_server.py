"""The way to Redis, against real servers: a URL for each kind, its options, and errors that name the fix."""

import asyncio
import time

import pytest
from certificates import make_certificate
from ports import free_ports
from redis.asyncio import Redis, RedisCluster
from redis_process import RedisServer as Process
from redis_process import becomes, running_cluster, running_redis, running_sentinel, until

from reputation.limits.bucket import Bucket, Limit
from reputation.limits.take import Ask, Charge
from reputation.stores.redis.names import Names
from reputation.stores.redis.server import RedisServer, connect
from reputation.stores.redis.takes import RedisTakes
from reputation.stores.shared_values import AwayError
from reputation.wire.errors import ConfigError

LIMIT = Limit(1e-9, 100.0)


async def remaining(url, tenant="acme", within=2.0):
    """Take one unit over this URL, and say what the bucket holds then; None if it is away."""
    server, why = RedisServer(connect(url)), []
    try:
        takes = RedisTakes(server, Names(tenant), within, time.time, why.append)
        one = Charge("burst", "account", ("own", "a", "burst"), Bucket(0.0, 0.0, LIMIT))
        taken = await takes.take(Ask([[one]], 1.0))
        return round(taken.states[0].remaining) if taken is not None else why[0]
    finally:
        await server.aclose()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host", "ftp: is not known; known are redis, rediss"),
        ("redis://host/eleven", "a database must be a number"),
        ("redis://host:99999", "not a URL of a Redis"),
        ("redis://", "the host is missing"),
        ("redis+sentinel://host:26379", "the path must name the master"),
        ("redis+cluster://host/1", "only one database"),
        ("redis://host?timeout=1", "timeout: is not known; known are ssl_ca_certs"),
    ],
)
def test_a_url_that_cannot_be_one_is_refused_with_the_mend(url, said):
    with pytest.raises(ConfigError, match=said) as caught:
        connect(url)
    assert "--state" in str(caught.value)


def test_errors_do_not_repeat_a_password():
    with pytest.raises(ConfigError) as caught:
        connect("redis://me:hunter2@host/eleven")
    assert "hunter2" not in str(caught.value)


async def test_settings_are_those_that_charge_once_and_give_up_early():
    """redis-py's own would retry ten times and wait for seconds."""
    client = connect("rediss://me:a%2Fb@host:1234/3?ssl_ca_certs=/x.pem&ssl_check_hostname=false")
    options = client.connection_pool.connection_kwargs
    assert isinstance(client, Redis)
    assert options["retry"].get_retries() == 0
    assert (options["host"], options["port"], options["db"]) == ("host", 1234, 3)
    assert (options["username"], options["password"], options["protocol"]) == ("me", "a/b", 2)
    assert (options["ssl_ca_certs"], options["ssl_check_hostname"]) == ("/x.pem", False)
    assert isinstance(connect("redis+cluster://h1:1,h2:2,[::1]:3"), RedisCluster)


async def test_nobody_there_is_away_and_says_why():
    (port,) = free_ports(1)
    server = RedisServer(connect(f"redis://127.0.0.1:{port}"))
    with pytest.raises(AwayError, match="ConnectionError"):
        await server.ask("PING")
    await server.aclose()


@pytest.mark.gateway
async def test_an_acl_user_needs_our_keys_and_few_commands(redis_server: Process):
    """The user of docs/reliability.md, word for word; anything else of the server is closed to it."""
    with redis_server.client() as admin:
        admin.acl_setuser(
            "headcount", enabled=True, passwords=["+secret"], keys=["hc1:*"],
            commands=["+@read", "+@write", "+@scripting", "+@connection", "+time", "-@dangerous"],
        )  # fmt: skip
        address = f"127.0.0.1:{redis_server.port}"
        assert await remaining(f"redis://headcount:secret@{address}", "acl") == 99
        assert "AuthenticationError" in await remaining(f"redis://headcount:wrong@{address}")
        server = RedisServer(connect(f"redis://headcount:secret@{address}"))
        for command in (("GET", "other"), ("FLUSHALL",), ("CONFIG", "GET", "*")):
            with pytest.raises(AwayError, match="NoPermission"):
                await server.ask(*command)
        await server.aclose()
        admin.acl_deluser("headcount")


@pytest.mark.gateway
async def test_tls_with_an_authority_of_ones_own(tmp_path):
    """And a certificate of an unknown authority is refused."""
    make_certificate(tmp_path)
    (port,) = free_ports(1)
    options = ("--tls-port", str(port), "--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem")
    with running_redis(tmp_path, *options, "--tls-ca-cert-file", "cert.pem", "--tls-auth-clients", "no"):
        assert await remaining(f"rediss://127.0.0.1:{port}?ssl_ca_certs={tmp_path}/cert.pem") == 99
        assert "CERTIFICATE_VERIFY_FAILED" in await remaining(f"rediss://127.0.0.1:{port}")


def move_slot(nodes, key):
    """Move the slot of a key from the node that has it to another."""
    clients = [node.client() for node in nodes]
    slot = clients[0].execute_command("CLUSTER KEYSLOT", key)
    has = [bool(client.execute_command("CLUSTER COUNTKEYSINSLOT", slot)) for client in clients]
    old, new = has.index(True), (has.index(True) + 1) % len(nodes)
    ids = [client.execute_command("CLUSTER MYID").decode() for client in clients]
    clients[new].execute_command("CLUSTER SETSLOT", slot, "IMPORTING", ids[old])
    clients[old].execute_command("CLUSTER SETSLOT", slot, "MIGRATING", ids[new])
    keys = clients[old].execute_command("CLUSTER GETKEYSINSLOT", slot, 1000)
    clients[old].execute_command("MIGRATE", "127.0.0.1", nodes[new].port, "", 0, 5000, "KEYS", *keys)
    for client in clients:
        client.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[new])
        client.close()


@pytest.mark.gateway
async def test_sentinel_names_the_master_and_after_a_failover_the_new_one(tmp_path):
    """The replica that was promoted has what had reached it; within some seconds takes go to it."""
    with running_sentinel(tmp_path) as (url, master, replica):
        assert await remaining(url) == 99
        with replica.client() as client:
            until(lambda: client.keys("hc1:*b[[]*") != [], "the take did not reach the replica")
        master.kill()
        await becomes(lambda: remaining(url, within=1.0), 98)


@pytest.mark.gateway
async def test_a_cluster_keeps_each_tag_in_one_slot_and_tenants_on_all_nodes(tmp_path):
    """Three masters; a slot that moves is followed."""
    with running_cluster(tmp_path) as nodes:
        url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        tenants = [f"tenant {i} {{x}}" for i in range(12)]
        assert await asyncio.gather(*[remaining(url, tenant) for tenant in tenants]) == [99] * 12
        kept = [{key for key in node.client().keys("hc1:*") if b"b[" in key} for node in nodes]
        assert sum(map(len, kept)) == 12
        assert all(kept)


@pytest.mark.gateway
async def test_a_slot_that_moves_to_another_node_takes_its_buckets_along(tmp_path):
    """By the steps of CLUSTER SETSLOT; a client that asks the old node is sent to the new one."""
    with running_cluster(tmp_path) as nodes:
        url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        server = RedisServer(connect(url))
        takes = RedisTakes(server, Names("acme"), 2.0, time.time, print)
        one = Charge("burst", "account", ("own", "a", "burst"), Bucket(0.0, 0.0, LIMIT))
        assert not (await takes.take(Ask([[one]], 1.0))).wait
        move_slot(nodes, Names("acme").single("owners"))
        assert [round((await takes.take(Ask([[one]], 1.0))).states[0].remaining) for _ in range(2)] == [98, 97]
        await server.aclose()
