"""Conversations that move from account to account: evidence of the family `content`.

A gateway says of each request what its conversation began with (`request.content`). A relay moves its users between
heads, so a head goes on with conversations that other heads began, and they go on with its own. A prompt that two
accounts began is a template, an exercise or a fashion, and a prompt of a queue is handed out once: neither moves.
People who go on with a conversation that another person published give nothing back.
"""

from typing import NamedTuple

import numpy as np

from reputation.hydra.columns import Ints, Mask, Rows
from reputation.hydra.ledger import PAYER, PROVEN, Ledger
from reputation.hydra.rhythm import daily_use
from reputation.hydra.shape import FEWEST_PEOPLE, spread_of, surely_even

PUBLISHED = 64
"""A conversation that more accounts go on with was published, as a session id on so many is no session."""


class Moves(NamedTuple):
    """Conversations that went from one account to another: who began each, and who went on with it."""

    givers: Ints
    takers: Ints

    def between(self, accounts: Mask) -> "Moves":
        """Return the moves between two of these accounts."""
        inside = accounts[self.givers] & accounts[self.takers]
        return Moves(self.givers[inside], self.takers[inside])


def moved(ledger: Ledger) -> Mask:
    """Return the accounts that conversations move between. A proven account or a payer must both give and take."""
    found = moves(ledger)
    gives, takes = np.zeros((2, ledger.size), bool)
    gives[found.givers], takes[found.takers] = True, True
    accounts: Mask = gives & takes | (gives | takes) & ~ledger.flagged(PROVEN | PAYER)
    return accounts


def moves(ledger: Ledger) -> Moves:
    """Return which conversations that one account alone began another one went on with."""
    begun, carried = ledger.pairs["begun"], ledger.pairs["carried"]
    if not len(carried):
        return Moves(carried.accounts, carried.accounts)
    number = ledger.names["begun"].ids
    same = np.array([number.get(name, -1) for name in ledger.names["carried"].names], np.int64)
    shape, takers = same[carried.values], carried.accounts
    width = len(ledger.names["begun"].names)
    by, since = np.full(width + 1, -1), np.full(width + 1, np.inf)
    by[begun.values], since[begun.values] = begun.accounts, begun.first
    went = (np.bincount(begun.values, minlength=width + 1)[shape] == 1) & (by[shape] != takers)
    went &= (since[shape] <= carried.first) & (np.bincount(carried.values)[carried.values] <= PUBLISHED)
    return Moves(by[shape[went]], takers[went])


def relayed(ledger: Ledger) -> Rows:
    """Return the accounts that conversations move between, as values."""
    found = np.flatnonzero(moved(ledger))
    return Rows("relayed", found, np.zeros(len(found), np.int64))


def evenly_used(ledger: Ledger, members: Ints, trusted: Mask) -> bool:
    """Return whether accounts share work more evenly than people do, as a relay's heads do and colleagues do not."""
    count = ledger.requests[: ledger.size].astype(np.float64)
    people = np.flatnonzero(trusted & (count > 0))
    if len(people) < FEWEST_PEOPLE:
        return False
    usual = spread_of(daily_use(ledger, people), count[people])
    seen = members[count[members] > 0]
    return len(seen) >= FEWEST_PEOPLE and surely_even(daily_use(ledger, seen), count[seen], usual)
