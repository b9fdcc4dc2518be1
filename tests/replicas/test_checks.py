"""Replicas that share Redis: one truth, and while it is away a share each, at once, and charged later."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from functools import partial

import pytest
from redis_process import becomes, running_redis
from small_engine import SECRET, request
from tcp_proxy import proxy_to

from reputation.config.file import from_text
from reputation.engine.changes import deleting, marking
from reputation.replicas.checks import SharedChecks
from reputation.sidecar.build import build
from reputation.state.tenant import TenantState
from reputation.stores.redis.store import RedisStore
from reputation.wire.errors import Conflict, Invalid, NotFound, Unavailable
from reputation.wire.ids import Ulids
from reputation.wire.messages import Account, AccountFacts, Client, LeaseReport, Outcome, Settle, Verdict

pytestmark = pytest.mark.gateway
BURST, RATE = 20.0, 0.001
TIERS = ("trusted", "standard", "limited", "restricted")
LIMITS = {"entry": "off", **{tier: {"burst": BURST, "rate": RATE, "daily": 100_000} for tier in TIERS}}
SETTINGS = {"plans": {"free": LIMITS, "paid": LIMITS}, "linking": {"enabled": False}}
FACTS = {"plan": "free", "created_at": 1.5e9}


class Log:
    """Events that were logged."""

    def __init__(self):
        self.events = []

    def warning(self, event, **_):
        self.events.append(event)


class Replica:
    """One sidecar's engine over Redis, without its listeners."""

    def __init__(self, port, addresses, within=1.0, make=TenantState, **settings):
        self.log = Log()
        self.store = RedisStore(f"redis://127.0.0.1:{port}", make, self.log, time.time)
        text = json.dumps({"tenants": {"default": {**SETTINGS, **settings}}})
        self.limiter = build(from_text(text), addresses, SECRET, self.store.tenant)
        self.state = SharedChecks(self.limiter, self.store, within)
        self.tenant = self.state.tenant("default")
        self._new_id = Ulids()
        self._run = asyncio.create_task(self.store.run())

    async def ask(self, account="a", facts=FACTS, **body):
        found = self.answer(account, facts, **body)
        return found if isinstance(found, Verdict) else await found

    def answer(self, account="a", facts=FACTS, call=None, **body):
        return self.check({"account": {"id": account, **facts}, "request": call or {}, **body})

    def check(self, body):
        return self.state.check(request(body), time.time(), self._new_id)

    async def push(self, account, body):
        return await self.tenant.commit(self.tenant.limiter.pushing(account, body, time.time()))

    async def decide(self, body):
        found = self.check(body)
        return (found if isinstance(found, Verdict) else await found).decision

    async def passes(self, times, account="a", **body):
        """How many of so many requests, asked at once, are let through."""
        answers = await asyncio.gather(*[self.ask(account, **body) for _ in range(times)])
        return sum(answer.decision == "allow" for answer in answers)

    async def is_away(self):
        return self.store.degraded

    async def come_back(self):
        await becomes(self.is_away, expected=False, within=5)

    async def close(self):
        self._run.cancel()
        await asyncio.gather(self._run, return_exceptions=True)
        await self.store.close()


@asynccontextmanager
async def replicas(port, addresses, count=1, **settings):
    several = [Replica(port, addresses, **settings) for _ in range(count)]
    for one in several:
        await one.store._beat("default")
    for one in several:
        await one.store._beat("default")
    try:
        yield several
    finally:
        for one in several:
            await one.close()


async def test_the_checks_of_a_turn_share_their_tasks(port, addresses):
    """What a check over shared state costs more than an embedded one: a batch has a few tasks, its checks have none."""
    async with replicas(port, addresses) as (one,):
        await one.passes(40)
        started, loop = [], asyncio.get_running_loop()
        loop.set_task_factory(lambda loop, work, **more: started.append(work) or asyncio.Task(work, loop=loop, **more))
        batches, heard = one.tenant.takes.batches, []
        for _ in range(40):
            one.answer().hear(lambda verdict, error: heard.append((verdict, error)))

        async def answered():
            return len(heard)

        await becomes(answered, expected=40)
        loop.set_task_factory(None)
        assert {error for _, error in heard} == {None}
        assert one.tenant.takes.batches == batches + 1
        assert len(started) < 20  # with those of heartbeats


async def test_two_replicas_together_let_no_more_through_than_the_limit(port, addresses):
    async with replicas(port, addresses, 2) as (one, other):
        passed = await asyncio.gather(one.passes(30), other.passes(30))
        assert sum(passed) == BURST
        denied = await one.ask()
        assert denied.decision == "throttle"
        assert denied.retry_after == pytest.approx(1 / RATE, rel=0.01)
        assert not denied.degraded


