"""A ledger stays within its bytes whatever comes, keeps confirmed accounts through a flood, and recovers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation.hydra.columns import Interner
from reputation.hydra.forgetting import UNCONFIRMED_IDLE, forget
from reputation.hydra.ledger import BATCH, Ledger
from reputation.hydra.linker import Linker
from reputation.hydra.memory import Memory, size_of
from reputation.hydra.sightings import Known, Sighting
from reputation.linking.batches import MOST_NOTES, batch_of, batches_of
from reputation.linking.host import ITS_OWN, OF_LEDGERS, LinkerHost

NOW = 1_790_000_000.0
MEGA = 1_048_576
ROOM = 4 * MEGA
NAMES = st.one_of(st.text(max_size=20), st.integers(0, 50), st.tuples(st.text(max_size=5), st.text(max_size=5)))


def sighting(number, at=NOW, account=None, **more):
    """One of an account that nobody has seen, with names that nobody has sent, as long as they may be."""
    long = {name: f"{name}-{number}".ljust(250, "x") for name in ("device", "session", "ja4", "user_agent")}
    content = tuple(f"{number:08x}{place:08x}" for place in range(8))
    values = {"host": f"11.0.{number >> 8}.{number & 255}", "net": f"11.{number}.0/24", "asn": number, **long}
    return Sighting(at, account or f"made-up-{number}", content=content, **{**values, **more})


def filled(ledger, numbers, confirmed=False):
    for number in numbers:
        if confirmed:
            ledger.know(Known(f"made-up-{number}", card=f"card-{number}".ljust(250, "x")))
        ledger.see(sighting(number))
        if len(ledger.waiting) == 100:
            ledger.absorb()
    ledger.absorb()


def bounded(most):
    ledger = Ledger()
    ledger.memory.most = most
    return ledger


@settings(max_examples=60, deadline=None)
@given(st.lists(NAMES, max_size=40), st.lists(st.booleans(), max_size=40))
def test_the_bytes_of_names_are_those_of_the_names_that_are_there(names, stay):
    memory = Memory()
    interner = Interner(30, memory)
    numbers = interner.numbers(list(names))
    kept = [number for number, keep in zip(numbers.tolist(), stay, strict=False) if keep]
    interner.keep_only(np.array(kept, np.int64))
    assert memory.names == sum(size_of(name) for name in interner.ids if name is not None)


@pytest.mark.parametrize("confirmed", [False, True], ids=["made-up keys", "accounts with facts"])
def test_a_flood_of_long_names_fills_the_room_and_no_more(confirmed):
    """What comes too much is counted; made-up accounts get half of the room."""
    ledger = bounded(ROOM)
    filled(ledger, range(4000), confirmed=confirmed)
    most = ROOM if confirmed else ROOM // 2
    assert most * 0.9 < ledger.memory.used < most * 1.25
    assert ledger.memory.left_out > 1000
    before = ledger.memory.used
    filled(ledger, range(4000, 8000), confirmed=confirmed)
    assert ledger.memory.used <= before * 1.02


def test_a_flood_of_made_up_keys_leaves_room_for_accounts_with_facts():
    ledger = bounded(ROOM)
    filled(ledger, range(4000))
    filled(ledger, range(10_000, 10_200), confirmed=True)
    there = [number for number in range(10_000, 10_200) if f"made-up-{number}" in ledger.accounts.ids]
    assert len(there) == 200
    numbers = np.array([ledger.accounts.ids[f"made-up-{number}"] for number in there])
    assert len(ledger.pairs["device"].rows_of(numbers)) == 200


def test_an_account_that_is_known_goes_on_while_there_is_no_room():
    """Its use counts, and what it was seen with before; a device that is new finds no place."""
    ledger = bounded(ROOM)
    filled(ledger, range(20), confirmed=True)
    filled(ledger, range(100, 4000), confirmed=True)
    assert ledger.memory.is_full
    ledger.see(sighting(7, at=NOW + 60))
    ledger.see(sighting(4001, at=NOW + 60, account="made-up-7"))
    ledger.absorb()
    number = ledger.accounts.ids["made-up-7"]
    rows = ledger.pairs["device"].rows_of(np.array([number]))
    assert ledger.requests[number] == 3
    assert (len(rows), ledger.pairs["device"].last[rows].tolist()) == (1, [NOW + 60])


def test_room_comes_back_when_what_filled_it_is_forgotten():
    ledger = bounded(ROOM)
    filled(ledger, range(4000))
    full = ledger.memory.used
    forget(ledger, NOW + 20 * UNCONFIRMED_IDLE)
    assert ledger.memory.used < full / 4
    assert not ledger.memory.is_tight
    filled(ledger, range(20_000, 20_100))
    assert "made-up-20099" in ledger.accounts.ids


def test_a_linker_without_a_bound_leaves_nothing_out():
    linker = Linker()
    filled(linker.ledger, range(1000))
    linker.epoch(NOW + 60)
    assert (linker.ledger.memory.left_out, linker.ledger.memory.used > 2 * MEGA) == (0, True)


def test_tenants_share_the_room_of_a_linkers_process():
    """One tenant's flood leaves another tenant its share."""
    host = LinkerHost(ITS_OWN + int(2 * ROOM / OF_LEDGERS))
    settings_of = Linker().settings
    for start in range(0, 6000, 1000):
        host.take(batch_of("flooded", settings_of, [Known(f"made-up-{n}") for n in range(start, start + 1000)], NOW))
        some = batch_of("flooded", settings_of, [sighting(n) for n in range(start, start + 1000)], NOW)
        some.partial = True
        host.take(some)
    host.take(batch_of("quiet", settings_of, [Known(f"made-up-{n}") for n in range(100)], NOW))
    answer = host.take(batch_of("quiet", settings_of, [sighting(n) for n in range(100)], NOW + 60, epoch=True))
    flooded = host.take(batch_of("flooded", settings_of, [], NOW + 60, epoch=True))
    assert (answer.crowded, answer.left_out) == (0, 0)
    assert flooded.left_out > 0
    assert answer.used + flooded.used < 2 * ROOM * 1.3


def test_many_notes_go_in_batches_and_the_last_one_asks_for_the_epoch():
    notes = [sighting(n) for n in range(10)] * (MOST_NOTES // 4)
    batches = batches_of("one", Linker().settings, notes, NOW, epoch=True)
    assert [len(batch.sightings) for batch in batches] == [MOST_NOTES, MOST_NOTES, len(notes) - 2 * MOST_NOTES]
    assert [(batch.partial, batch.epoch) for batch in batches] == [(True, None), (True, None), (False, NOW)]
    (empty,) = batches_of("one", Linker().settings, [], NOW, epoch=True)
    assert (empty.partial, empty.epoch) == (False, NOW)
    assert MOST_NOTES <= BATCH
