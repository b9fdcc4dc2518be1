"""Accounts and the values they hold, as one sparse table that all detectors read."""

from typing import NamedTuple

import numpy as np

from reputation.hydra.columns import (
    LOW,
    Floats,
    Ints,
    Mask,
    rank_in_group,
    run_lengths,
    run_starts,
    spans,
    stable_order,
)
from reputation.hydra.families import FAMILIES, FAMILY, INDEX, KINDS, PARTIAL

_FAMILIES = np.array(FAMILY)
_PARTIAL = np.array([family in PARTIAL for family in FAMILY])
_MINED = np.array([kind.mined for kind in KINDS])


class Items(NamedTuple):
    """Rows (account, item) sorted by account; an item's kind and value are looked up in `kind` and `value`.

    Values that one account alone has are left out, since they link none; known: (families, accounts), which families
    say anything about which accounts, those values included. own: rows that are no evidence against their account,
    because it is proven and had the value before all others, see `precedence`. order, start: the rows sorted by item,
    and of one item by account; where each item's begin, and their end.
    """

    accounts: Ints
    items: Ints
    kind: Ints
    value: Ints
    known: Mask
    own: Mask
    order: Ints
    start: Ints

    def family(self) -> Ints:
        """The family of each item."""
        return _FAMILIES[self.kind]

    def rows_of(self, items: Ints) -> Ints:
        """Rows of the table that hold any of these items, item by item."""
        rows: Ints = self.order[spans(self.start[items], self.start[items + 1] - self.start[items])]
        return rows

    def rows_of_kinds(self, *kinds: str) -> Ints:
        """Rows of the table that hold a value of these kinds, item by item."""
        return self.rows_of(np.flatnonzero(self.are(*(INDEX[kind] for kind in kinds))))

    def are(self, *kinds: int) -> Mask:
        """Which items are of these kinds."""
        chosen = np.zeros(len(KINDS), bool)
        chosen[list(kinds)] = True
        of_kinds: Mask = chosen[self.kind]
        return of_kinds

    def counts(self, among: Mask, items: Ints | None = None) -> Ints:
        """How many of the accounts `among` hold each item; items: those to count, others have none."""
        held, accounts = self.items, self.accounts
        if items is not None:
            rows = self.rows_of(items)
            held, accounts = held[rows], accounts[rows]
        return np.bincount(held[among[accounts]], minlength=len(self.kind))

    def partial(self) -> Mask:
        """Which items are of a family that says something about some accounts alone."""
        partial: Mask = _PARTIAL[self.kind]
        return partial

    def coverage(self, among: Mask) -> Floats:
        """By item: the share of the accounts `among` about which a partial family says something; 1 for other items."""
        share, size = np.ones(len(FAMILIES)), int(np.count_nonzero(among)) + 1.0
        for family in PARTIAL:
            share[family] = (int(np.count_nonzero(self.known[family] & among)) + 1.0) / size
        return share[self.family()]

    def accused(self, family: int) -> Mask:
        """Accounts against which a value of a family is evidence."""
        rows = self.rows_of(np.flatnonzero(self.family() == family))
        accounts = np.zeros(self.known.shape[1], bool)
        accounts[self.accounts[rows[~self.own[rows]]]] = True
        return accounts


def table_of(accounts: Ints, items: Ints, kind: Ints, value: Ints, known: Mask) -> Items:
    """Return the table of these rows (account, item), in any order."""
    of_accounts = stable_order(accounts)
    accounts, items = accounts[of_accounts], items[of_accounts]
    order = stable_order(items)
    start = np.concatenate([[0], np.cumsum(np.bincount(items, minlength=len(kind)))])
    return Items(accounts, items, kind, value, known, np.zeros(len(order), bool), order, start)


def mined(items: Items, rows: Ints, weight: Floats) -> Mask:
    """Which of these rows enter the search for cells: per account and kind the `mined` values with the greatest weight.

    rows: in the order of the table, in which an account's values of one kind follow each other.
    """
    held = items.items[rows]
    kind = items.kind[held]
    begin = run_starts(items.accounts[rows] << LOW | kind)
    count = run_lengths(begin, len(rows))
    crowded = np.flatnonzero(count > _MINED[kind[begin]])
    some = spans(begin[crowded], count[crowded])
    group = np.repeat(crowded, count[crowded])
    place = np.empty(len(weight), np.int64)
    place[np.argsort(-weight, kind="stable")] = np.arange(len(weight))
    order = np.argsort(group << LOW | place[held[some]])
    stay = np.ones(len(rows), bool)
    stay[some[order]] = rank_in_group(group) < _MINED[kind[some]]
    return stay
