"""Facts and marks that replicas share: looked up once, and again when a replica changes them."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
from msgspec import structs
from tcp_proxy import proxy_to

from reputation.engine.changes import marking
from reputation.replicas.account_copies import AccountCopies, LookedUp
from reputation.state.facts import Facts
from reputation.state.history import KEPT, MOST_OF_A_KIND, noted
from reputation.state.tenant import TenantState
from reputation.state.transactions import AccountData, Transaction
from reputation.stores.redis.names import Names
from reputation.stores.redis.store import RedisStore
from reputation.stores.shared_values import AwayError
from reputation.wire.errors import Conflict
from reputation.wire.messages import Organisation, Outcome, Payment

NOW = 1_790_812_800.0
K1, K2, K3 = bytes(range(16)), bytes(range(16, 32)), b"\xc0" * 16
FACTS = Facts(
    created_at=1.5e9, plan="paid", verified=("email", "phone"), organisation=Organisation("corp", verified=True),
    payment=Payment("ok", fingerprint="fp", settled_usd=120.5), keys=(K1, K3), external=(("stripe", "cus_9"),),
)  # fmt: skip


def is_(facts):
    """A change to these facts, whatever they were."""
    return lambda before: before._replace(facts=facts)


def paid(before):
    return before._replace(facts=structs.replace(before.facts, plan="paid"))


class Replica:
    """One sidecar's accounts, and what it heard."""

    def __init__(self, port):
        self.store = RedisStore(f"redis://127.0.0.1:{port}", TenantState, None, time.time)
        self.found, self.heard = [], []
        self.heartbeat = self.store.listen("acme", lambda what, _: self.heard.append(what))
        self.accounts = AccountCopies(self.store.accounts("acme"), 1.0, self.found.append)

    async def push(self, account, facts):
        return await self.accounts.commit(Transaction(account, is_(facts)))

    async def delete(self, account):
        """Whether there was something to forget."""
        return (await self.push(account, None)).before.facts is not None

    async def report(self, account, outcome, at=NOW):
        return await self.accounts.commit(marking(Outcome(account, outcome), at))

    async def load(self, key):
        """Look up, and return what was found last."""
        assert await self.accounts.load(key)
        return self.found[-1] if isinstance(self.found[-1], bytes) else (self.found[-1].name, self.found[-1].data)

    async def beat(self):
        """What the replica hears with its next heartbeat."""
        self.heard.clear()
        await self.heartbeat.beat()
        return self.heard


@asynccontextmanager
async def replicas(port, count=2):
    several = [Replica(port) for _ in range(count)]
    for one in several:
        await one.beat()
    try:
        yield several
    finally:
        for one in several:
            await one.store.close()


@pytest.mark.gateway
async def test_what_one_replica_pushed_another_finds_by_name_and_by_key(redis_server, emptied):
    """Every member comes back as it was, bytes and nested values too."""
    async with replicas(redis_server.port) as (one, other):
        await one.push("a", FACTS)
        assert await other.load("a") == ("a", AccountData(FACTS))
        assert await other.load(K3) == ("a", AccountData(FACTS))


@pytest.mark.gateway
async def test_look_ups_of_one_turn_share_a_script_call_and_nothing_found_is_remembered(redis_server, emptied):
    async with replicas(redis_server.port, 1) as (one,):
        before = emptied.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0)
        await asyncio.gather(*[one.accounts.load(f"a{i}") for i in range(20)], one.accounts.load(K1))
        assert emptied.info("commandstats")["cmdstat_evalsha"]["calls"] == before + 1
        assert [kept for kept in one.found if isinstance(kept, bytes)] == [K1]
        assert all(one.accounts.looked_up.has(key, NOW) for key in ("a0", "a19", K1))


@pytest.mark.gateway
async def test_a_key_of_somebody_else_is_refused_and_nothing_is_kept(redis_server, emptied):
    async with replicas(redis_server.port) as (one, other):
        await one.push("a", FACTS)
        with pytest.raises(Conflict) as refused:
            await other.push("b", Facts(keys=(K2, K3)))
        assert refused.value.pointer == "/keys/1"
        assert await other.load("b") == ("b", AccountData())
        assert await other.load(K2) == K2


@pytest.mark.gateway
async def test_keys_that_are_pushed_no_more_are_free_again(redis_server, emptied):
    async with replicas(redis_server.port) as (one, other):
        await one.push("a", FACTS)
        await one.push("a", Facts(keys=(K1,)))
        await other.push("b", Facts(keys=(K3,)))
        assert await one.delete("a")
        assert not await one.delete("a")
        await other.push("b", Facts(keys=(K1,)))
        assert await one.load(K1) == ("b", AccountData(Facts(keys=(K1,))))


