"""Drops one account from what a linker knows: for `headcount forget`."""

import numpy as np

from reputation.hydra.book import Book
from reputation.hydra.families import SEEN
from reputation.hydra.ledger import Ledger
from reputation.hydra.named import NAMED


def erase(ledger: Ledger, book: Book, account: str) -> None:
    """Drop an account from the sightings, the clusters, and all that the book says of it."""
    ledger.absorb()
    ledger.draws.erase(account)
    number = ledger.accounts.ids.get(account)
    if number is not None:
        _erase_sightings(ledger, number)
    for kept in book.clusters.values():
        kept.members.pop(account, None)
    for split in book.splits:
        split.members = [member for member in split.members if member != account]
    for standing in book.established.values():
        standing.payers.pop(account, None)
    book.floors.pop(account, None)
    book.rulings = [ruling for ruling in book.rulings if ruling.account != account]


def _erase_sightings(ledger: Ledger, number: int) -> None:
    """Drop an account's pairs and columns, and the names that no other account has."""
    gone = np.zeros(len(ledger.flags), bool)
    gone[number] = True
    for table in (*ledger.pairs.values(), ledger.worn):
        table.trim(-np.inf, gone)
    ledger.release(np.array([number]))
    for kind in SEEN:
        ledger.names[kind.name].keep_only(ledger.pairs[kind.name].values)
    for name in NAMED:
        ledger.names[name].keep_only(ledger.number_column(name))
    ledger.clients.keep_only(ledger.worn.values)
