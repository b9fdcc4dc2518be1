"""Who had a device or a session first: what a proven account had before all others is no evidence against it.

A device or session id can be copied from an account that has shown it, never put on an account that has not. So the
first holder of a value did nothing, and an account that shows what another had before did something itself.
"""

import numpy as np

from reputation.hydra.columns import LOW, Floats, Ints, Mask, PairTable, run_lengths, run_starts
from reputation.hydra.families import DAY, FAMILIES, INDEX
from reputation.hydra.items import Items
from reputation.hydra.ledger import Ledger

WITHIN = DAY
"""Two changes within this of each other came together."""
LEARNING = 7 * DAY
"""What an account older than the ledger shows within this of the ledger's beginning, it has had since sign-up."""
LONG_BEFORE = 14 * DAY
"""How long before all others an account must have had a device that came together with a new network operator: a
bought account moves to its buyer's device, and the others follow within days."""


SESSION = FAMILIES.index("session")


def with_own(items: Items, ledger: Ledger, proven: Mask) -> Items:
    """Return the items with the rows marked that are no evidence against the accounts `proven`: of devices and sessions
    that they had first, and that sessions are handed over, if they were handed none."""
    own = items.own.copy()
    kind = items.kind[items.items]
    for name, first in had_first(ledger, proven).items():
        rows = np.flatnonzero(kind == INDEX[name])
        pairs = items.accounts[rows] << LOW | items.value[items.items[rows]]
        own[rows] = first[np.searchsorted(ledger.pairs[name].keys, pairs)]
    giving = proven & ~items._replace(own=own | (kind == INDEX["handoff"])).accused(SESSION)
    own |= (kind == INDEX["handoff"]) & giving[items.accounts]
    return items._replace(own=own)


def had_first(ledger: Ledger, judged: Mask) -> dict[str, Mask]:
    """Return for devices and sessions the rows of their tables that one of the accounts `judged` had first.

    The first holder of a device that came with a new network operator must have had it long before the others.
    """
    device, session = ledger.pairs["device"], ledger.pairs["session"]
    leads = _lead(device, _since(ledger, device)), _lead(session, session.first)
    return {
        "device": judged[device.accounts] & (leads[0] > np.where(_moved(ledger, device), LONG_BEFORE, 0.0)),
        "session": judged[session.accounts] & (leads[1] > 0.0),
    }


def _lead(table: PairTable, since: Floats) -> Floats:
    """Seconds for which the account of each row had its value before all others; 0 if it was not first."""
    values = table.values
    order = np.lexsort((since, values))
    starts = run_starts(values[order])
    lengths = run_lengths(starts, len(order))
    following = np.append(since[order], np.inf)[starts + 1]
    lead = np.zeros(len(order))
    lead[order[starts]] = np.where(lengths > 1, following - since[order[starts]], np.inf)
    return lead


def _since(ledger: Ledger, table: PairTable) -> Floats:
    """Since when the account of each row has had its value: since sign-up, if the ledger cannot know better."""
    created, begun = ledger.column("created")[table.accounts], ledger.days.begun * DAY
    since: Floats = np.where((created < begun) & (table.first <= begun + LEARNING), created, table.first)
    return since


def _moved(ledger: Ledger, table: PairTable) -> Mask:
    """Whether the account of each row took up its value after it was first seen, and a new network operator with it."""
    operators, first = ledger.pairs["asn"], ledger.column("first")
    new = operators.first > first[operators.accounts] + WITHIN
    moves = np.sort(_stamped(operators.accounts[new], operators.first[new]))
    taken = _stamped(table.accounts, table.first)
    around = np.searchsorted(moves, taken + int(WITHIN), "right") - np.searchsorted(moves, taken - int(WITHIN), "left")
    moved: Mask = (table.first > first[table.accounts] + WITHIN) & (around > 0)
    return moved


def _stamped(accounts: Ints, at: Floats) -> Ints:
    """Accounts and times as one number, by which they are sorted."""
    return accounts << LOW | at.astype(np.int64)
