"""Requests whose credentials name several accounts: all or none is charged, and the strictest verdict speaks."""

import asyncio
import json
import time

import pytest
from redis_process import running_redis
from small_engine import CAUGHT, NOW, PROVEN, ask, check, drain, push, request, tenant

from reputation.config.file import from_text
from reputation.replicas.checks import SharedChecks
from reputation.sidecar.build import build
from reputation.state.tenant import TenantState
from reputation.stores.redis.store import RedisStore
from reputation.wire.errors import Invalid
from reputation.wire.ids import Ulids, of_text, printed
from reputation.wire.messages import AccountFacts, Outcome, Verdict

TIERS = ("trusted", "standard", "limited", "restricted")
SMALL = {tier: {"burst": 5, "rate": 0.001, "daily": 1000} for tier in TIERS}
LARGE = {tier: {"burst": 50, "rate": 0.001, "daily": 1000} for tier in TIERS}
UNCONFIRMED = {"burst": 8, "rate": 0.001, "daily": 1000}
DENY = {"limited": {"from_risk": 30}, "restricted": {"from_risk": 40}, "blocked": {"from_risk": 50, "decision": "deny"}}
SETTINGS = {
    "plans": {"free": SMALL, "paid": LARGE},
    "unconfirmed": UNCONFIRMED,
    "tiers": DENY,
    "linking": {"enabled": False},
}
IP = "11.0.0.7"


@pytest.fixture
def engine(addresses):
    found = tenant(addresses, **SETTINGS)
    push(found, "small", keys=["sk-small"], plan="free")
    push(found, "large", keys=["sk-large"], plan="paid")
    push(found, "pair", keys=["user:pw"], plan="paid")
    return found


def by(*credentials):
    """What a gateway says of credentials: a key, or a key and the pair that it is the user of."""
    return {
        "credentials": [
            {"key": one} if isinstance(one, str) else {"key": one[0], "full": one[1]} for one in credentials
        ]
    }


def together(engine, *credentials, **body):
    return check(engine, account=by(*credentials), client={"ip": IP}, **body)


def left(engine, account):
    """What is left of an account's burst, which this very question takes one of."""
    return ask(engine, account).limits[0].remaining + 1


def test_a_known_key_counts_rather_than_an_unknown_one_in_either_place(engine):
    for credentials in (("sk-small", "made-up"), ("made-up", "sk-small")):
        assert together(engine, *credentials).limits[0].burst == 5
    assert left(engine, "small") == 3
    assert not len(engine.state.unconfirmed)


def test_two_known_keys_charge_both_accounts_and_the_tightest_limit_is_told(engine):
    verdict = together(engine, "sk-large", "sk-small")
    assert (verdict.decision, verdict.limit.burst, verdict.limit.remaining) == ("allow", 5, 4)
    assert {limit.burst for limit in verdict.limits if limit.name == "burst"} == {5}, "never another account's limits"
    assert (left(engine, "small"), left(engine, "large")) == (4, 49)


@pytest.mark.parametrize("credentials", [("sk-large", "sk-small"), ("sk-small", "sk-large")])
def test_a_request_that_one_account_stops_charges_nobody(engine, credentials):
    drain(engine, "small")
    for _ in range(20):
        verdict = together(engine, *credentials)
        assert (verdict.decision, verdict.limit.burst) == ("throttle", 5)
        assert verdict.retry_after > 0
    assert left(engine, "large") == 50


@pytest.mark.parametrize("credentials", [("sk-large", "sk-bad"), ("sk-bad", "sk-large")])
def test_a_denied_account_is_denied_whoever_it_comes_with_and_charges_nobody(engine, credentials):
    push(engine, "bad", keys=["sk-bad"], plan="paid", **CAUGHT)
    alone = ask(engine, "bad").decision
    assert alone in ("challenge", "deny")
    for _ in range(3):
        assert together(engine, *credentials).decision == alone
    assert left(engine, "large") == 50


def test_two_unknown_keys_are_both_judged_so_a_second_one_gives_no_new_allowance(engine):
    """An attacker who adds another made-up key to each request still draws on the first one's bucket."""
    passed = 0
    for n in range(20):
        verdict = check(engine, account=by("fresh", f"other-{n}"), client={"ip": f"11.0.{n}.1"})
        passed += verdict.decision == "allow"
    assert passed == 5


def test_the_address_budget_of_unknown_keys_is_charged_once(engine):
    for n in range(8):
        assert together(engine, f"a{n}", f"b{n}").decision == "allow"
    assert together(engine, "a", "b").limit.scope == "address"


def test_the_user_alone_is_looked_up_before_user_and_password(engine):
    push(engine, "user", keys=["user"], plan="free")
    assert together(engine, ("user", "user:pw")).limits[0].burst == 5
    push(engine, "user", keys=[], plan="free")
    assert together(engine, ("user", "user:pw")).limits[0].burst == 50


def test_an_unknown_user_is_one_account_whatever_its_password(engine):
    names = {"key:" + printed(of_text("carol", engine.secret))}
    for n in range(3):
        together(engine, ("carol", f"carol:{n}"))
    assert set(engine.state.unconfirmed.names()) == names


def test_one_account_under_two_keys_is_judged_once(engine):
    push(engine, "both", keys=["sk-1", "sk-2"], plan="free")
    together(engine, "sk-1", "sk-2")
    assert left(engine, "both") == 4


