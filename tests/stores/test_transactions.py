"""The contract of transactions: every store passes this suite, and so does whoever opens the same state later."""

import asyncio
import tempfile
import time
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import structlog
from msgspec import structs
from redis_process import SERVERS

from reputation.replicas.account_copies import AccountCopies
from reputation.state.facts import Facts, from_push
from reputation.state.outcomes import MOST, noted
from reputation.state.records import ABSENT
from reputation.state.tenant import TenantState
from reputation.state.transactions import Document, Stale, Told, Transaction, put_in_force
from reputation.stores.memory import MemoryStore
from reputation.stores.redis.store import RedisStore
from reputation.stores.sqlite.store import SqliteStore
from reputation.wire.errors import Conflict
from reputation.wire.messages import AccountFacts, IpAddress, Organisation, Payment, Seconds, Signup

K1, K2 = bytes(range(16)), bytes(range(16, 32))
EVERYTHING = Facts(
    created_at=1.5e9, plan="paid", verified=("email",), organisation=Organisation("corp", verified=True),
    payment=Payment("ok", "fp", "credit", "411111", "US", 120.5, 1, 0, 20.5), email_domain="example.org",
    signup=Signup(1.4e9, "203.0.113.7", "t13d", "agent", "business", "mobile", "https://example.org/", 41.0),
    keys=(K1, K2), external=(("stripe", "cus_9"),), payment_at=1.6e9, billing=b"\x90",
)  # fmt: skip
TENANT = "acme"


class Embedded:
    """A store in this process; `later` is what opens the same state after it."""

    def __init__(self, store, later=None):
        self.store = store
        self._later = later

    async def commit(self, asked):
        return await self.store.commit(TENANT, asked)

    async def told(self, account):
        state = self.store.tenant(TENANT)
        row = state.row(account)
        if row is None:
            return Told()
        return Told(row.facts if account in state.known else None, row.outcomes)

    async def owner(self, key):
        return self.store.tenant(TENANT).owners.get(key)

    async def document(self, id_):
        return await self.store.records.get(TENANT, "seen", id_)

    async def close(self):
        await self.store.close()

    @asynccontextmanager
    async def later(self):
        """The state as a process finds it that starts after this one was killed."""
        if self._later is None:
            yield self
            return
        self.store._writer.shutdown()
        self.store._file.close()
        again = self._later()
        try:
            yield again
        finally:
            await again.close()


class Shared:
    """One replica over Redis, with the copy that its checks would read."""

    def __init__(self, url):
        self._url = url
        self.store = RedisStore(url, TenantState, None, time.time)
        self.state = self.store.tenant(TENANT)
        self.accounts = AccountCopies(self.store.accounts(TENANT), 2.0, self._take_in)

    def _take_in(self, found):
        if isinstance(found, bytes):
            self.state.owners.pop(found, None)
        else:
            put_in_force(self.state, found.name, found.told, time.time())

    async def commit(self, asked):
        return await (self.accounts.commit(asked) if asked.account else self.store.commit(TENANT, asked))

    async def told(self, account):
        row = self.state.row(account)
        copied = Told()
        if row is not None:
            copied = Told(row.facts if account in self.state.known else None, row.outcomes)
        assert copied == (await self.accounts.read(account)).told
        return copied

    async def owner(self, key):
        self.accounts.looked_up.forget(key)
        assert await self.accounts.load(key)
        return self.state.owners.get(key)

    async def document(self, id_):
        return await self.store.records.get(TENANT, "seen", id_)

    async def close(self):
        await self.store.close()

    @asynccontextmanager
    async def later(self):
        again = Shared(self._url)
        await again.accounts.load("a")
        try:
            yield again
        finally:
            await again.close()


def embedded_file():
    return opened(Path(tempfile.mkdtemp(prefix="headcount-")) / "state.sqlite3")


def opened(path):
    store = SqliteStore(path, TenantState, structlog.get_logger(), time.time)
    return Embedded(store, partial(opened, path))


STORES = {"memory": lambda: Embedded(MemoryStore()), "sqlite": embedded_file}


@pytest.fixture(params=[*sorted(STORES), *(pytest.param(kind, marks=pytest.mark.gateway) for kind in SERVERS)])
def make(request, servers):
    """Opens the store; over Redis each call is a replica of its own."""
    if request.param in STORES:
        return STORES[request.param]
    server = servers(request.param)
    with server.client() as client:
        client.flushall()
    return lambda: Shared(server.url)


ABUSE = noted(b"", "abuse", 1.6e9)


def is_(facts, *outcomes):
    """These facts, whatever they were, and outcomes beside those before."""

    def change(before):
        kept = before.outcomes
        for outcome in outcomes:
            kept = noted(kept, outcome, 1.6e9)
        return Told(facts, kept)

    return change


def earns(usd, *outcomes):
    """One more payment, whatever was settled before."""

    def change(before):
        facts = before.facts or Facts()
        payment = facts.payment or Payment()
        money = structs.replace(payment, settled_usd=(payment.settled_usd or 0.0) + usd)
        return is_(structs.replace(facts, payment=money), *outcomes)(before)

    return change


async def test_every_member_of_facts_comes_back_as_it_was_also_to_whoever_starts_later(make):
    one = make()
    told = Told(EVERYTHING, noted(noted(b"", "good", 1.6e9), "abuse", 1.6e9))
    done = await one.commit(Transaction("a", is_(EVERYTHING, "good", "abuse"), (Document("seen", "1", b"x"),)))
    assert (done.before, done.after, done.versions) == (Told(), told, (1,))
    assert await one.told("a") == told
    async with one.later() as again:
        assert await again.told("a") == told
        assert (await again.owner(K1), await again.owner(K2)) == ("a", "a")
        assert (await again.document("1")).body == b"x"
        free = structs.replace(EVERYTHING, plan="free")
        await again.commit(
            Transaction("a", lambda before: before._replace(facts=structs.replace(before.facts, plan="free")))
        )
        assert await again.told("a") == told._replace(facts=free)


