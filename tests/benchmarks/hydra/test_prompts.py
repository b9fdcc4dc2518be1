"""Prompt shapes: conversations grow, move with a relay's users, and are shared by those who share prompts."""

from collections import Counter, defaultdict
from functools import cache

import msgspec
import pytest

from benchmarks.hydra.world import Spec, make, stream

HONEST = Spec(honest=300, heads=0, levels=(), days=2, content=True)


@cache
def talks(spec):
    """Who began each conversation and who went on with it, by the shape of its beginning; the class of each account."""
    world = make(spec)
    classes = {account.id: account.klass for account in world.accounts}
    begun, carried, seen = defaultdict(Counter), defaultdict(Counter), Counter()
    for _, line in stream(world):
        if '"kind"' in line:
            continue
        check = msgspec.json.decode(line)
        first, *whole = check["request"]["content"]
        (carried if whole else begun)[first][check["account"]["id"]] += 1
        seen.update(whole)
    return begun, carried, seen, classes


def moved(spec):
    """The accounts that went on with a conversation that exactly one other account began."""
    begun, carried, _, classes = talks(spec)
    return [
        classes[account]
        for shape, accounts in carried.items()
        for account in accounts
        if len(begun[shape]) == 1 and account not in begun[shape]
    ]


def of(*populations):
    return msgspec.structs.replace(HONEST, populations=populations)


def test_a_conversation_keeps_the_shape_of_its_beginning_and_its_whole_is_new_with_each_turn():
    begun, carried, seen, _ = talks(HONEST)
    assert set(carried) <= set(begun)
    assert max(seen.values()) == 1
    assert max(max(counts.values()) for counts in carried.values()) > 3


def test_people_who_share_nothing_keep_their_conversations():
    assert moved(HONEST) == []


@pytest.mark.parametrize("level", ["renamed_sessions", "L5"])
def test_a_relay_moves_conversations_between_its_heads(level):
    found = Counter(moved(Spec(honest=60, heads=24, levels=(level,), days=3, content=True)))
    assert found[level] > 10


def test_each_prompt_of_a_queue_is_handed_out_once_and_has_no_second_turn():
    begun, carried, _, classes = talks(Spec(honest=60, heads=24, levels=("L3",), days=2, content=True))
    work = [counts for counts in begun.values() if "L3" in {classes[account] for account in counts}]
    assert len(work) > 300
    assert sum(sum(counts.values()) for counts in work) < 1.01 * len(work)
    assert "L3" not in {classes[account] for accounts in carried.values() for account in accounts}


@pytest.mark.parametrize("name", ["forks", "support_desk"])
def test_conversations_of_a_group_are_gone_on_with_by_others_of_it(name):
    assert {name} == set(moved(of(name)))


@pytest.mark.parametrize("name", ["followers", "remote_course", "shared_prompts"])
def test_who_shares_prompts_begins_each_conversation_alone(name):
    spec = msgspec.structs.replace(of(name), honest=900)
    begun, _, _, classes = talks(spec)
    together = [len(who) for shape, who in begun.items() if {classes[account] for account in who} == {name}]
    assert max(together) > 2
    assert name not in moved(spec)


def test_the_same_world_has_the_same_shapes():
    once, again = ([line for _, line in stream(make(of("forks")))] for _ in range(2))
    assert once == again
