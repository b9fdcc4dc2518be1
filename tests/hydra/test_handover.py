"""A linker that takes over knows what the one before it knew, within the bytes that were given."""

import random

import msgspec
import pytest
import zstandard

from reputation.hydra.handover import FORMAT, LEAST, PackedLedger, pack, unpack
from reputation.hydra.ledger import Ledger
from reputation.hydra.linker import Linker
from reputation.hydra.sightings import Sighting
from reputation.linking.batches import Batch
from reputation.linking.host import LinkerHost
from tests.hydra.crowd import HOUR, NOW, company, honest, hydra, sightings

ROOM = 1 << 20


def fed():
    linker = Linker()
    honest(linker)
    hydra(linker)
    company(linker, verified=True, settled=5.0)
    linker.outcome("h1", "good", NOW)
    return linker


def test_the_next_linker_finds_the_same_links_from_what_was_handed_over_alone():
    before, after = fed(), Linker()
    after.take_over(before.hand_over(ROOM))
    assert after.epoch(NOW) == before.epoch(NOW)


def test_it_goes_on_as_the_one_before_would_have():
    before, after = fed(), Linker()
    before.epoch(NOW)
    after.take_over(before.hand_over(ROOM))
    after.restore(before.export())
    for linker in (before, after):
        hydra(linker, 30, seed=9, prefix="y")
    assert after.epoch(NOW + 4 * HOUR).members == before.epoch(NOW + 4 * HOUR).members


@pytest.mark.parametrize("most", [0, 3000, 10_000, 40_000])
def test_what_is_handed_over_is_bounded_and_made_of_the_accounts_seen_last(most):
    linker = fed()
    for n in range(200):
        linker.see(Sighting(NOW + n, f"late-{n}", host=f"192.0.2.{n}"))
    data = linker.hand_over(most)
    assert len(data) <= most
    if data:
        ledger = Ledger()
        unpack(data, ledger)
        kept = {name for name in ledger.accounts.names if str(name).startswith("late-")}
        assert len(kept) == min(200, len(ledger.accounts))
        assert ledger.unconfirmed == len(kept)


def test_too_few_accounts_are_not_worth_it():
    linker = Linker()
    linker.see_many(sightings("a", random.Random(1), 3))
    assert pack(linker.ledger, ROOM) == b""
    assert LEAST > 1


@pytest.mark.parametrize(
    "data",
    [
        b"not packed",
        zstandard.ZstdCompressor().compress(b"not packed"),
        zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(PackedLedger(FORMAT + 1, 0, 0, 0, 0, [], {}, {}))),
    ],
)
def test_what_cannot_be_read_changes_nothing(data):
    linker = fed()
    size = linker.ledger.size
    with pytest.raises(ValueError, match="ledger"):
        linker.take_over(data)
    assert linker.ledger.size == size


def test_a_desk_hands_over_when_it_is_asked_and_takes_over_what_it_is_given():
    first, second = LinkerHost(), LinkerHost()
    linker = fed()
    given = Batch("t", linker.settings, ledger=linker.hand_over(ROOM), epoch=NOW)
    answer = first.take(msgspec.structs.replace(given, hand_over=ROOM))
    assert answer.delta.members
    again = second.take(msgspec.structs.replace(given, ledger=answer.ledger))
    assert again.delta == answer.delta
    assert again.ledger == b""
    assert LinkerHost().take(msgspec.structs.replace(given, ledger=b"of another version")).delta.members == []