@pytest.mark.gateway
async def test_replicas_hear_of_accounts_and_keys_that_were_changed(redis_server, emptied):
    async with replicas(redis_server.port) as (one, other):
        await one.push("a", Facts(keys=(K1,)))
        await one.report("b", "abuse")
        assert sorted(await other.beat(), key=str) == ["a", "b", K1]
        assert await other.beat() == []
        await one.push("a", Facts(keys=(K1,), plan="paid"))
        assert await other.beat() == ["a"]
        await one.delete("a")
        assert sorted(await other.beat(), key=str) == ["a", K1]


@pytest.mark.gateway
async def test_what_one_replica_changes_follows_from_what_another_did_before(redis_server, emptied):
    """And its copy has both, at once."""
    async with replicas(redis_server.port) as (one, other):
        await one.push("a", Facts(plan="free"))
        await other.report("a", "abuse")
        await one.accounts.commit(Transaction("a", paid))
        assert one.found[-1].data == AccountData(Facts(plan="paid"), noted(b"", "abuse", NOW))


@pytest.mark.gateway
async def test_an_answer_that_comes_late_does_not_take_the_place_of_a_newer_one(redis_server, emptied):
    async with replicas(redis_server.port, 1) as (one,):
        await one.push("a", Facts(plan="free"))
        old = one.found[-1]
        await one.push("a", Facts(plan="paid"))
        one.accounts._take_newer(old, 0)
        assert one.found[-1].data.facts.plan == "paid"


@pytest.mark.gateway
async def test_what_a_server_lost_is_lost_here_too(redis_server, emptied):
    """A copy with a newer number than the server has is not kept for its number."""
    async with replicas(redis_server.port, 1) as (one,):
        await one.push("a", Facts(plan="free"))
        await one.push("a", Facts(plan="paid"))
        emptied.flushall()
        assert await one.load("a") == ("a", AccountData())
        assert one.accounts.looked_up.number("a") == 0
        await one.push("a", Facts(plan="pro"))
        assert one.found[-1].data.facts.plan == "pro"
        assert one.accounts.looked_up.number("a") == 1


@pytest.mark.gateway
async def test_a_turn_that_is_over_leaves_nothing_behind(redis_server, emptied):
    """Transactions of one account wait for each other here, so that none of them is done in vain."""
    async with replicas(redis_server.port, 1) as (one,):
        await one.report("a", "abuse")
        calls = [emptied.info("commandstats")["cmdstat_evalsha"]["calls"]]
        for n in range(5):
            await one.report("a", "abuse", NOW + n)
        calls.append(emptied.info("commandstats")["cmdstat_evalsha"]["calls"])
        await asyncio.gather(*[one.report("a", "abuse", NOW + 5 + n) for n in range(5)])
        calls.append(emptied.info("commandstats")["cmdstat_evalsha"]["calls"])
        assert calls[2] - calls[1] == calls[1] - calls[0]
        assert not one.store.accounts("acme")._turns


@pytest.mark.gateway
async def test_outcomes_add_up_to_a_most_and_last_longer_than_nothing(redis_server, emptied):
    """Of an account that billing never pushed they expire in the end; pushed facts do not."""
    async with replicas(redis_server.port, 1) as (one,):
        await one.report("a", "abuse")
        await one.report("a", "good", NOW + 1)
        assert 0 < emptied.ttl(Names("acme").of("a", "a")) <= KEPT
        await one.push("a", FACTS)
        assert emptied.ttl(Names("acme").of("a", "a")) == -1
        kept = noted(noted(b"", "abuse", NOW), "good", NOW + 1)
        for n in range(MOST_OF_A_KIND + 5):
            await one.report("a", "abuse", NOW + 2 + n)
            kept = noted(kept, "abuse", NOW + 2 + n)
        assert await one.load("a") == ("a", AccountData(FACTS, kept))
        await one.delete("a")
        assert await one.load("a") == ("a", AccountData(None, kept))


@pytest.mark.gateway
async def test_who_missed_too_much_or_met_an_empty_server_reads_everything_anew(redis_server, emptied):
    async with replicas(redis_server.port) as (one, other):
        await one.push("a", FACTS)
        await other.beat()
        emptied.hset(Names("acme").single("clock"), "floor", 10**6)
        emptied.hincrby(Names("acme").single("clock"), "number", 2 * 10**6)
        assert await other.beat() == [None]
        emptied.flushall()
        assert await other.beat() == [None]
        assert await other.beat() == []


@pytest.mark.gateway
async def test_the_list_of_changes_is_bounded(redis_server, emptied):
    """Each thing once, and of many the newest; who is behind the floor is told."""
    async with replicas(redis_server.port) as (one, other):
        changes, clock = Names("acme").single("changes"), Names("acme").single("clock")
        emptied.zadd(changes, {f"a:old{i}": i + 1 for i in range(50_000)})
        emptied.hset(clock, "number", 50_000)
        await other.beat()
        for _ in range(3):
            await one.push("a", FACTS)
        assert emptied.zcard(changes) == 50_000
        assert int(emptied.hget(clock, "floor")) == 3


