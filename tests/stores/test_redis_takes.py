"""Takes over a network that breaks: one batch a turn, each exactly once, whatever is lost on the way."""

import asyncio
import struct
import time
from contextlib import asynccontextmanager

import pytest
from tcp_proxy import proxy_to

from reputation.limits.bucket import Bucket, Limit
from reputation.limits.reservations import Reserve, Settlement
from reputation.limits.take import Ask, Charge
from reputation.stores.redis.names import Names
from reputation.stores.redis.server import RedisServer, connect
from reputation.stores.redis.takes import LANES, MOST_IN_BATCH, RedisTakes
from reputation.stores.shared_values import AwayError, Settling

pytestmark = pytest.mark.gateway
OWN = frozenset({"cmdstat_config|resetstat", "cmdstat_info"})
FOR_A_BATCH = 5
"""The script's call, its lane's receipt read and written, the time, and one read of all buckets."""
LIMIT = Limit(1e-9, 1000.0)
KEY = ("own", "a", "burst")


def charge(key=KEY):
    return Charge("burst", "account", key, Bucket(LIMIT.burst, 0.0, LIMIT))


def ask(cost=1.0, key=KEY, **more):
    return Ask([[charge(key)]], cost, **more)


@asynccontextmanager
async def takes_over(port, within=1.0, tenant="acme"):
    """Takes of one tenant, and what its breaker was told."""
    server, told = RedisServer(connect(f"redis://127.0.0.1:{port}")), []
    try:
        yield RedisTakes(server, Names(tenant), within, time.time, told.append), told
    finally:
        await server.aclose()


async def remaining(takes, key=KEY):
    taken = await takes.take(ask(1.0, key))
    return round(taken.states[0].remaining)


async def test_takes_of_one_turn_go_out_in_one_script_call(redis_server, emptied):
    """Concurrent checks share a round trip, and each hears of its own take."""
    async with takes_over(redis_server.port) as (takes, _):
        before = emptied.info("commandstats").get("cmdstat_eval", {}).get("calls", 0)
        taken = await asyncio.gather(*[takes.take(ask()) for _ in range(50)])
        assert [round(one.states[0].remaining) for one in taken] == [*range(999, 949, -1)]
        assert takes.batches == 1
        assert emptied.info("commandstats")["cmdstat_eval"]["calls"] == before + 1


async def test_more_than_the_lanes_hold_waits_for_the_first_that_is_free(redis_server, emptied):
    async with takes_over(redis_server.port) as (takes, _):
        many = (LANES + 2) * MOST_IN_BATCH
        taken = await asyncio.gather(*[takes.take(ask(0.1)) for _ in range(many)])
        assert takes.batches == LANES + 2
        assert sum(not one.wait for one in taken) == many


async def test_a_take_whose_answer_was_lost_is_sent_again_and_charged_once(redis_server, emptied):
    """The connection is cut after the server has run it: the second try is told what the first one did."""
    async with proxy_to(redis_server.port) as proxy, takes_over(proxy.port) as (takes, told):
        assert await remaining(takes) == 999
        proxy.swallow = 1
        taken = await takes.take(ask(10.0))
        assert proxy.swallowed
        assert round(taken.states[0].remaining) == 989
        assert await remaining(takes) == 988
        assert (takes.retries, told) == (1, [])


async def test_a_script_that_the_server_has_lost_is_sent_again(redis_server, emptied):
    """As after a restart or a failover."""
    async with takes_over(redis_server.port) as (takes, told):
        assert await remaining(takes) == 999
        emptied.script_flush()
        assert await remaining(takes) == 998
        assert told == []


async def test_what_was_given_up_and_had_run_is_given_back(redis_server, emptied):
    """Both tries lose their answer, so the check was answered elsewhere; what it took here must not stay charged."""
    async with proxy_to(redis_server.port) as proxy, takes_over(proxy.port) as (takes, told):
        assert await remaining(takes) == 999
        proxy.swallow = 2
        assert await takes.take(ask(100.0)) is None
        assert len(told) == 1
        await takes.resume([])
        assert await remaining(takes) == 998


