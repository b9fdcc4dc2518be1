"""Linking beside checks: repeatable in a replay, and never in a check's way when the linker dies."""

import math
import os
import signal
from collections.abc import Iterator

import msgspec
import pytest
from msgspec import structs

import reputation.linking.schedule as linking_module
from geoip.book import AddressBook
from reputation.config.file import DEFAULT
from reputation.engine.limiter import Limiter
from reputation.hydra.book import Book
from reputation.hydra.links import NOTHING, Budget, difference
from reputation.hydra.sightings import Order
from reputation.linking.host import LinkerHost
from reputation.linking.kept_rulings import ruling_document
from reputation.linking.process import LinkerDiedError, LinkerProcess, batch_of
from reputation.linking.schedule import KeptLinks, LiveLinking, RecordedLinking, linker_settings, with_inherited
from reputation.sidecar.build import build
from reputation.state.records import MemoryRecords
from reputation.wire.ids import Ulids
from reputation.wire.messages import Account, AccountFacts, Client, Payment, Request, Seconds

START = 1_790_000_000.0
HOUR = 3600.0


def limiter() -> Limiter:
    return build(DEFAULT, AddressBook(), b"a key of sixteen bytes or more")


def hydra(number: int) -> AccountFacts:
    """A head: signed up this hour, one prepaid card for every twenty of them."""
    payment = Payment("ok", f"fp_{number // 20}", "prepaid", "499999", "US")
    return AccountFacts(created_at=Seconds(START + number), plan="free", payment=payment)


def honest(number: int) -> AccountFacts:
    """An account that is no newcomer, with a card of its own."""
    payment = Payment("ok", f"own_{number}", "credit", str(400000 + number % 50), "US", float(number % 90))
    return AccountFacts(created_at=Seconds(START - 86_400.0 * (20 + number % 400)), plan="free", payment=payment)


def requests(hours: int) -> Iterator[tuple[float, Request]]:
    """Checks of 300 honest accounts and 100 heads behind three addresses with one script."""
    for hour in range(hours):
        at = START + HOUR * (hour + 1)
        for n in range(300):
            client = Client(ip=f"198.51.{n % 200}.{n % 250}", ja4=f"browser_{n % 7}", user_agent=f"ua {n % 7}")
            yield at + n, Request(account=Account(id=f"good_{n}"), client=client)
        for n in range(100):
            client = Client(ip=f"203.0.113.{n % 3}", ja4="script", user_agent="script")
            yield at + 400 + n, Request(account=Account(id=f"head_{n}"), client=client)


def replayed(hours: int) -> tuple[list[str], Limiter]:
    """What a replay of those checks decides, and the limiter afterwards."""
    one = limiter()
    linking = RecordedLinking(one)
    tenant = one.tenant("default")
    for n in range(300):
        tenant.push(f"good_{n}", honest(n), START)
    for n in range(100):
        tenant.push(f"head_{n}", hydra(n), START)
    decided = []
    ids = Ulids()
    for at, request in requests(hours):
        linking(at)
        verdict = tenant.check(request, at, ids)
        decided.append(f"{verdict.decision} {verdict.cluster and verdict.cluster.id}")
    linking.close()
    return decided, one


def test_a_replay_links_a_crude_hydra_the_same_way_twice() -> None:
    """Links take effect on recorded time, so the speed of the linker's process cannot be seen in the verdicts."""
    decided, one = replayed(8)
    again, _ = replayed(8)
    assert decided == again
    members = one.tenant("default").links.members
    heads = [name for name in members if name.startswith("head_")]
    assert len(heads) >= 90
    assert len(members) == len(heads)


def test_in_a_large_replay_links_wait_for_the_next_epoch_and_are_the_same_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Above that size both cores have work: an epoch's links are in force when the next one is asked for."""
    at_once, _ = replayed(8)
    monkeypatch.setattr(linking_module, "SMALL", 100)
    waited, one = replayed(8)
    again, _ = replayed(8)
    assert waited == again
    assert len(one.tenant("default").links.members) >= 90
    first = [next(i for i, word in enumerate(words) if not word.endswith("None")) for words in (at_once, waited)]
    assert first[0] < first[1]


def test_notes_that_are_kept_while_the_linker_works_change_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """They reach it in their order, before the next epoch, whether it had answered by then or not."""
    monkeypatch.setattr(linking_module, "SMALL", 100)
    at_once, _ = replayed(8)
    monkeypatch.setattr(linking_module, "MOST_WAITING", 400)
    assert replayed(8)[0] == at_once
    monkeypatch.setattr(LinkerProcess, "answered", False)
    assert replayed(8)[0] == at_once


