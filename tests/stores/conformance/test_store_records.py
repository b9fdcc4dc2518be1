"""Documents: each has a version, a change of another version is refused, and every replica hears of a change."""

import asyncio

import pytest
from store_place import document, running

from reputation.state.records import ABSENT
from reputation.wire.errors import Conflict


async def test_what_was_put_is_found_with_its_version(records):
    assert await records.get("acme", "revision", "1") is None
    assert await records.put("acme", "revision", "1", b"{}") == 1
    assert await records.put("acme", "revision", "1", b"[]") == 2
    found = await records.get("acme", "revision", "1")
    assert (found.id, found.version, found.body) == ("1", 2, b"[]")


async def test_tenants_and_kinds_are_apart_and_all_comes_by_id(records):
    for record in ("b", "a", "c"):
        await records.put("acme", "audit", record, record.encode())
    await records.put("acme", "label", "z", b"")
    await records.put("other", "audit", "z", b"")
    assert [record.id for record in await records.all("acme", "audit")] == ["a", "b", "c"]
    assert [record.id for record in await records.all("other", "audit")] == ["z"]


@pytest.mark.parametrize("expect", [ABSENT, 2])
async def test_a_conflict_changes_nothing(records, expect):
    """Two people edit one document: the second hears of it and nothing is lost."""
    await records.put("acme", "revision", "1", b"first")
    with pytest.raises(Conflict):
        await records.put("acme", "revision", "1", b"second", expect=expect)
    assert (await records.get("acme", "revision", "1")).body == b"first"
    assert await records.put("acme", "revision", "1", b"third", expect=1) == 2


async def test_what_was_deleted_is_gone_and_starts_anew(records):
    await records.put("acme", "exception", "1", b"x")
    assert await records.delete("acme", "exception", "1")
    assert not await records.delete("acme", "exception", "1")
    assert await records.all("acme", "exception") == []
    assert await records.put("acme", "exception", "1", b"y", expect=ABSENT) == 1


async def test_followers_hear_of_every_change(records):
    heard = []
    records.follow(lambda tenant, kind: heard.append((tenant, kind)))
    await records.put("acme", "revision", "1", b"{}")
    await records.delete("acme", "revision", "1")
    await records.delete("acme", "revision", "1")
    assert heard == [("acme", "revision")] * 2


async def test_pages_come_in_the_order_of_ids_from_either_end(records):
    """Also after documents came, went and were changed once the first page was read."""
    for number in (3, 1, 2, 5, 4):
        await records.put("acme", "page", f"p{number}", b"x")

    async def page(most, **bounds):
        return [record.id for record in await records.page("acme", "page", most, **bounds)]

    assert await page(2) == ["p5", "p4"]
    assert await page(2, before="p4") == ["p3", "p2"]
    assert await page(9, before="p2") == ["p1"]
    assert await page(2, after="") == ["p1", "p2"]
    assert await page(9, after="p3") == ["p4", "p5"]
    assert await page(9, after="p9") == await page(9, before="p0") == []
    await records.put("acme", "page", "p6", b"x")
    await records.put("acme", "page", "p35", b"x")
    await records.put("acme", "page", "p35", b"y")
    await records.delete("acme", "page", "p5")
    assert await page(9) == ["p6", "p4", "p35", "p3", "p2", "p1"]
    assert (await records.page("acme", "page", 1, after="p3"))[0].body == b"y"
    assert [record.id for record in await records.page("acme", "other", 9)] == []


async def test_documents_outlive_the_process_as_soon_as_they_were_put(place):
    records = place.open().records
    await records.put("acme", "seen", "1", b"first")
    await records.put("acme", "seen", "2", b"second")
    await records.delete("acme", "seen", "2")
    for again in place.later():
        assert (await document(again, "1")).body == b"first"
        assert await document(again, "2") is None


async def test_every_replica_hears_of_a_document_within_two_seconds(place):
    one, other = place.replicas(2)
    await other.records.all("acme", "revision")
    heard = asyncio.Queue()
    async with running(*{id(store): store for store in (one, other)}.values()):
        await one.records.put("acme", "revision", "1", b"first")
        other.records.follow(lambda tenant, kind: heard.put_nowait((tenant, kind)))
        await one.records.put("acme", "revision", "1", b"second")
        assert await asyncio.wait_for(heard.get(), 2) == ("acme", "revision")
        assert (await other.records.get("acme", "revision", "1")).body == b"second"


async def test_of_two_who_change_one_version_at_once_one_is_refused(place):
    one, other = place.replicas(2)
    version = await one.records.put("acme", "revision", "9", b"first")
    outcomes = await asyncio.gather(
        one.records.put("acme", "revision", "9", b"a", expect=version),
        other.records.put("acme", "revision", "9", b"b", expect=version),
        return_exceptions=True,
    )
    assert len([outcome for outcome in outcomes if isinstance(outcome, Conflict)]) == 1
