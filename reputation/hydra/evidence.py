"""What links the members of a cluster: the values that surprise most, in words."""

import numpy as np

from reputation.hydra.background import Background
from reputation.hydra.columns import Ints, spans, tallied
from reputation.hydra.divergence import divergence
from reputation.hydra.families import KINDS
from reputation.hydra.items import describe
from reputation.hydra.ledger import Ledger
from reputation.hydra.links import LinkEvidence

MOST = 12
"""Values that are said of a cluster at most."""
SURPRISING, HOLDERS = 3.0, 2
"""Nats from which on a value is said, and members that must hold it."""


def evidence_of(members: Ints, drawn: Ints, known: Background, ledger: Ledger) -> tuple[LinkEvidence, ...]:
    """Return the values that link the members, the most surprising first, and which members to draw hold them.

    members, drawn: sorted.
    """
    items = known.items
    begin, end = (np.searchsorted(items.accounts, members, side) for side in ("left", "right"))
    rows = spans(begin, end - begin)
    held, count = tallied(items.items[rows], len(known.general))
    expected = known.general[held]
    nats = len(members) * divergence(count / len(members), expected)
    best = np.argsort(-nats, kind="stable")[:MOST]
    best = best[(nats[best] > SURPRISING) & (count[best] >= HOLDERS)]
    return tuple(
        _worded(known, ledger, int(held[one]), (int(count[one]), float(nats[one])), drawn) for one in best.tolist()
    )


def _worded(known: Background, ledger: Ledger, item: int, found: tuple[int, float], drawn: Ints) -> LinkEvidence:
    """found: how many members hold it, nats."""
    items = known.items
    kind, (count, nats) = KINDS[items.kind[item]], found
    words = describe(ledger, kind.name, int(items.value[item]))
    holders = items.accounts[items.order[items.start[item] : items.start[item + 1]]]
    spot = np.minimum(np.searchsorted(holders, drawn), len(holders) - 1)
    share = float(known.general[item])
    shown = tuple(np.flatnonzero(holders[spot] == drawn).tolist())
    return LinkEvidence(kind.name, words, kind.family, count, share, nats, shown)
