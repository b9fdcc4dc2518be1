"""Two replicas over a store of the tests' own: checks and facts are shared, and no part of ours knows the store."""

import json
import time

from small_engine import SECRET, request

from reputation.config.file import from_text
from reputation.replicas.checks import SharedChecks
from reputation.sidecar.build import build
from reputation.state.tenant import TenantState
from reputation.stores.contract import Opening
from reputation.stores.places import PLACES, open_store
from reputation.wire.ids import Ulids
from reputation.wire.messages import AccountFacts, Verdict

LIMITS = {
    tier: {"burst": 20.0, "rate": 1e-6, "daily": 1000} for tier in ("trusted", "standard", "limited", "restricted")
}
SETTINGS = {"tenants": {"default": {"plans": {"free": LIMITS, "paid": LIMITS}, "linking": {"enabled": False}}}}


class Replica:
    def __init__(self, addresses):
        self.store = open_store("dict://two replicas", Opening(TenantState, None, time.time))
        limiter = build(from_text(json.dumps(SETTINGS)), addresses, SECRET, self.store.tenant)
        self.tenant = SharedChecks(limiter, self.store.shared, 1.0).tenant("default")
        self._ids = Ulids()

    async def decide(self, **account):
        found = self.tenant.check(request({"account": account}), time.time(), self._ids)
        return (found if isinstance(found, Verdict) else await found).decision

    async def push(self, account, key):
        body = AccountFacts(plan="free", keys=(key,))
        await self.tenant.commit(self.tenant.limiter.pushing(account, body, time.time()))


async def test_two_replicas_enforce_one_limit_for_an_account_and_its_key(addresses, monkeypatch):
    monkeypatch.setitem(PLACES, "dict", "dict_store.store")
    one, other = Replica(addresses), Replica(addresses)
    await one.push("a", "sk-1")
    decisions = [await one.decide(id="a", plan="free") for _ in range(12)]
    decisions += [await other.decide(key="sk-1", plan="free") for _ in range(12)]
    assert decisions.count("allow") == 20
    for replica in (one, other):
        await replica.store.close()
