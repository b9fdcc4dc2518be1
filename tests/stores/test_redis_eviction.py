"""A Redis that may forget debts is named: in the log, in /readyz and by a metric."""

import asyncio
import time
from contextlib import ExitStack

import pytest
from redis_process import becomes, running_cluster, running_redis, until
from sidecar_process import running_sidecar

from reputation.state.tenant import TenantState
from reputation.stores.redis.eviction import eviction_of
from reputation.stores.redis.server import RedisServer, connect
from reputation.stores.redis.store import RedisStore

pytestmark = pytest.mark.gateway
LIMIT = ("--maxmemory", "100mb")


async def found_at(url):
    server = RedisServer(connect(url))
    try:
        return await eviction_of(server)
    finally:
        await server.aclose()


@pytest.mark.parametrize(
    ("policy", "limit", "found"),
    [
        ("noeviction", "100mb", ""),
        ("allkeys-lru", "100mb", "allkeys-lru"),
        ("allkeys-random", "1mb", "allkeys-random"),
        ("volatile-ttl", "100mb", "volatile-ttl"),
        ("volatile-lfu", "100mb", "volatile-lfu"),
        ("allkeys-lru", "0", ""),
        ("volatile-lru", "0", ""),
    ],
)
async def test_a_policy_that_may_forget_is_found_where_memory_is_limited(redis_server, policy, limit, found):
    with redis_server.client() as client:
        client.config_set("maxmemory-policy", policy)
        client.config_set("maxmemory", limit)
    assert await found_at(redis_server.url) == found


@pytest.mark.parametrize(
    ("rights", "found"),
    [("+info -config", "allkeys-lru"), ("-info +config|get", "allkeys-lru"), ("-info -config", None)],
)
async def test_a_user_who_may_not_ask_one_way_asks_the_other(tmp_path, rights, found):
    with running_redis(tmp_path, *LIMIT, "--maxmemory-policy", "allkeys-lru") as server:
        with server.client() as client:
            client.execute_command("ACL SETUSER", "h", "on", ">pw", "~*", "+@all", *rights.split())
        assert await found_at(f"redis://h:pw@127.0.0.1:{server.port}") == found


async def test_one_node_of_a_cluster_is_enough(tmp_path):
    with running_cluster(tmp_path) as nodes:
        url = f"redis+cluster://127.0.0.1:{nodes[0].port}"
        assert await found_at(url) == ""
        with nodes[2].client() as client:
            client.config_set("maxmemory", "100mb")
            client.config_set("maxmemory-policy", "volatile-random")
        assert await found_at(url) == "volatile-random"


class Log:
    def __init__(self):
        self.events = []

    def error(self, event, **_):
        self.events.append(event)

    warning = info = error


async def test_it_is_asked_again_when_the_server_is_back(tmp_path):
    """A server that was replaced may have other settings; so may one that was configured again."""
    log = Log()
    with running_redis(tmp_path) as server:
        store = RedisStore(server.url, TenantState, log, time.time)
        store.tenant("default")
        await store._beat("default")
        await store._look_at_eviction()
        assert (store.eviction, log.events) == ("", [])
        server.kill()
        await store._beat("default")
        server._command += [*LIMIT, "--maxmemory-policy", "allkeys-lfu"]
        server.start()
        running = asyncio.create_task(store.run())

        async def found():
            return store.eviction

        await becomes(found, "allkeys-lfu", within=5)
        running.cancel()
        await store.close()
    assert log.events.count("state_evicts") == 1


@pytest.mark.parametrize("policy", ["allkeys-lru", None])
def test_a_sidecar_names_it_in_log_readiness_and_metrics(tmp_path, policy):
    options = (*LIMIT, *(("--maxmemory-policy", policy) if policy else ()))
    with ExitStack() as stack:
        server = stack.enter_context(running_redis(tmp_path, *options))
        found = stack.enter_context(running_sidecar(tmp_path, extra={"HEADCOUNT_STATE": server.url}))
        until(lambda: found.tell("GET", "/readyz").json["eviction"] == policy, "not named")
        assert found.ask({"account": {"id": "a"}}).json["degraded"] is False
        evicts = b"headcount_state_evicts 1.0" in found.tell("GET", "/metrics").body
        assert evicts == ("state_evicts" in found.log.read_text()) == (policy is not None)
