"""Who makes the links that replicas share, step by step: the same parts as in a sidecar, without its processes."""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from msgspec import structs
from redis_process import becomes, running_cluster

from geoip.book import AddressBook
from reputation.config.file import DEFAULT
from reputation.config.tenants import TenantSettings
from reputation.hydra.links import NOTHING
from reputation.hydra.sightings import OperatorRuling, OutcomeNote
from reputation.linking.host import LinkerHost
from reputation.replicas.linking import ReplicatedLinking
from reputation.replicas.tenant_links import TenantLinking
from reputation.replicas.tenant_notes import packed, unpacked
from reputation.sidecar.build import build
from reputation.state.tenant import TenantState
from reputation.stores.contract import Opening, SharedStore
from reputation.stores.places import open_store
from reputation.stores.redis.names import Names
from reputation.stores.shared_values import AwayError
from reputation.wire.ids import Ulids
from reputation.wire.messages import Account, Client, Request, Seconds

NOW = 1_790_000_000.0
KEY = b"a key of sixteen bytes or more"


@asynccontextmanager
async def replicas(redis_server, count: int) -> AsyncIterator[list[TenantLinking]]:
    """As many replicas' views of one tenant, over an empty Redis."""
    with redis_server.client() as client:
        client.flushall()
    async with over(redis_server.url, count) as found:
        yield found


def opened(url: str) -> SharedStore:
    store = open_store(url, Opening(TenantState, None, time.time)).shared
    assert store is not None
    return store


@asynccontextmanager
async def over(url: str, count: int) -> AsyncIterator[list[TenantLinking]]:
    async with AsyncExitStack() as stack:
        found = []
        for number in range(count):
            store = opened(url)
            stack.push_async_callback(store.close)
            limiter = build(DEFAULT, AddressBook(), KEY).tenant("default")
            limiter.outbox.listening = True
            found.append(TenantLinking(limiter, store, f"replica-{number}", lambda *_args, **_words: None))
        yield found


async def leading(linking: TenantLinking) -> TenantLinking:
    """Let it look until it is the host."""

    async def looked() -> bool:
        await linking.look()
        return linking.is_ours

    await becomes(looked, expected=True)
    return linking


def meet(linking: TenantLinking, *accounts: str) -> None:
    ids = Ulids()
    for account in accounts:
        linking.limiter.check(Request(account=Account(id=account, created_at=Seconds(NOW)), client=Client()), NOW, ids)


async def epoch(linking: TenantLinking, host: LinkerHost) -> bool:
    """One epoch, by a linker in this process; whether its links are in force."""
    answer = host.take(await linking.batch(time.time(), epoch=True))
    assert answer is not None
    return await linking.put(answer)


@pytest.mark.gateway
async def test_one_of_two_replicas_links_what_both_noted(redis_server):
    async with replicas(redis_server, 2) as (one, other):
        await leading(one)
        await other.look()
        await other.look()
        await other.look()
        assert one.is_ours
        assert not other.is_ours
        for linking, account in ((one, "a"), (other, "b")):
            meet(linking, account)
            await linking.notes.send(linking.limiter.outbox)
        batch = await one.batch(NOW, epoch=True)
        assert [sighting.account for sighting in batch.sightings] == ["a", "b"]
        assert [known.account for known in batch.known] == ["a", "b"]
        assert not (await one.batch(NOW, epoch=False)).sightings, "each is read once"


@pytest.mark.gateway
async def test_what_an_unseated_linker_answers_late_changes_nothing(redis_server):
    """Neither its links nor its state, and its notes are read by the host of now."""
    async with replicas(redis_server, 2) as (late, new):
        await leading(late)
        host = LinkerHost()
        assert await epoch(late, host)
        late_answer = host.take(await late.batch(time.time(), epoch=True))
        with redis_server.client() as client:
            client.delete(Names("default").single("linker"))  # as its expiry does
        await leading(new)
        assert await epoch(new, LinkerHost())
        with redis_server.client() as client:
            before = client.hgetall(Names("default").single("links"))
            assert not await late.put(late_answer)
            assert client.hgetall(Names("default").single("links")) == before
        await late.look()
        assert not late.is_ours
        assert late.limiter.links.at == new.limiter.links.at
        with pytest.raises(AwayError, match="another replica"):
            await late.batch(NOW, epoch=True)


