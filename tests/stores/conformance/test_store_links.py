"""Links: one replica at a time activates them, each from the active ones, and every replica follows."""

import asyncio

import pytest
from store_place import TENANT, running

from reputation.state.facts import Facts
from reputation.state.transactions import AccountData, Transaction
from reputation.stores.shared_values import BEGINNING, LINKS, STATE, Leadership, Step

KEY = bytes(range(16))


def step(number):
    return Step(b"links %d" % number, b"delta %d" % number, b"state %d" % number, BEGINNING, BEGINNING)


@pytest.fixture
def two(shared_place):
    """One tenant's links as two replicas see them."""
    return [store.links(TENANT, f"replica-{i}") for i, store in enumerate(shared_place.shared(2))]


async def test_one_replica_is_the_host_until_it_leaves(two):
    one, other = two
    assert await one.lead(wanted=False) == Leadership()
    lead = await one.lead(wanted=True)
    assert one.is_ours(lead)
    seen = await other.lead(wanted=True)
    assert (seen.holder, other.is_ours(seen)) == (lead.holder, False)
    assert (await one.lead(wanted=False)).holder == lead.holder, "its own lease is renewed"
    await other.leave()
    assert (await other.lead(wanted=False)).holder == lead.holder, "who is not the host releases nothing"
    await one.leave()
    taken = await other.lead(wanted=True)
    assert other.is_ours(taken)
    assert not one.is_ours(taken)


async def test_a_host_that_comes_back_has_another_term(two):
    one, _ = two
    first = await one.lead(wanted=True)
    await one.leave()
    second = await one.lead(wanted=True)
    assert first.holder != second.holder
    assert await one.put(first, 0, step(1)) == 0
    assert await one.put(second, 0, step(1)) > 0


async def test_links_are_followed_in_steps_or_read_whole(two):
    one, other = two
    assert await other.whole(LINKS) is None
    lead, versions = await one.lead(wanted=True), [0]
    for number in (1, 2, 3):
        versions.append(await one.put(lead, versions[-1], step(number)))
    assert versions == sorted(set(versions))
    assert (await other.lead(wanted=False)).version == versions[3]
    assert await other.steps(versions[1]) == ([b"delta 2", b"delta 3"], versions[3])
    assert await other.steps(versions[3]) == ([], versions[3])
    assert await other.whole(LINKS) == (b"links 3", versions[3])
    assert await other.whole(STATE) == (b"state 3", versions[3])


async def test_links_of_megabytes_come_back_as_they_were(two):
    one, other = two
    large = bytes(range(256)) * 16_000
    version = await one.put(await one.lead(wanted=True), 0, Step(large, large, large[::-1], BEGINNING, BEGINNING))
    assert await other.whole(LINKS) == (large, version)
    assert await other.whole(STATE) == (large[::-1], version)


async def test_links_that_do_not_follow_from_the_active_ones_change_nothing(two):
    one, other = two
    lead = await one.lead(wanted=True)
    version = await one.put(lead, 0, step(1))
    assert await one.put(lead, 0, step(2)) == 0
    assert await one.put(lead, version + 1, step(2)) == 0
    assert await other.put(Leadership(b"replica-1 1"), version, step(2)) == 0
    assert await other.whole(LINKS) == (b"links 1", version)


async def test_replicas_hear_of_changed_accounts_and_keys_and_count_each_other(shared_place):
    stores, heard = shared_place.shared(2), asyncio.Queue()
    heartbeats = [store.listen(TENANT, lambda key, _: heard.put_nowait(key)) for store in stores[1:]]

    async def changes(*expected):
        waiting = set(expected)
        while waiting:
            waiting.discard(await asyncio.wait_for(heard.get(), 5))

    async with running(*stores):
        await changes(None)  # the first heartbeat cannot know what changed before it
        await stores[0].commit(TENANT, Transaction("a", lambda _: AccountData(Facts(keys=(KEY,)))))
        await changes("a", KEY)
        await stores[0].commit(TENANT, Transaction("a", lambda _: AccountData()))
        await changes("a", KEY)
        assert heartbeats[0].replicas == 2