async def test_a_check_that_was_answered_before_is_answered_the_same_and_charged_once(port, addresses):
    """Asked again later, and twice at once."""
    async with replicas(port, addresses) as (one,):
        call = {"id": "r1", "cost": 5}
        first, second = await asyncio.gather(one.ask(call=call), one.ask(call=call))
        assert first == second == await one.ask(call=call)
        assert (await one.ask()).limit.remaining == pytest.approx(BURST - 6, abs=0.1)


async def test_a_check_that_another_replica_answered_is_charged_once(port, addresses):
    """A gateway that tries again may come to another sidecar; a denied request is judged again, for it cost nothing."""
    async with replicas(port, addresses, 2) as (one, other):
        call = {"id": "r1", "cost": 15}
        assert (await one.ask(call=call)).decision == "allow"
        again = await other.ask(call=call)
        assert again.decision == "allow"
        assert again.limit.remaining == pytest.approx(BURST - 15, abs=0.1)
        assert (await other.ask(call={**call, "id": "r2"})).decision == "throttle"
        assert (await one.ask(call={"id": "r2"})).decision == "allow"


async def test_a_repeat_at_another_replica_has_the_first_one_s_id_and_settles_its_hold(port, addresses):
    async with replicas(port, addresses, 2) as (one, other):
        call = {"id": "r1", "cost": 10, "hold": True}
        first, again = await one.ask(call=call), await other.ask(call=call)
        assert (again.id, again.decision) == (first.id, "allow")
        await other.state.settle(Settle(verdict=again.id, actual=2.0), time.time())
        assert (await one.ask()).limit.remaining == pytest.approx(BURST - 3, abs=0.1)


async def test_the_id_of_another_request_is_a_conflict_at_every_replica_and_charges_nothing(port, addresses):
    """Also of one that is being answered right now."""
    async with replicas(port, addresses, 2) as (one, other):
        call = {"id": "r1", "cost": 2, "route": "/a"}
        await one.ask(call=call)
        for replica in (one, other):
            for more in ({"cost": 3}, {"route": "/b"}, {"hold": True}):
                with pytest.raises(Conflict):
                    await replica.ask(call={**call, **more})
            with pytest.raises(Conflict):
                await replica.ask("b", call=call)
        found = await asyncio.gather(
            other.ask(call={"id": "r2"}), other.ask(call={"id": "r2", "cost": 2}), return_exceptions=True
        )
        assert [type(one) for one in found] == [Verdict, Conflict]
        assert (await one.ask()).limit.remaining == pytest.approx(BURST - 4, abs=0.1)
        assert (await one.ask("b")).limit.remaining == pytest.approx(BURST - 1, abs=0.1)


async def test_a_stop_is_judged_again_at_every_replica_when_its_wait_is_over(port, addresses):
    """Within its wait the replica that gave it repeats it; another judges again, which charges nothing."""
    fast = {tier: {"burst": 1, "rate": 5, "daily": 100_000} for tier in TIERS}
    async with replicas(port, addresses, 2, plans={"free": fast}) as (one, other):
        assert (await one.ask()).decision == "allow"
        stop = await one.ask(call={"id": "r1"})
        assert stop.decision == "throttle"
        assert (await other.ask(call={"id": "r1"})).decision == "throttle"

        async def passed():
            return (await other.ask(call={"id": "r1"})).decision

        await becomes(passed, expected="allow", within=2)


def in_names_of(*accounts, cost=1):
    return [request({"account": {"id": name, **FACTS}, "request": {"cost": cost}}) for name in accounts]


async def both(replica, *accounts, cost=1):
    """One request in the names of several accounts: whether it passes, and what each still has."""
    found = replica.state.check_all(in_names_of(*accounts, cost=cost), time.time(), replica._new_id)
    found = found if isinstance(found, list) else await found
    return all(one.verdict.decision == "allow" for one in found), [round(one.verdict.limit.remaining) for one in found]


async def test_a_request_in_several_names_charges_all_of_them_or_none_over_all_replicas(port, addresses):
    async with replicas(port, addresses, 2) as (one, other):
        assert await both(one, "a", "b", cost=15) == (True, [5, 5])
        assert await both(other, "b", "c", cost=10) == (False, [5, 20])
        assert await both(one, "c", "a", cost=5) == (True, [15, 0])
        found = await asyncio.gather(*[both(replica, "x", "y") for replica in (one, other) for _ in range(15)])
        assert sum(passed for passed, _ in found) == BURST
        assert await both(other, "x", "c") == (False, [0, 15])


