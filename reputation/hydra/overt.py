"""Overt sharing: what an innocent circumstance that hides nothing explains is no evidence of an actor behind it.

One paid card for many accounts is a company. People in one place (a class on identical machines, a hackathon with a
starter kit, a company on its first day, a family) share address, hour, software, card and task. And who uses one
application shares its client library, its model, its prompts, and the day when everybody heard of it.
"""

import numpy as np

from reputation.hydra.columns import Ints, Mask
from reputation.hydra.families import FAMILIES
from reputation.hydra.ledger import Ledger

SETTLED = 20.0
"""US dollars that an account must have settled: what makes a payer, without the wait. A hydra that pays this for every
head is bounded by its costs, and gets one organisation's quota."""
SHARE = 0.8
TOGETHER = 0.5
"""Share of a group whose main network must be the same for it to be one place; the others work at home."""
HIDING = frozenset({"hosting", "vpn", "relay", "proxy", "residential_proxy", "tor", "mobile"})
"""Networks on which an address says nothing about where people are: those for hire, and carriers' shared ones."""
OF_AN_APPLICATION = frozenset(map(FAMILIES.index, ("software", "model", "content", "pivot", "time")))


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


def applied(families: frozenset[int]) -> bool:
    """Whether families of evidence are no more than what the users of one application have in common."""
    return families <= OF_AN_APPLICATION


class Places:
    """Where accounts mainly are: at which /24 or /48, and whether people live, work or learn on such networks.

    A group in one such place is a neighbourhood, not an actor who hides: its accounts keep their limits and share
    the budget of their neighbourhood. A hydra in one place gets no more than that either.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._net = most_seen(ledger, "net")
        kinds = most_seen(ledger, "network")
        hiding = [number + 1 for number, name in enumerate(ledger.names["network"].names) if name in HIDING]
        self._lived_in: Mask = (most_seen(ledger, "asn") > 0) & ~np.isin(kinds, hiding)

    def one(self, members: Ints) -> bool:
        """Whether half of these accounts are mainly in one place where people are."""
        nets = self._net[members[self._lived_in[members]]]
        nets = nets[nets > 0]
        return len(nets) > 0 and int(np.bincount(nets).max()) >= TOGETHER * len(members)


def most_seen(ledger: Ledger, kind: str) -> Ints:
    """Each account's most frequent value of a kind, counted from 1; 0 where nobody knows."""
    table = ledger.pairs[kind]
    of = np.zeros(ledger.size, np.int64)
    order = np.lexsort((table.count, table.accounts))
    of[table.accounts[order]] = table.values[order] + 1
    return of
