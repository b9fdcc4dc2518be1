"""Sessions that go on in another account at a place where the first never was: a relay does that to its users.

Who has two accounts changes between them at one address, and so does a family.
"""

import numpy as np

from reputation.hydra.columns import LOW, Ints, Mask, PairTable, distinct, run_starts, spans
from reputation.hydra.families import DAY
from reputation.hydra.ledger import Ledger

HANDED_TO = 64
"""A session id on more accounts is a constant that some client sends, not a session."""
FRESH = 3 * DAY
REMEMBERED = 14 * DAY
"""How long it says something about an account; of slow heads each has one every few days."""


def note(ledger: Ledger, now: float) -> None:
    """Mark the accounts that a session was handed to or from lately."""
    ledger.floats["handed"][_handed(ledger.pairs["session"], ledger.pairs["net"], now)] = now


def over(ledger: Ledger, now: float) -> Ints:
    """The accounts that a session was handed to or from, as far as that is remembered."""
    return np.flatnonzero(ledger.column("handed") >= now - REMEMBERED)


def _handed(sessions: PairTable, nets: PairTable, now: float) -> Ints:
    fresh = sessions.last >= now - FRESH
    accounts, held = sessions.accounts[fresh], sessions.values[fresh]
    holders = np.bincount(held)[held] if len(held) else held
    shared = (holders >= 2) & (holders <= HANDED_TO)
    accounts, held = accounts[shared], held[shared]
    order = np.lexsort((accounts, held))
    accounts, held = accounts[order], held[order]
    starts = run_starts(held)
    first = np.repeat(accounts[starts], np.diff(np.append(starts, len(held))))
    apart = (first != accounts) & ~_met(nets, first, accounts)
    return distinct(np.concatenate([first[apart], accounts[apart]]))


def _met(nets: PairTable, first: Ints, second: Ints) -> Mask:
    """Which of these pairs of accounts were in one network."""
    begin = np.searchsorted(nets.keys, first << LOW)
    count = np.searchsorted(nets.keys, (first + 1) << LOW) - begin
    pair = np.repeat(np.arange(len(first)), count)
    theirs = second[pair] << LOW | nets.values[spans(begin, count)]
    spot = np.minimum(np.searchsorted(nets.keys, theirs), max(len(nets.keys) - 1, 0))
    together = np.zeros(len(first), bool)
    together[pair[nets.keys[spot] == theirs]] = True
    return together
