"""Growth: who looks like a core in several families joins, and one strange trait is not enough."""

import numpy as np

from reputation.hydra.background import Habits
from reputation.hydra.families import FAMILIES
from reputation.hydra.growth import likeness, passing, several, signature
from tests.hydra.crowd import items

SIZE = 300
CORE = np.arange(20)
MARKS = [("ja4", 90), ("asn", 91), ("iin", 92), ("session", 93), ("disguise", 94)]


def looks(marks, core_marks=MARKS[:3], proven=False):
    """(likeness, suspects) of account 20, which has these marks of a core of twenty, and of everybody else."""
    held = {n: [("ja4", n % 7), ("asn", n % 31), ("iin", n % 23)] for n in range(SIZE)}
    for n, given in [*((n, core_marks) for n in range(20)), (20, marks)]:
        kinds = {kind for kind, _ in given}
        held[n] = [pair for pair in held[n] if pair[0] not in kinds] + given
    suspects = np.arange(SIZE) < SIZE // 2
    suspects[20] = not proven
    known = background(held)
    return likeness(signature(CORE, known), known), suspects


def background(held, apart=()):
    """What is normal: everybody but the core counts, and who is not suspected is trusted."""
    numbers = np.arange(SIZE)
    base = (numbers >= 20) & ~np.isin(numbers, apart)
    return Habits(items(held, SIZE), (numbers % 3,)).among(base, numbers >= SIZE // 2)


def joins(marks, **given):
    found, suspects = looks(marks, **given)
    return 20 in passing(found, len(CORE), suspects)[0]


def test_an_account_with_three_marks_of_the_core_joins():
    assert joins(MARKS[:3])


def test_two_marks_are_not_enough_unless_one_of_them_identifies():
    assert not joins(MARKS[:2])
    assert joins([MARKS[0], MARKS[3]], core_marks=[MARKS[0], MARKS[3]])


def test_a_disguise_needs_one_more_mark_and_never_takes_in_the_proven():
    worn = [MARKS[2], MARKS[4]]
    assert joins(worn, core_marks=worn)
    assert not joins(worn, core_marks=worn, proven=True)


def test_a_proven_account_needs_a_mark_that_identifies():
    assert not joins(MARKS[:3], proven=True)
    assert joins(MARKS[:4], core_marks=MARKS[:4], proven=True)


def test_values_of_one_family_count_once():
    twice = [("asn", 91), ("net", 94), ("host", 95)]
    assert not joins(twice, core_marks=twice)


def test_members_of_the_core_look_like_it_and_others_do_not():
    found, _ = looks(MARKS[:3])
    alike = found.accounts[several(found)]
    assert alike.tolist() == list(range(21))


def test_a_family_in_which_an_account_differs_counts_against_it():
    found, _ = looks(MARKS[:2])
    with_two = found.nats[found.accounts == 20][0]
    found, _ = looks(MARKS[:3])
    assert found.nats[found.accounts == 20][0] > with_two
    assert found.families.max() <= len(FAMILIES)
