"""Who had a device or a session first: what a proven account had before all others is no evidence against it.

A device or session id can be copied from an account that has shown it, never put on an account that has not. So the
first holder of a value did nothing, and an account that shows what another had before did something itself.
"""

from typing import NamedTuple

import numpy as np

from reputation.hydra.columns import LOW, Floats, Ints, Mask, PairTable, run_starts
from reputation.hydra.families import DAY, FAMILIES
from reputation.hydra.ledger import Ledger
from reputation.hydra.table import Items

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
    for name, first in had_first(ledger, proven).items():
        rows = items.rows_of_kinds(name)
        pairs = items.accounts[rows] << LOW | items.value[items.items[rows]]
        own[rows] = first[np.searchsorted(ledger.pairs[name].keys, pairs)]
    handed = items.rows_of_kinds("handoff")
    others = own.copy()
    others[handed] = True
    giving = proven & ~items._replace(own=others).accused(SESSION)
    own[handed] |= giving[items.accounts[handed]]
    return items._replace(own=own)


def had_first(ledger: Ledger, judged: Mask) -> dict[str, Mask]:
    """Return for devices and sessions the rows of their tables that one of the accounts `judged` had first.

    The first holder of a device that came with a new network operator must have had it long before the others.
    """
    device, session = _shared(ledger.pairs["device"]), _shared(ledger.pairs["session"])
    long_before = np.where(_moved(ledger, device), LONG_BEFORE, 0.0)
    found = {kind: np.zeros(len(ledger.pairs[kind]), bool) for kind in ("device", "session")}
    found["device"][device.rows] = judged[device.accounts] & (_lead(device, _since(ledger, device)) > long_before)
    found["session"][session.rows] = judged[session.accounts] & (_lead(session, session.first) > 0.0)
    return found


class _Holders(NamedTuple):
    """The rows of a table whose value several accounts have."""

    rows: Ints
    accounts: Ints
    values: Ints
    first: Floats


def _shared(table: PairTable) -> _Holders:
    values = table.values
    rows = np.flatnonzero(np.bincount(values, minlength=1)[values] >= 2)
    return _Holders(rows, table.accounts[rows], values[rows], table.first[rows])


def _lead(held: _Holders, since: Floats) -> Floats:
    """Seconds for which the account of each row had its value before all others; 0 if it was not first."""
    order = np.lexsort((since, held.values))
    starts = run_starts(held.values[order])
    lead = np.zeros(len(order))
    lead[order[starts]] = since[order][starts + 1] - since[order[starts]]
    return lead


def _since(ledger: Ledger, held: _Holders) -> Floats:
    """Since when the account of each row has had its value: since sign-up, if the ledger cannot know better."""
    created, begun = ledger.column("created")[held.accounts], ledger.days.begun * DAY
    since: Floats = np.where((created < begun) & (held.first <= begun + LEARNING), created, held.first)
    return since


def _moved(ledger: Ledger, held: _Holders) -> Mask:
    """Whether the account of each row took up its value after it was first seen, and a new network operator with it."""
    operators, first = ledger.pairs["asn"], ledger.column("first")
    new = operators.first > first[operators.accounts] + WITHIN
    moves = np.sort(_stamped(operators.accounts[new], operators.first[new]))
    taken = _stamped(held.accounts, held.first)
    around = np.searchsorted(moves, taken + int(WITHIN), "right") - np.searchsorted(moves, taken - int(WITHIN), "left")
    moved: Mask = (held.first > first[held.accounts] + WITHIN) & (around > 0)
    return moved


def _stamped(accounts: Ints, at: Floats) -> Ints:
    """Accounts and times as one number, by which they are sorted."""
    return accounts << LOW | at.astype(np.int64)