async def test_while_redis_is_dead_a_request_in_several_names_is_all_or_none_too(tmp_path, addresses):
    with running_redis(tmp_path) as server:
        async with replicas(server.port, addresses, within=0.3) as (one,):
            assert await both(one, "a", "b", cost=15) == (True, [5, 5])
            server.stop()
            assert await both(one, "a", "c", cost=10) == (False, [5, 20])
            assert one.limiter.tenant("default").state.degraded
            assert await both(one, "c", "b", cost=5) == (True, [15, 0])


async def test_facts_outcomes_and_keys_reach_another_replica_within_two_seconds(port, addresses):
    async with replicas(port, addresses, 2) as (one, other):
        unknown = await other.ask(facts={}, account="billed")
        assert not [r for r in unknown.reasons if r.signal == "outcomes_against"]
        await one.push("billed", AccountFacts(plan="paid", keys=("key-1",)))
        await one.tenant.commit(marking(Outcome("billed", "chargeback"), time.time()))

        async def reasons():
            body = {"account": {"key": "key-1"}}
            verdict = other.state.check(request(body), time.time(), Ulids())
            verdict = verdict if isinstance(verdict, Verdict) else await verdict
            return "outcomes_against" in [reason.signal for reason in verdict.reasons]

        await becomes(reasons, expected=True, within=2)
        with pytest.raises(Conflict):
            await other.push("thief", AccountFacts(keys=("key-1",)))
        assert (await one.tenant.commit(deleting("billed"))).before.facts is not None
        await becomes(reasons, expected=False, within=2)
        with pytest.raises(NotFound):
            await one.tenant.commit(deleting("billed"))


async def test_a_hold_is_settled_on_another_replica(port, addresses):
    async with replicas(port, addresses, 2) as (one, other):
        held = await one.ask(call={"cost": 10, "hold": True})
        settled = await other.state.settle(Settle(verdict=held.id, actual=3.0), time.time())
        assert settled.charged == 3.0
        assert (await one.ask()).limit.remaining == pytest.approx(BURST - 4, abs=0.1)
        with pytest.raises(NotFound):
            await other.state.settle(Settle(verdict="none", actual=3.0), time.time())


async def test_a_settlement_at_another_replica_is_bounded_and_for_its_own_key_alone(port, addresses):
    """What is refused changes nothing, and a foreign report in a check gives nothing back."""
    async with replicas(port, addresses, 2) as (one, other):
        held = await one.ask(call={"cost": 1, "hold": True})
        with pytest.raises(Invalid):
            await other.state.settle(Settle(verdict=held.id, actual=101.0), time.time())
        client = Client(ip="203.0.113.7")
        leased = await one.ask("b", client={"ip": "203.0.113.7"}, lease=True)
        tokens = leased.lease.tokens
        assert tokens > 0
        foreign = LeaseReport(leased.lease.id, 0, account=Account(id="a"), client=client)
        for body in (
            Settle(leases=(foreign,)),
            Settle(verdict=held.id, actual=1.0, leases=(foreign,)),
            Settle(leases=(LeaseReport("made up", 0),)),
        ):
            with pytest.raises(NotFound):
                await other.state.settle(body, time.time())
        await other.ask("c", leases=[{"id": leased.lease.id, "used": 0}])
        assert (await other.ask("b")).limit.remaining == pytest.approx(BURST - 2 - tokens, abs=0.1)
        own = LeaseReport(leased.lease.id, 0, account=Account(id="b"), client=client)
        settled = await other.state.settle(Settle(verdict=held.id, actual=100.0, leases=(own,)), time.time())
        assert (settled.charged, settled.leases[0].charged) == (100.0, 0.0)
        assert (await one.state.settle(Settle(verdict=held.id, actual=1e9), time.time())).charged == 100.0
        assert (await one.ask("b")).limit.remaining == pytest.approx(BURST - 3, abs=0.1)


async def test_shadow_mode_charges_buckets_of_its_own(port, addresses):
    async with replicas(port, addresses, mode="shadow") as (one,):
        assert await one.passes(30) == 30
    async with replicas(port, addresses) as (one,):
        assert await one.passes(30) == BURST