@pytest.mark.gateway
async def test_replicas_are_counted_while_they_live(redis_server, emptied):
    async with replicas(redis_server.port, 3) as several:
        await several[0].beat()
        assert several[0].heartbeat.replicas == 3
        live = Names("acme").single("replicas")
        gone = emptied.zrange(live, 0, 0)[0]
        emptied.zincrby(live, -60, gone)
        await several[2].beat()
        assert several[2].heartbeat.replicas == 2


@pytest.mark.gateway
async def test_a_look_up_that_fails_is_not_remembered(redis_server, emptied):
    async with proxy_to(redis_server.port) as proxy, replicas(proxy.port, 1) as (one,):
        proxy.cut()
        proxy.swallow = 10
        assert not await one.accounts.load("a")
        assert not one.accounts.looked_up.has("a", NOW)
        with pytest.raises(AwayError):
            await one.push("a", FACTS)
        proxy.swallow = 0
        assert await one.accounts.load("a")


@pytest.mark.gateway
async def test_a_look_up_goes_out_again_once_where_its_connection_was_cut(redis_server, emptied):
    async with proxy_to(redis_server.port) as proxy, replicas(proxy.port, 1) as (one,):
        await one.push("a", FACTS)
        proxy.swallow = 1
        assert await one.load("a") == ("a", AccountData(facts=FACTS))
        assert len(proxy.swallowed) == 1


@pytest.mark.gateway
async def test_who_is_found_by_key_is_looked_up_by_name_too(redis_server, emptied):
    async with replicas(redis_server.port) as (one, other):
        await one.push("a", FACTS)
        assert not other.accounts.looked_up.has("a", NOW)
        assert (await other.load(K1))[0] == "a"
        assert other.accounts.looked_up.has("a", NOW)
        assert other.accounts.looked_up.has(K1, NOW)


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ((299, 301), True),
        ((300,), True),
        ((301, 601), True),
        ((301, 602), False),
        ((600.5,), True),
        ((250, 520), True),
        ((250, 450, 599), True),
        ((301, 601, 602), False),
    ],
)
def test_a_name_that_was_looked_up_is_forgotten_with_the_second_turn_of_half_the_window(asked, there):
    """asked: seconds after it was looked up at which something was asked for; there: whether the last one finds it."""
    looked_up = LookedUp(window=600.0)
    assert not looked_up.has("a", NOW)
    looked_up.add("a")
    assert [looked_up.has("a", NOW + later) for later in asked][-1] == there


def test_a_name_that_was_looked_up_later_stays_longer():
    looked_up = LookedUp(window=600.0)
    looked_up.has("a", NOW)
    looked_up.add("a")
    looked_up.has("a", NOW + 250)
    looked_up.add("b")
    assert looked_up.has("b", NOW + 301)
    assert (looked_up.has("a", NOW + 602), looked_up.has("b", NOW + 602)) == (False, False)
    looked_up.add("b")
    assert looked_up.has("b", NOW + 602)


def test_a_window_is_ten_minutes_and_half_a_million_names_are_a_generation():
    looked_up = LookedUp()
    looked_up.has("a", NOW)
    looked_up.add("a")
    assert [looked_up.has("a", NOW + later) for later in (300, 301, 601, 602)] == [True, True, True, False]
    assert looked_up._half == 500_000


def test_a_name_of_the_older_generation_is_forgotten_too():
    looked_up = LookedUp(window=600.0)
    looked_up.has("a", NOW)
    looked_up.add("a")
    assert looked_up.has("a", NOW + 301)
    looked_up.forget("a")
    assert not looked_up.has("a", NOW + 301)


def test_a_copy_that_has_the_change_already_is_kept():
    looked_up = LookedUp()
    looked_up.add("a", 7)
    looked_up.heard("a", 7)
    assert looked_up.has("a", 0.0)
    looked_up.heard("a", 8)
    assert not looked_up.has("a", 0.0)
    looked_up.add("b")
    looked_up.heard("b", 1)
    assert "b" not in looked_up


def test_the_newest_number_stays_whatever_is_added_after_it():
    looked_up = LookedUp(most=4)
    looked_up.add("a", 7)
    looked_up.add("a", 5)
    looked_up.add("a")
    assert looked_up.number("a") == 7
    for other in "bc":
        looked_up.add(other)
    assert (looked_up.number("a"), "a" in looked_up) == (7, True)
    looked_up.add("a")
    assert looked_up.number("a") == 7


def test_a_replica_that_missed_something_forgets_every_name_and_number():
    looked_up = LookedUp(most=4)
    for number, name in enumerate("abc", 1):
        looked_up.add(name, number)
    looked_up.clear()
    assert len(looked_up) == 0
    assert [looked_up.number(name) for name in "abc"] == [0, 0, 0]


def test_a_flood_of_names_is_bounded():
    looked_up = LookedUp(most=100)
    for i in range(1000):
        looked_up.add(f"a{i}")
    assert len(looked_up) <= 100
    assert looked_up.has("a999", NOW)