async def test_times_of_nought_are_times(make):
    """As the wire has them; what is kept of them can be written again."""
    one = make()
    body = AccountFacts(created_at=Seconds(0.0), signup=Signup(at=Seconds(0.0), ip=IpAddress("::")))
    await one.commit(Transaction("a", is_(from_push(body, ()))))
    async with one.later() as again:
        kept = Facts(created_at=0.0, signup=Signup(at=0.0, ip="::"))
        assert await again.told("a") == Told(kept)
        await again.commit(Transaction("a", lambda before: is_(before.facts, "good")(before)))
        assert await again.told("a") == Told(kept, noted(b"", "good", 1.6e9))


async def test_a_hundred_at_once_follow_from_each_other(make):
    """Money is the sum, and each document was put once."""
    one = make()
    added = [
        one.commit(Transaction("a", earns(10.0, "abuse"), (Document("seen", str(i), b"", ABSENT),))) for i in range(100)
    ]
    await asyncio.gather(*added)
    told = await one.told("a")
    assert (told.facts.payment.settled_usd, told.outcomes) == (1000.0, MOST * ABUSE)
    async with one.later() as again:
        assert await again.told("a") == told


async def test_a_document_of_another_version_keeps_everything_as_it_was(make):
    one = make()
    once = Transaction("a", earns(10.0, "abuse"), (Document("other", "1", b"y"), Document("seen", "1", b"x", ABSENT)))
    outcomes = await asyncio.gather(one.commit(once), one.commit(once), one.commit(once), return_exceptions=True)
    stale = [outcome for outcome in outcomes if isinstance(outcome, Stale)]
    assert [outcome.place for outcome in stale] == [1, 1]
    assert await one.told("a") == Told(Facts(payment=Payment(settled_usd=10.0)), ABUSE)
    async with one.later() as again:
        assert (await again.told("a")).facts.payment.settled_usd == 10.0
        assert (await again.document("1")).version == 1


async def test_a_key_of_another_account_is_refused_and_nothing_is_kept(make):
    one = make()
    await one.commit(Transaction("a", is_(Facts(keys=(K1,)))))
    with pytest.raises(Conflict) as refused:
        await one.commit(Transaction("b", is_(Facts(keys=(K2, K1)), "abuse"), (Document("seen", "1", b"x"),)))
    assert refused.value.pointer == "/keys/1"
    assert await one.told("b") == Told()
    assert (await one.owner(K2), await one.document("1")) == (None, None)


async def test_keys_move_between_accounts_and_belong_to_one_at_a_time(make):
    one = make()
    await one.commit(Transaction("a", is_(Facts(keys=(K1, K2)))))
    for owner, other in (("b", "a"), ("a", "b"), ("b", "a")):
        await one.commit(Transaction(other, is_(Facts())))
        await one.commit(Transaction(owner, is_(Facts(keys=(K1, K2)))))
        assert (await one.owner(K1), await one.owner(K2)) == (owner, owner)
    async with one.later() as again:
        assert (await again.owner(K1), (await again.told("a")).facts) == ("b", Facts())


async def test_a_deletion_forgets_facts_and_keys_and_keeps_outcomes(make):
    """A chargeback is not undone by deleting the account and pushing it again."""
    one = make()
    await one.commit(Transaction("a", is_(EVERYTHING, "abuse")))
    await one.commit(Transaction("a", is_(None)))
    assert (await one.told("a"), await one.owner(K1)) == (Told(None, ABUSE), None)
    async with one.later() as again:
        assert await again.told("a") == Told(None, ABUSE)
        await again.commit(Transaction("a", is_(Facts(plan="paid"))))
        assert await again.told("a") == Told(Facts(plan="paid"), ABUSE)


async def test_what_a_change_refuses_is_refused_and_nothing_is_kept(make):
    class RefusedError(Exception):
        pass

    def refuse(_):
        raise RefusedError

    one = make()
    with pytest.raises(RefusedError):
        await one.commit(Transaction("a", refuse, (Document("seen", "1", b"x"),)))
    assert (await one.told("a"), await one.document("1")) == (Told(), None)


async def test_a_document_can_tell_of_the_facts_before_and_after(make):
    """Such as a line of the audit log; of changes at the same time each tells of its own."""
    one = make()
    await one.commit(Transaction("a", earns(1.0)))

    def usd(before, after):
        return f"{before.payment.settled_usd:g} {after.payment.settled_usd:g}".encode()

    lines = [Document("seen", str(i), usd, ABSENT) for i in range(9)]
    await asyncio.gather(*[one.commit(Transaction("a", earns(1.0), documents=(line,))) for line in lines])
    told = [(await one.document(str(i))).body for i in range(9)]
    assert sorted(told) == [f"{n} {n + 1}".encode() for n in range(1, 10)]


@pytest.mark.gateway
@pytest.mark.parametrize("kind", sorted(SERVERS))
async def test_changes_on_three_replicas_at_once_follow_from_each_other(servers, kind):
    server = servers(kind)
    with server.client() as client:
        client.flushall()
    several = [Shared(server.url) for _ in range(3)]
    await asyncio.gather(*[several[i % 3].commit(Transaction("a", earns(10.0, "abuse"))) for i in range(60)])
    for one in several:
        await one.accounts.read("a")
        told = await one.told("a")
        assert (told.facts.payment.settled_usd, told.outcomes) == (600.0, MOST * ABUSE)
        await one.close()