def test_what_a_client_presents_is_never_read_as_a_stored_hash(engine):
    stored = printed(of_text("sk-small", engine.secret))
    together(engine, stored)
    together(engine, ("somebody", stored))
    assert left(engine, "small") == 5
    assert check(engine, account={"key": stored}).limits[0].burst == 5, "the API may say a key by its hash"


def test_two_accounts_get_no_lease_and_one_may(engine):
    push(engine, "large", keys=["sk-large"], plan="paid", **PROVEN)
    assert together(engine, "sk-large", "sk-small", lease=True).lease is None
    assert together(engine, "sk-large", "made-up", lease=True).lease is not None


def test_a_request_with_an_id_names_one_account(engine):
    with pytest.raises(Invalid) as refused:
        together(engine, "sk-large", "sk-small", request={"id": "r1"})
    assert refused.value.pointer == "/request/id"
    assert together(engine, "sk-large", "made-up", request={"id": "r1"}) == together(
        engine, "sk-large", "made-up", request={"id": "r1"}
    )


@pytest.mark.parametrize("name", ["ip:11.0.0.7", "key:hk1_" + "a" * 26, "ip:", "key:"])
def test_an_account_may_not_take_the_name_of_an_address_or_an_unknown_key(engine, name):
    """It would share that one's buckets and marks."""
    for refused in (
        lambda: ask(engine, name),
        lambda: push(engine, name, plan="free"),
        lambda: engine.report(Outcome(name, "abuse"), NOW),
    ):
        with pytest.raises(Invalid) as error:
            refused()
        assert "may not begin with ip: or key:" in error.value.detail
        assert error.value.pointer in ("/account/id", "/id", "/account")
    assert ask(engine, "ipv6:1").decision == "allow"
    assert ask(engine, "keys").decision == "allow"


@pytest.mark.parametrize(
    "ip", ["unknown", "203.0.113.7 203.0.113.8", "203.0.113.300", "x" * 200, '"', "fe80::g", "%eth0"]
)
def test_unknown_keys_without_a_usable_address_share_one_allowance(engine, ip):
    for n in range(8):
        assert check(engine, account={"key": f"k{n}"}, client={"ip": ip}).decision == "allow"
    stopped = check(engine, account={"key": "another"}, client={"ip": "also junk"})
    assert (stopped.decision, stopped.limit.scope) == ("throttle", "address")
    assert check(engine, account={"key": "sk-small"}, client={"ip": ip}).decision == "allow", "a known key needs none"
    assert check(engine, account={"key": "another"}, client={"ip": IP}).decision == "allow"


def test_keys_that_look_like_json_web_tokens_are_counted(engine):
    check(engine, account={"key": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"})
    check(engine, account={"key": "sha256:" + "0" * 64, "jwt": True})
    check(engine, account={"key": "eyJ-no-token"})
    assert engine.counts.jwts == 2


class Replica:
    """One sidecar's engine over Redis, without its listeners."""

    def __init__(self, port, addresses):
        self.store = RedisStore(f"redis://127.0.0.1:{port}", TenantState, Quiet(), time.time)
        settings = from_text(json.dumps({"tenants": {"default": SETTINGS}}))
        limiter = build(settings, addresses, b"a hash key of the tests alone", self.store.tenant)
        self.tenant = SharedChecks(limiter, self.store, 1.0).tenant("default")

    async def check(self, *credentials, **body):
        asked = request({"account": by(*credentials), "client": {"ip": IP}, **body})
        found = self.tenant.check(asked, time.time(), Ulids())
        return found if isinstance(found, Verdict) else await found

    async def left(self, account):
        found = self.tenant.check(request({"account": {"id": account}}), time.time(), Ulids())
        verdict = found if isinstance(found, Verdict) else await found
        return verdict.limits[0].remaining + 1

    async def push(self, account, key, plan):
        await self.tenant.commit(self.tenant.limiter.pushing(account, AccountFacts(keys=(key,), plan=plan), 0.0))


class Quiet:
    def warning(self, *_, **__):
        """Nobody reads it here."""


@pytest.mark.gateway
async def test_over_redis_every_candidate_is_looked_up_before_it_is_judged_unknown(tmp_path, addresses):
    """By a replica that has seen none of the accounts, in the very first request."""
    with running_redis(tmp_path) as server:
        one, other = Replica(server.port, addresses), Replica(server.port, addresses)
        await one.push("small", "sk-small", "free")
        await one.push("pair", "user:pw", "paid")
        await one.push("large", "sk-large", "paid")
        assert (await other.check("made-up", "sk-small")).limits[0].burst == 5
        assert (await other.check(("user", "user:pw"), "made-up")).limits[0].burst == 50
        third = Replica(server.port, addresses)
        assert (await third.check("sk-large", "sk-small")).limit.burst == 5
        assert await one.left("large") == pytest.approx(49, abs=0.1)
        while (await other.check("sk-small")).decision == "allow":
            pass
        stopped = await asyncio.gather(*[third.check("sk-large", "sk-small") for _ in range(10)])
        assert {verdict.decision for verdict in stopped} == {"throttle"}
        assert await one.left("large") == pytest.approx(48, abs=0.1)
        server.kill()
        verdict = await third.check("sk-large", "sk-small")
        assert (verdict.degraded, verdict.decision) == (True, "throttle")
        for replica in (one, other, third):
            await replica.store.close()