async def test_an_ask_is_answered_at_once_while_every_lane_is_in_doubt(redis_server, emptied):
    """Nothing that is on its way would let it go out later."""
    async with takes_over(redis_server.port, within=0.2) as (takes, told):
        assert await remaining(takes) == 999
        emptied.execute_command("CLIENT", "PAUSE", 1000, "ALL")
        given_up = []
        for _ in range(LANES):
            given_up.append(takes.take(ask()))
            await asyncio.sleep(0)
        assert await asyncio.gather(*given_up) == [None] * LANES
        assert await asyncio.wait_for(takes.take(ask()), 30.0) is None
        assert len(told) == LANES


async def test_an_ask_is_answered_where_its_exchange_ends_in_an_error(redis_server, emptied):
    async with takes_over(redis_server.port) as (takes, told):
        assert await remaining(takes) == 999
        emptied.execute_command("CLIENT", "PAUSE", 300, "ALL")
        lost = takes.take(ask())
        for _ in range(10):  # until the exchange waits for the server
            await asyncio.sleep(0)
        for exchange in takes._tasks:  # as an error of any kind would
            exchange.cancel()
        assert await asyncio.wait_for(lost, 30.0) is None
        assert len(told) == 1
        await takes.resume([])
        assert await remaining(takes) in (997, 998)


async def test_what_was_given_up_never_runs_afterwards(redis_server, emptied):
    """The server is paused, so the batch waits in its socket; it is voided before it would run."""
    async with takes_over(redis_server.port, within=0.2) as (takes, told):
        assert await remaining(takes) == 999
        emptied.execute_command("CLIENT", "PAUSE", 600, "ALL")
        assert await takes.take(ask(100.0)) is None
        assert "Timeout" in told[0]
        while True:
            try:
                await takes.resume([])
                break
            except AwayError:
                pass
        assert await remaining(takes) == 998


async def test_what_is_owed_is_charged_once_however_often_it_is_tried(redis_server, emptied):
    async with proxy_to(redis_server.port) as proxy, takes_over(proxy.port) as (takes, _):
        assert await remaining(takes) == 999
        proxy.swallow = 1
        with pytest.raises(AwayError):
            await takes.resume([(charge(), 100.0), (charge(), -1.0)])
        await takes.resume([])
        assert await remaining(takes) == 899


async def test_while_nothing_answers_every_take_is_given_up_within_its_time(redis_server, emptied):
    """Those that wait for a lane too."""
    async with proxy_to(redis_server.port) as proxy, takes_over(proxy.port, within=0.1) as (takes, _):
        assert await remaining(takes) == 999
        proxy.hold()
        begun = time.monotonic()
        taken = await asyncio.gather(*[takes.take(ask(0.001)) for _ in range((LANES + 1) * MOST_IN_BATCH)])
        assert set(taken) == {None}
        assert time.monotonic() - begun < 1.0
        proxy.release()
        await takes.probe()
        await takes.resume([])
        assert await remaining(takes) == 998


async def test_holds_and_leases_are_settled_once_by_whoever_hears_of_them(redis_server, emptied):
    """A lease may be reported to another replica than gave it."""
    until = time.time() + 60
    async with takes_over(redis_server.port) as (one, _), takes_over(redis_server.port) as (other, _):
        taken = await one.take(ask(1.0, want=10, share=0.5, reserve=Reserve("l1", until)))
        assert taken.granted == 10
        assert not (await one.take(ask(100.0, reserve=Reserve("h1", until)))).wait
        settled = await other.settle(Settling((("h1", 150.0),), (Settlement("l1", 4.0), Settlement("l2", 4.0))))
        assert (settled.holds, settled.leases) == ((150.0,), (4.0, -1.0))
        again = await one.settle(Settling((("h1", 7.0),), (Settlement("l1", 0.0),)))
        assert (again.holds, again.leases) == ((150.0,), (4.0,))
        assert await remaining(one) == 1000 - 1 - 4 - 150 - 1


