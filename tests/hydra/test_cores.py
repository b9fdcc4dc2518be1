"""Cores and their growth."""

import numpy as np

from reputation.hydra.cores import Group, from_cells, grown
from reputation.hydra.surprise import Cell
from tests.hydra.test_growth import SIZE, background

MARKS = [("ja4", 90), ("asn", 91), ("iin", 92)]


def core(members):
    return Group(np.array(members), np.full(len(members), 5.0), frozenset({0, 1}))


def test_a_group_none_of_whose_members_look_like_the_rest_is_no_group():
    held = {n: [("ja4", n % 7), ("asn", n % 31), ("iin", n % 23)] for n in range(SIZE)}
    assert grown([core(range(20))], background(held), np.ones(SIZE, bool)) == []


def test_who_came_in_by_a_cell_but_looks_like_others_leaves():
    held = {n: MARKS if n < 19 else [("ja4", n % 7), ("asn", n % 31), ("iin", n % 23)] for n in range(SIZE)}
    (left,) = grown([core(range(20))], background(held), np.ones(SIZE, bool))
    assert left.members.tolist() == list(range(19))


def test_a_cell_that_lies_in_several_cores_makes_no_core_of_nobody():
    apart = [Cell((0, 1, 2), np.arange(5 * n, 5 * n + 5), 9.0, 90.0, (0.1, 0.1, 0.1)) for n in range(4)]
    across = Cell((3, 4, 5), np.array([0, 5, 10, 15, 1]), 9.0, 30.0, (0.1, 0.1, 0.1))
    groups = from_cells([*apart, across], np.arange(6), 30)
    assert [len(group.members) for group in groups] == [5, 5, 5, 5]
