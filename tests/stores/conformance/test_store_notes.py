"""Note streams: bounded whatever is appended, each entry once, and what was dropped is known to the note."""

from store_place import TENANT

from reputation.stores.shared_values import BEGINNING, READ_AT_ONCE

ENTRY = b"x" * 1000


async def read_all(stream):
    found, after = [], BEGINNING
    while entries := await stream.read(after):
        found += entries
        after = entries[-1].id
    return found


async def test_entries_of_all_replicas_are_read_in_their_order_some_at_once(shared_place):
    (store,) = shared_place.shared()
    stream = store.notes(TENANT, "notes")
    for number in range(1, READ_AT_ONCE + 2):
        await stream.append("one", number, 2, b"%d" % number)
        await stream.append("other", number, 3, b"%d" % -number)
    assert len(await stream.read(BEGINNING)) == READ_AT_ONCE
    entries = await read_all(stream)
    assert [entry.data for entry in entries[:4]] == [b"1", b"-1", b"2", b"-2"]
    assert [entry.before for entry in entries[:4]] == [0, 2, 5, 7]


async def test_an_entry_sent_again_after_a_lost_answer_is_there_once(shared_place):
    (store,) = shared_place.shared()
    stream = store.notes(TENANT, "notes")
    for number in (1, 2, 2, 1, 3):
        await stream.append("one", number, 1, b"%d" % number)
    assert [entry.data for entry in await read_all(stream)] == [b"1", b"2", b"3"]


async def test_a_flood_leaves_the_newest_entries_in_the_bytes_there_are_and_says_what_is_gone(shared_place):
    """The bound holds after every append, and another tenant's notes have their own."""
    (store,) = shared_place.shared()
    stream, quiet = [store.notes(name, "notes", most_bytes=10_000) for name in (TENANT, "quiet")]
    await quiet.append("one", 1, 1, ENTRY)
    for number in range(1, 201):
        await stream.append("one", number, 7, ENTRY)
        if number % 20 == 0:
            assert sum(len(entry.data) for entry in await read_all(stream)) <= 10_000
    kept = await read_all(stream)
    assert len(kept) == 10
    assert kept[0].before == 190 * 7
    assert kept[-1].before + kept[-1].notes == 200 * 7
    assert len(await read_all(quiet)) == 1