def test_notes_are_fed_before_any_would_be_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the next epoch is away, the linker is given what waits, and reads it."""
    monkeypatch.setattr(linking_module, "SMALL", 100)
    monkeypatch.setattr(linking_module, "MOST_WAITING", 200)
    monkeypatch.setattr(linking_module, "NEWS", 0.01)
    _, one = replayed(4)
    assert one.tenant("default").outbox.waiting <= 200
    assert one.tenant("default").outbox.dropped == 0


def test_linked_heads_share_one_purse_of_a_few_accounts_use() -> None:
    """A hundred heads in a cluster get what a few honest accounts use, not a hundred times it."""
    decided, _ = replayed(30)
    last_day = [word for word in decided[-24 * 400 :] if not word.endswith("None")]
    allowed = sum(word.startswith("allow") for word in last_day)
    assert len(last_day) >= 24 * 90
    assert allowed <= 60


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
    """A restart releases nobody: members are known at once, and the next linker takes the clusters up."""
    records = MemoryRecords()
    first = LiveLinking(limiter(), lambda *_args, **_kwargs: None, records=records)
    links = structs.replace(
        NOTHING, at=START, members={"head_1": ("h-1", 0.9)}, neighbourhoods={("ja4", "x"): Budget(20.0, 9, math.inf)}
    )
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
    records, order = MemoryRecords(), Order("release", account="head_3", reason="a test")
    document = ruling_document("01", order)
    await records.put("default", document.kind, document.id, document.written(None, None))
    second = LiveLinking(limiter(), lambda *_args, **_kwargs: None, records=records)
    await second.take_up()
    assert second._limiter.tenant("default").outbox.collect() == [order]  # and this linker dies with it
    await second.turn()
    second.close()
    assert await records.all("default", document.kind) == []
    kept = msgspec.msgpack.decode((await records.get("default", "book", "links")).body, type=KeptLinks)
    assert [one.account for one in msgspec.msgpack.decode(kept.book, type=Book).orders] == ["head_3"]


def test_neighbourhoods_outlive_a_linker_until_the_next_has_seen_a_day() -> None:
    """Else a restart would lift the budgets of crowded places until their demand has been seen again."""
    crowded = {("ja4", "x"): Budget(20.0, 9, 2.0), ("ja4", "y"): Budget(20.0, 9, 2.0)}
    before = structs.replace(NOTHING, at=START, neighbourhoods=crowded)
    now = structs.replace(NOTHING, at=START + HOUR, neighbourhoods={("ja4", "x"): Budget(30.0, 9, 3.0)})
    merged = with_inherited(now, before).neighbourhoods
    assert {key: budget.daily for key, budget in merged.items()} == {("ja4", "x"): 30.0, ("ja4", "y"): 20.0}
    assert with_inherited(structs.replace(now, at=START + 24 * HOUR), before).neighbourhoods == now.neighbourhoods


def test_the_process_answers_as_the_desk_inside_it_does() -> None:
    """The pipe adds nothing and loses nothing."""
    one = limiter()
    tenant = one.tenant("default")
    tenant.outbox.listening = True
    for n in range(50):
        tenant.push(f"head_{n}", hydra(n), START)
    for at, request in requests(2):
        tenant.check(request, at, Ulids())
    notes = tenant.outbox.collect()
    batch = batch_of("default", linker_settings(tenant), notes, START + 3 * HOUR, epoch=True)
    process = LinkerProcess()
    try:
        process.send(batch)
        assert process.receive() == LinkerHost().take(batch)
    finally:
        process.close()


@pytest.mark.parametrize("niceness", [0, 10])
def test_a_linker_gives_way_to_checks_as_far_as_it_is_told(niceness: int) -> None:
    process = LinkerProcess(niceness)
    try:
        process.send(batch_of("default", linker_settings(limiter().tenant("default")), [], START, epoch=True))
        process.receive()
        assert process.pid is not None
        mine = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(mine + niceness, 19)
    finally:
        process.close()


def follow_until(linking: RecordedLinking, turns: int) -> None:
    """Let recorded time pass."""
    for turn in range(turns):
        linking(START + 1000.0 * (turn + 1))


def test_a_replay_whose_linker_dies_says_so() -> None:
    """The rest of the verdicts would be those of a world without links."""
    one = limiter()
    linking = RecordedLinking(one)
    try:
        linking(START)
        assert linking.pid is not None
        os.kill(linking.pid, signal.SIGKILL)
        with pytest.raises(LinkerDiedError, match="recorded time"):
            follow_until(linking, 1000)
    finally:
        linking.close()
