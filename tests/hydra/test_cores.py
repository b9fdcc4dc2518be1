"""Cores and their growth."""

import numpy as np

from reputation.hydra.cores import Group, grown


def test_a_group_that_lost_all_its_members_is_no_group() -> None:
    """Nobody looked like the rest of it; the epoch goes on with the others."""
    empty = Group(*(np.empty(0, int) for _ in Group._fields))
    assert grown([empty], None, None) == []
