"""Launches: groups that one application, its clouds and its day explain, and whose use is as uneven as people's.

The users of an application that became known today share its software and the hour, and few clouds hold most of
those who run it on a server. A dispatcher's heads share that too, but their work is even.
"""

import numpy as np

from reputation.hydra.columns import Ints, Mask
from reputation.hydra.cores import Group
from reputation.hydra.families import DAY, HOUR
from reputation.hydra.ledger import Ledger
from reputation.hydra.overt import launched
from reputation.hydra.shape import FEWEST_MEMBERS, FEWEST_PEOPLE, FEWEST_REQUESTS, SHARE, spread_of


def without_launches(groups: list[Group], ledger: Ledger, trusted: Mask) -> list[Group]:
    """Return the groups that are no launches."""
    suspected = [group for group in groups if launched(group.families)]
    usual = _spread(ledger, np.flatnonzero(trusted), FEWEST_PEOPLE) if suspected else None
    if usual is None:
        return groups
    return [group for group in groups if not launched(group.families) or not _uneven(ledger, group, usual)]


def _uneven(ledger: Ledger, group: Group, usual: float) -> bool:
    spread = _spread(ledger, group.members, FEWEST_MEMBERS)
    return spread is not None and spread > SHARE * usual


def _spread(ledger: Ledger, accounts: Ints, fewest: int) -> float | None:
    """Return how uneven the use of these accounts is, each since it was first seen; None if too few made requests."""
    count = ledger.requests[accounts].astype(np.float64)
    enough = count >= FEWEST_REQUESTS
    if enough.sum() < fewest:
        return None
    used = np.maximum((ledger.hour + 1) * HOUR - ledger.column("first")[accounts], HOUR)
    return spread_of(count[enough] / (used[enough] / DAY), count[enough])
