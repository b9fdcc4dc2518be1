"""Overt sharing: one paid card for many accounts is a company, and says so itself."""

import numpy as np

from reputation.hydra.ledger import Ledger

SETTLED = 20.0
"""US dollars that an account must have settled: what makes a payer, without the wait. A hydra that pays this for every
head is bounded by its costs, and gets one organisation's quota."""
SHARE = 0.8


def invoiced(ledger: Ledger) -> dict[int, int]:
    """Accounts, by number, that share a card which paid for four fifths of them and was never disputed; and it."""
    card = ledger.number_column("card")
    there = np.flatnonzero(card >= 0)
    if not len(there):
        return {}
    paid = np.nan_to_num(ledger.column("settled")[there]) >= SETTLED
    paid &= ledger.number_column("funding")[there] != ledger.names["funding"].ids.get("prepaid", -2)
    total = np.bincount(card[there])
    good = np.bincount(card[there], weights=paid) >= SHARE * total
    bad = np.bincount(card[there], weights=ledger.number_column("disputes")[there]) > 0
    overt = good & ~bad & (total >= 2)
    return {int(n): int(card[n]) for n in there[overt[card[there]]]}