async def test_while_redis_is_dead_each_replica_goes_on_with_its_share_and_nobody_waits(tmp_path, addresses):
    """And what they took is charged when it is back, with nothing in it."""
    with running_redis(tmp_path) as server:
        async with replicas(server.port, addresses, 2) as both:
            one, other = both
            assert sum([await one.passes(2), await other.passes(2)]) == 4
            server.kill()
            asked = await asyncio.gather(one.ask("b"), other.ask("b"))
            assert [v.degraded for v in asked] == [True, True]
            assert await one.passes(30) + await other.passes(30) == pytest.approx(BURST - 4, abs=2)
            answers = [one.answer("c") for _ in range(5)]
            assert all(isinstance(answer, Verdict) for answer in answers)
            assert one.store.degraded
            server.start()
            await asyncio.gather(one.come_back(), other.come_back())
            assert one.log.events[0] == "state_away"
            assert one.log.events[-1] == "state_back"
            left = await one.ask("c")
            assert not left.degraded
            assert left.limit.remaining == pytest.approx(BURST - 6, abs=0.1)


async def test_a_tenant_that_chose_closed_answers_503_and_one_that_chose_open_lets_pass(tmp_path, addresses):
    with running_redis(tmp_path) as server:
        async with (
            replicas(server.port, addresses, on_state_loss="closed") as (closed,),
            replicas(server.port, addresses, on_state_loss="open") as (opened,),
        ):
            assert await opened.passes(5) == 5
            server.kill()
            with pytest.raises(Unavailable):
                await closed.ask()
            assert await opened.passes(100) == 100
            assert (await opened.ask()).degraded
            server.start()
            await asyncio.gather(closed.come_back(), opened.come_back())
            owed = (BURST - 5) / 2  # all that its share held; the other replica's half was not touched
            assert (await closed.ask()).limit.remaining == pytest.approx(BURST - owed - 1, abs=0.1)


async def test_a_pause_of_the_server_is_bridged_and_what_it_ran_late_is_charged_once(port, redis_server, addresses):
    async with replicas(port, addresses, within=0.1) as (one,):
        assert await one.passes(3) == 3
        with redis_server.client() as client:
            client.execute_command("CLIENT", "PAUSE", 800, "ALL")
        begun = time.monotonic()
        assert await one.passes(4) == 4
        assert time.monotonic() - begun < 0.5
        assert one.store.degraded
        await one.come_back()
        assert (await one.ask()).limit.remaining == pytest.approx(BURST - 8, abs=0.1)


async def test_connection_resets_are_not_noticed(port, addresses):
    """The take goes out again on a new connection; no check falls back to a share."""
    async with proxy_to(port) as proxy, replicas(proxy.port, addresses) as (one,):
        for round_ in range(5):
            assert await one.passes(2) == 2
            proxy.cut()
            assert not one.store.degraded, round_
        assert (await one.ask()).limit.remaining == pytest.approx(BURST - 11, abs=0.1)


async def test_a_partition_costs_one_time_out_and_then_nothing(port, addresses):
    async with proxy_to(port) as proxy, replicas(proxy.port, addresses, within=0.1) as (one,):
        assert await one.passes(2) == 2
        proxy.hold()
        assert await one.passes(2) == 2
        begun = time.monotonic()
        for i in range(50):
            assert isinstance(one.answer(f"b{i}"), Verdict)
        assert time.monotonic() - begun < 0.1
        proxy.release()
        await one.come_back()
        assert (await one.ask()).limit.remaining == pytest.approx(BURST - 5, abs=0.1)


async def test_a_replica_that_starts_without_redis_goes_on_alone(addresses):
    async with replicas(1, addresses) as (one,):
        assert await one.passes(30) == BURST
        assert (await one.ask("b")).degraded
        settled = await one.state.settle(Settle(verdict="v", actual=1.0), time.time())
        assert settled.charged is None


async def test_a_flood_of_made_up_keys_leaves_redis_as_few_buckets_as_there_are_places(redis_server, port, addresses):
    """Newcomers that find no place share their network's bucket there too, on all replicas."""
    async with replicas(port, addresses, 2, make=partial(TenantState, 1000, 100)) as (one, other):
        for start in range(0, 1000, 100):
            ip = f"11.0.{start // 500}.{start // 10}"
            bodies = [{"account": {"key": f"made-up-{start + i}"}, "client": {"ip": ip}} for i in range(100)]
            await asyncio.gather(*[side.decide(body) for body in bodies for side in (one, other)])
        with redis_server.client() as client:
            names = [name for name in client.keys("*") if b'["own' in name or b'["newcomers' in name]
        assert sum(b'["newcomers' in name for name in names) == 2 * 2
        assert len(names) <= 2 * (2 * 100 + 2)
        late = {"account": {"key": "late"}, "client": {"ip": "11.0.1.99"}}
        assert [await side.decide(late) for side in (one, other)] == ["throttle"] * 2
        assert await one.decide({"account": {"key": "late"}, "client": {"ip": "12.0.0.1"}}) == "allow"