@pytest.mark.gateway
async def test_a_seat_that_changes_hands_while_notes_are_read_is_not_used(redis_server):
    """Else the old linker would speak in the name of the new one."""
    async with replicas(redis_server, 2) as (late, new):
        await leading(late)
        reading = asyncio.ensure_future(late.batch(time.time(), epoch=True))
        await asyncio.sleep(0)  # it has begun
        with redis_server.client() as client:
            client.delete(Names("default").single("linker"))
        await leading(new)
        late.lead = new.lead  # as its next look hears
        answer = LinkerHost().take(await reading)
        assert not await late.put(answer)


@pytest.mark.gateway
async def test_the_next_linker_reads_again_what_was_too_little_to_hand_over(redis_server):
    """Under 64 accounts no ledger is packed; their notes stay in the stream instead. Orders are in the book."""
    async with replicas(redis_server, 2) as (one, other):
        await leading(one)
        meet(one, "a", "b")
        one.limiter.outbox.rule(OperatorRuling("release", account="b", reason="a test"))
        await one.notes.send(one.limiter.outbox)
        assert await epoch(one, LinkerHost())
        await one.leave()
        await leading(other)
        batch = await other.batch(NOW, epoch=False)
        assert batch.fresh
        assert batch.book
        assert [sighting.account for sighting in batch.sightings] == ["a", "b"]
        assert not batch.rulings


@pytest.mark.gateway
async def test_a_flood_that_no_linker_reads_drops_the_oldest_notes_counts_them_and_keeps_every_order(redis_server):
    """The stream is bounded; what the linker never got is known to the note."""
    async with replicas(redis_server, 1) as (one,):
        one.notes.stream = opened(redis_server.url).notes("default", "notes", most_bytes=2000)
        one.limiter.outbox.rule(OperatorRuling("release", account="b", reason="a test"))
        for _ in range(30):
            meet(one, *[secrets.token_hex(8) for _ in range(5)])
            await one.notes.send(one.limiter.outbox)
        await leading(one)
        batch = await one.batch(NOW, epoch=False)
        read = len(batch.sightings) + len(batch.known)
        assert 0 < read < 200
        assert one.notes.dropped == 30 * 5 * 2 - read
        assert [order.account for order in batch.rulings] == ["b"]


@pytest.mark.gateway
async def test_every_replica_tells_its_accounts_anew_to_a_new_linker(redis_server):
    """The new one may have none of their facts."""
    async with replicas(redis_server, 2) as (one, other):
        await leading(one)
        await other.look()
        meet(other, "a")
        await other.notes.send(other.limiter.outbox)
        await one.leave()
        await leading(one)
        await other.look()
        meet(other, "a")
        await other.notes.send(other.limiter.outbox)
        assert [known.account for known in (await one.batch(NOW, epoch=False)).known] == ["a", "a"]


@pytest.mark.gateway
async def test_a_replica_that_missed_steps_reads_the_links_whole(redis_server):
    """And one whose steps are all there follows them; a step that is damaged is passed by."""
    async with replicas(redis_server, 2) as (one, other):
        await leading(one)
        host = LinkerHost()
        for _ in range(10):  # more than are kept
            assert await epoch(one, host)
        await other.look()
        assert other.limiter.links == one.limiter.links
        assert await epoch(one, host)
        await other.look()
        assert other.limiter.links == one.limiter.links
        with redis_server.client() as client:
            assert client.xlen(Names("default").single("deltas")) == 8


@pytest.mark.gateway
async def test_links_that_cannot_be_read_leave_those_in_force(redis_server):
    """Bytes of somebody else's in their place, say; the next ones that can be read are followed."""
    async with replicas(redis_server, 2) as (one, other):
        await leading(one)
        host = LinkerHost()
        assert await epoch(one, host)
        await other.look()
        kept = other.limiter.links
        assert await epoch(one, host)
        with redis_server.client() as client:
            client.delete(Names("default").single("deltas"))
            for key in client.keys("*links-part*"):
                client.set(key, b"damage")
        await other.look()
        assert other.limiter.links is kept
        assert await epoch(one, host)
        await other.look()
        assert other.limiter.links == one.limiter.links


