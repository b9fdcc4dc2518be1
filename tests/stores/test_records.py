"""The contract of documents that people made: every store passes this suite."""

import asyncio

import pytest

from reputation.state.records import ABSENT
from reputation.wire.errors import Conflict


def run(work):
    return asyncio.run(work)


def test_what_was_put_is_found_with_its_version(records):
    async def story():
        assert await records.get("acme", "revision", "1") is None
        assert await records.put("acme", "revision", "1", b"{}") == 1
        assert await records.put("acme", "revision", "1", b"[]") == 2
        found = await records.get("acme", "revision", "1")
        assert (found.id, found.version, found.body) == ("1", 2, b"[]")

    run(story())


def test_tenants_and_kinds_are_apart_and_all_comes_by_id(records):
    async def story():
        for record in ("b", "a", "c"):
            await records.put("acme", "audit", record, record.encode())
        await records.put("acme", "label", "z", b"")
        await records.put("other", "audit", "z", b"")
        assert [record.id for record in await records.all("acme", "audit")] == ["a", "b", "c"]
        assert [record.id for record in await records.all("other", "audit")] == ["z"]

    run(story())


@pytest.mark.parametrize("expect", [ABSENT, 2])
def test_a_conflict_changes_nothing(records, expect):
    """Two people edit one document: the second hears of it and nothing is lost."""

    async def story():
        await records.put("acme", "revision", "1", b"first")
        with pytest.raises(Conflict):
            await records.put("acme", "revision", "1", b"second", expect=expect)
        assert (await records.get("acme", "revision", "1")).body == b"first"
        assert await records.put("acme", "revision", "1", b"third", expect=1) == 2

    run(story())


def test_what_was_deleted_is_gone_and_starts_anew(records):
    async def story():
        await records.put("acme", "exception", "1", b"x")
        assert await records.delete("acme", "exception", "1")
        assert not await records.delete("acme", "exception", "1")
        assert await records.all("acme", "exception") == []
        assert await records.put("acme", "exception", "1", b"y", expect=ABSENT) == 1

    run(story())


def test_followers_hear_of_every_change(records):
    heard = []
    records.follow(lambda tenant, kind: heard.append((tenant, kind)))

    async def story():
        await records.put("acme", "revision", "1", b"{}")
        await records.delete("acme", "revision", "1")
        await records.delete("acme", "revision", "1")

    run(story())
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