async def test_batches_keep_their_connections_and_open_new_ones_where_the_server_closed_them(redis_server, emptied):
    """A closed connection is noticed by the batch itself, which is sent again and charged once."""
    async with takes_over(redis_server.port) as (takes, told):
        assert await remaining(takes) == 999
        before = emptied.info("stats")["total_connections_received"]
        for _ in range(20):
            await takes.take(ask())
        assert emptied.info("stats")["total_connections_received"] == before
        emptied.client_kill_filter(_type="normal", skipme=True)
        assert await remaining(takes) == 978
        assert (takes.retries, told) == (1, [])


class Garbling(asyncio.Protocol):
    """A server that lets a client in, and answers its scripts with `answer`."""

    def __init__(self, answer):
        self.answer = answer

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        scripts = data.count(b"\r\nEVAL")
        self.transport.write(b"+OK\r\n" * data.count(b"\r\nCLIENT\r\n") + self.answer * scripts)


@pytest.mark.parametrize("answer", [b"?\r\n", b"-ERR no\r\n", b"-READONLY no\r\n", b"$3\r\nabc\r\n"])
async def test_an_answer_that_is_none_gives_a_batch_up(answer):
    server = await asyncio.get_running_loop().create_server(lambda: Garbling(answer), "127.0.0.1", 0)
    async with server, takes_over(server.sockets[0].getsockname()[1]) as (takes, told):
        assert await takes.take(ask()) is None
        assert len(told) == 1


STEP = 32  # as in the script


async def test_a_bucket_expires_when_it_would_be_full_and_one_in_debt_stays(redis_server, emptied):
    """A key lives as long as it says something that its absence does not, and up to a STEP longer."""
    limit = Limit(1.0, 10.0)
    async with takes_over(redis_server.port) as (takes, _):
        one = Charge("burst", "account", ("soon",), Bucket(0.0, 0.0, limit))
        await takes.take(Ask([[one]], 3.0))
        assert 62 <= emptied.ttl(Names("acme").of("b", "soon")) <= 63 + STEP
        await takes.resume([(one, 500.0)])
        assert 561 <= emptied.ttl(Names("acme").of("b", "soon")) <= 564 + STEP


async def test_the_expiry_of_a_bucket_never_comes_before_it_is_full(redis_server, emptied):
    """A write may leave the expiry alone, also that of a bucket that an earlier release wrote without rounding."""
    limit, name = Limit(1.0, 1000.0), Names("acme").of("b", "often")
    async with takes_over(redis_server.port) as (takes, _):
        emptied.set(name, struct.pack("<dddd", 1000.0, time.time(), 1.0, 1000.0), px=60_000)
        for number in range(1, 100):
            taken = await takes.take(Ask([[Charge("burst", "account", ("often",), Bucket(0.0, 0.0, limit))]], 1.0))
            left = emptied.pttl(name) / 1000
            assert 1000 - taken.states[0].remaining + 60 - STEP <= left, number


async def test_a_busy_bucket_s_expiry_is_written_once_in_a_step(redis_server, emptied):
    limit = Limit(1000.0, 1000.0)
    async with takes_over(redis_server.port) as (takes, _):
        takes_, name = 50, Names("acme").of("b", "busy")
        expiries = set()
        for _ in range(takes_):
            await takes.take(Ask([[Charge("burst", "account", ("busy",), Bucket(0.0, 0.0, limit))]], 1.0))
            expiries.add(emptied.execute_command("PEXPIRETIME", name))
        assert len(expiries) <= 2


async def test_the_commands_of_a_check_are_few(redis_server, emptied):
    """Two buckets: a write of each. What a batch needs besides does not grow with it."""
    async with takes_over(redis_server.port) as (takes, _):

        async def commands(checks):
            emptied.config_resetstat()
            keys = [[("own", number, part) for part in ("burst", "daily")] for number in range(checks)]
            await asyncio.gather(*[takes.take(Ask([[charge(key) for key in pair]], 1.0)) for pair in keys])
            stats = emptied.info("commandstats")
            return sum(one["calls"] for name, one in stats.items() if name not in OWN)

        await commands(100), await commands(1)
        one, many = await commands(1), await commands(100)
        assert one == FOR_A_BATCH + 2
        assert many == FOR_A_BATCH + 2 * 100
