"""Linking during live checks: a linker that dies is never in a check's way, and links outlive it."""

import os
import signal
from collections.abc import Iterator

import msgspec
import pytest
from crude_hydra import START, limiter
from msgspec import structs

from reputation.hydra.book import Book
from reputation.hydra.links import NOTHING, difference
from reputation.hydra.sightings import OperatorRuling
from reputation.linking.kept_rulings import ruling_document
from reputation.linking.live import KeptLinks, LiveLinking
from reputation.state.records import MemoryRecords


@pytest.fixture
def live() -> Iterator[LiveLinking]:
    linking = LiveLinking(limiter(), lambda *_args, **_kwargs: None)
    yield linking
    linking.close()


async def test_a_dead_linker_is_started_again_and_no_check_notices(live: LiveLinking) -> None:
    """Its death costs fresh links until the next turn, and shows in a counter."""
    await live.turn()
    first = live.pid
    assert first is not None
    assert live.epochs == 1
    os.kill(first, signal.SIGKILL)
    for _ in range(1000):  # the system takes a moment to close the dead one's end
        await live.turn()
        if live.restarts:
            break
    await live.turn()
    assert live.restarts == 1
    assert live.pid not in (None, first)


async def test_links_and_their_book_are_back_before_the_first_epoch() -> None:
    """A restart releases no account: members are known at once, and the next linker takes the clusters up."""
    records = MemoryRecords()
    first = LiveLinking(limiter(), lambda *_args, **_kwargs: None, records=records)
    links = structs.replace(NOTHING, at=START, members={"head_1": ("h-1", 0.9)}, invoices={"a": "card"})
    kept = msgspec.msgpack.encode(KeptLinks(msgspec.msgpack.encode(Book()), difference(NOTHING, links)))
    await records.put("default", "book", "links", kept)
    await first.take_up()
    tenant = first._limiter.tenant("default")
    assert tenant.links == links
    first.close()


async def test_what_an_epoch_found_is_kept(live: LiveLinking) -> None:
    """The record is there after one turn, and a damaged one is passed over."""
    records = MemoryRecords()
    live._records = records
    await live.turn()
    kept = await records.get("default", "book", "links")
    assert kept is not None
    other, heard = limiter(), []
    await records.put("default", "book", "links", b"\x00")
    second = LiveLinking(other, lambda event, **_kwargs: heard.append(event), records=records)
    await second.take_up()
    assert heard == ["links_damaged"]
    assert other.tenant("default").links is NOTHING


async def test_an_order_that_no_linker_was_given_yet_is_given_to_the_next(live: LiveLinking) -> None:
    """It is kept until clusters are kept that know it; a linker that died with it is no loss either."""
    records, order = MemoryRecords(), OperatorRuling("release", account="head_3", reason="a test")
    document = ruling_document("01", order)
    await records.put("default", document.kind, document.id, document.written(None, None))
    second = LiveLinking(limiter(), lambda *_args, **_kwargs: None, records=records)
    await second.take_up()
    assert second._limiter.tenant("default").outbox.collect() == [order]  # and this linker dies with it
    await second.turn()
    second.close()
    assert await records.all("default", document.kind) == []
    kept = msgspec.msgpack.decode((await records.get("default", "book", "links")).body, type=KeptLinks)
    assert [one.account for one in msgspec.msgpack.decode(kept.book, type=Book).rulings] == ["head_3"]
