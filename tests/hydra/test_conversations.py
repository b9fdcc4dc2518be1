"""Conversations that accounts take over from each other link a relay's heads, and nobody who shares prompts."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.hydra.conversations import moved, moves
from reputation.hydra.forgetting import forget
from reputation.hydra.ledger import Ledger
from reputation.hydra.linker import Linker
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.sightings import Known, Sighting
from tests.hydra.crowd import DAY, HOUR, NOW
from tests.hydra.test_relays import AGENTS, GO, people

WHOLE = "ffffffffffffffff"


def ledger_of(*seen, proven=()):
    """A ledger that saw (hour, account, shapes) in this order."""
    ledger = Ledger()
    for account in proven:
        ledger.know(Known(account, proven=True))
    for hour, account, shapes in seen:
        ledger.see(Sighting(NOW + hour * HOUR, account, content=tuple(shapes.split())))
    ledger.absorb()
    return ledger


def names(ledger, accounts):
    return [ledger.accounts.names[number] for number in accounts.tolist()]


def edges(ledger):
    found = moves(ledger)
    return set(zip(names(ledger, found.givers), names(ledger, found.takers), strict=True))


def test_a_conversation_that_another_account_goes_on_with_has_moved():
    assert edges(ledger_of((0, "a", "s"), (1, "a", "s w"), (2, "b", "s x"), (3, "c", "s y"))) == {
        ("a", "b"),
        ("a", "c"),
    }


@pytest.mark.parametrize(
    "seen",
    [
        ((0, "a", "s"), (1, "b", "s")),
        ((0, "a", "s"), (1, "b", "s"), (2, "b", "s x")),
        ((0, "a", "s"), (1, "b", "s"), (2, "c", "s x")),
        ((0, "a", "s w"), (1, "b", "s x")),
        ((0, "a", "s x"), (1, "b", "s")),
        ((0, "a", "s"), (1, "a", "s x"), (2, "a", "s y")),
        ((0, "a", "s"), *((1 + n, f"b{n}", "s x") for n in range(65))),
    ],
    ids=["pasted", "pasted-and-gone-on", "template", "example-dialogue", "begun-later", "own", "published"],
)
def test_what_people_share_has_not_moved(seen):
    assert edges(ledger_of(*seen)) == set()


def test_an_account_of_standing_must_give_and_take():
    seen = [(0, "a", "s"), (1, "b", "s x"), (2, "b", "t"), (3, "c", "t x")]
    for proven, expected in (((), "abc"), (("a", "b", "c"), "b"), (("b",), "abc")):
        ledger = ledger_of(*seen, proven=proven)
        assert [name for name in "abc" if moved(ledger)[ledger.accounts.ids[name]]] == list(expected)


SEEN = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from("abcdef"), st.sampled_from(["s", "t", "s x", "t x", "s y z", ""])),
    max_size=40,
)


@given(SEEN, st.integers(0, 40))
def test_who_took_a_conversation_never_began_it_and_only_one_account_did(seen, cut):
    seen = sorted(seen)
    found = edges(ledger_of(*seen))
    begun = {shape: {who for _, who, shapes in seen if shapes == shape} for shape in "st"}
    carried = {shape: {who for _, who, shapes in seen if shapes.startswith(f"{shape} ")} for shape in "st"}
    possible = {
        (giver, taker) for s in "st" if len(begun[s]) == 1 for giver in begun[s] for taker in carried[s] - begun[s]
    }
    assert found <= possible
    ledger = ledger_of(*seen[:cut])
    for hour, account, shapes in seen[cut:]:
        ledger.see(Sighting(NOW + hour * HOUR, account, content=tuple(shapes.split())))
    ledger.absorb()
    assert edges(ledger) == found


def test_memory_is_bounded_however_many_conversations_an_account_begins():
    ledger = ledger_of(*((n / 100, "a", f"s{n}") for n in range(300)), *((n / 100, "b", f"s{n} x") for n in range(300)))
    forget(ledger, NOW + 3 * HOUR)
    assert len(ledger.pairs["begun"]) <= 16
    assert len(ledger.pairs["carried"]) <= 16


def test_conversations_are_forgotten_after_three_days():
    ledger = ledger_of((0, "a", "s"), (1, "b", "s x"))
    forget(ledger, NOW + 3 * DAY + 2 * HOUR)
    assert edges(ledger) == set()


def relay(linker, count=60, *, daily=lambda _: 22.0, moving=0.5):
    """Accounts that are a year old with one handshake, two days of conversations, half of which move each hour."""
    rng = random.Random(2)
    heads = [f"x{n}" for n in range(count)]
    for n, name in enumerate(heads):
        linker.know(Known(name, NOW - rng.uniform(200, 600) * DAY, "free", proven=n % 10 < 3))
        for _ in range(round(daily(rng))):
            _talk(linker, rng, heads, n, moving)
    return heads


def _talk(linker, rng, heads, number, moving):
    """One conversation of four turns, the later two of which may be on another head."""
    begins, shape = NOW - rng.uniform(3 * HOUR, 2 * DAY), f"{rng.getrandbits(64):016x}"
    where = [number] * 4 if rng.random() > moving else [number] * 2 + [rng.randrange(len(heads))] * 2
    for turn, head in enumerate(where):
        net = f"10.{head}.{rng.randrange(250)}.0/24"
        linker.see(
            Sighting(
                begins + turn * HOUR / 2, heads[head], net[:-4] + "7", net, 100 + rng.randrange(60),
                rng.choice(("US", "DE", "BR")), "residential", GO, AGENTS[head % 4], model="m-1",
                content=(shape, f"{rng.getrandbits(64):016x}") if turn else (shape,),
            )
        )  # fmt: skip


def linked(heads, linker):
    members = linker.epoch(NOW).members
    assert not [name for name in members if name.startswith("h")]
    return [name for name in heads if name in members]


WITHOUT = ("relays", "cells", "fingerprints", "meetings")
"""What finds the heads of a relay too."""


def test_heads_that_conversations_move_between_are_linked():
    linker = Linker(LinkerSettings(without=WITHOUT))
    people(linker)
    assert len(linked(relay(linker, daily=lambda _: 5), linker)) >= 40


@pytest.mark.parametrize("part", ["conversation_rings", "content"])
def test_it_can_be_switched_off(part):
    linker = Linker(LinkerSettings(without=(*WITHOUT, part)))
    people(linker)
    assert linked(relay(linker, daily=lambda _: 5), linker) == []


@pytest.mark.parametrize(
    "how",
    [
        {"daily": lambda rng: min(rng.lognormvariate(1.0, 1.3), 60.0)},
        {"moving": 0.0},
        {"count": 15},
    ],
    ids=["uneven", "own-conversations", "few"],
)
def test_who_works_unevenly_keeps_conversations_or_is_a_small_group_is_not_linked(how):
    linker = Linker(LinkerSettings(without=WITHOUT))
    people(linker)
    assert linked(relay(linker, **({"daily": lambda _: 5} | how)), linker) == []


def test_a_linker_that_takes_over_knows_which_conversations_moved():
    before, after = Linker(), Linker()
    people(before)
    relay(before, daily=lambda _: 5)
    after.take_over(before.hand_over(1 << 22))
    assert len(edges(after.ledger)) > 50
    assert edges(after.ledger) == edges(before.ledger)