@pytest.mark.gateway
async def test_a_linker_that_hangs_is_ended_and_the_next_reads_the_same_notes(redis_server, monkeypatch):
    """It would be the host for ever, since its replica lives."""
    with redis_server.client() as client:
        client.flushall()
    store, limiter = opened(redis_server.url), build(DEFAULT, AddressBook(), KEY)
    linking = ReplicatedLinking(limiter, store, lambda *_args, **_words: None, every=0.0)
    await linking.look()
    (tenant,) = linking.tenants.values()
    await leading(tenant)
    await linking.link()
    assert (linking.epochs, linking.restarts) == (1, 0)
    os.kill(linking.pid, signal.SIGSTOP)
    monkeypatch.setattr("reputation.linking.exchange.LONGEST_EPOCH", 0.2)
    meet(tenant, "a")
    await linking.send()
    await linking.link()
    assert (linking.epochs, linking.restarts, linking.pid) == (1, 1, None)
    await tenant.look()
    monkeypatch.undo()
    batch = await tenant.batch(NOW, epoch=False)
    assert batch.fresh
    assert [sighting.account for sighting in batch.sightings] == ["a"]
    await tenant.look()
    tenant.linking = b""
    await linking.link()
    assert linking.epochs == 2
    linking.close()
    await store.close()


@pytest.mark.gateway
async def test_tenants_may_be_linked_by_different_replicas(redis_server):
    """A tenant that another replica leads by now is forgotten by the linker here; the others go on in it."""
    with redis_server.client() as client:
        client.flushall()
    store = opened(redis_server.url)
    settings = structs.replace(DEFAULT, tenants={"acme": TenantSettings(), "globex": TenantSettings()})
    limiter = build(settings, AddressBook(), KEY)
    linking = ReplicatedLinking(limiter, store, lambda *_args, **_words: None, every=0.0)
    await linking.look()
    acme, globex = [await leading(linking.tenants[name]) for name in ("acme", "globex")]
    await linking.link()
    assert acme.linking
    assert globex.linking
    with redis_server.client() as client:
        client.set(Names("acme").single("linker"), "another 9", px=60_000)
    await linking.look()
    await linking.link()
    assert acme.linking == b""
    assert globex.linking
    assert linking.pid is not None
    assert linking.there
    linking.close()
    await store.close()


@pytest.mark.gateway
async def test_on_a_cluster_it_is_the_same(tmp_path):
    """Everything of a tenant is in one slot, parts of links too."""
    with running_cluster(tmp_path) as nodes:
        async with over(f"redis+cluster://127.0.0.1:{nodes[0].port}", 2) as (one, other):
            await leading(one)
            meet(one, "a")
            await one.notes.send(one.limiter.outbox)
            host = LinkerHost()
            for _ in range(2):
                assert await epoch(one, host)
                await other.look()
                assert other.limiter.links == one.limiter.links
            await one.leave()
            await leading(other)
            batch = await other.batch(NOW, epoch=False)
            assert [sighting.account for sighting in batch.sightings] == ["a"]


async def test_notes_wait_where_they_are_while_redis_is_away():
    """The outbox bounds and counts them; what was collected is kept for when it is back."""
    store = opened("redis://127.0.0.1:1")
    limiter = build(DEFAULT, AddressBook(), KEY).tenant("default")
    limiter.outbox.listening = True
    linking = TenantLinking(limiter, store, "one", print)
    for account in ("a", "b", "c"):
        meet(linking, account)
        with pytest.raises(AwayError):
            await linking.notes.send(limiter.outbox)
    assert limiter.outbox.waiting == 4, "two notes each of the last two accounts"
    assert limiter.links is NOTHING
    await store.close()


def test_notes_come_out_of_their_entries_as_they_went_in():
    """Many are spread over entries, and their order stays."""
    outcomes = [OutcomeNote(f"a{n}", "good", NOW + n) for n in range(2500)]
    entries = packed([*outcomes])
    assert [count for count, _ in entries] == [1000, 1000, 500]
    assert [outcome for _, data in entries for outcome in unpacked(data).outcomes] == outcomes
    with pytest.raises(ValueError, match="not compressed"):
        unpacked(b"something else")


def test_an_entry_is_halved_until_it_fits_and_a_note_that_never_does_is_left_out(monkeypatch):
    """So no client can make an entry larger than Redis and the linker are ready for."""
    monkeypatch.setattr("reputation.replicas.tenant_notes.MOST_PACKED", 3000)
    notes = [OutcomeNote(secrets.token_hex(500), "good", NOW) for _ in range(10)]
    entries = packed([*notes, OutcomeNote(secrets.token_hex(5000), "good", NOW)])
    assert sum(count for count, _ in entries) == 10
    assert max(len(data) for _, data in entries) <= 3000
