"""Overt sharing: what an innocent circumstance that hides nothing explains is no evidence of an actor behind it.

One paid card for many accounts is a company. People in one place (a class on identical machines, a hackathon with a
starter kit, a company on its first day, a family) share address, hour, software, card and task. And who uses one
application shares its client library, its model, its prompts, and the day when everybody heard of it.
"""

import numpy as np

from reputation.hydra.columns import LOW, Ints, Mask
from reputation.hydra.families import FAMILIES
from reputation.hydra.ledger import Ledger

SETTLED = 20.0
"""US dollars that an account must have settled: what makes a payer, without the wait. A hydra that pays this for every
head is bounded by its costs, and gets one organisation's quota."""
SHARE = 0.8
TOGETHER = 1 / 3
"""Share of a group that must have been in one place for it to be there; the others work at home. Where seven of ten
come in, fewer than a third of nine do once in 230 times, fewer than half once in ten."""
SAMPLED = 256
"""Members of a large group who are looked at, evenly spread: a third of them shows in so many."""
COLLEAGUES = 5
"""Accounts on one card from which on it may be a firm's."""
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
    """Where accounts have been: at which /24s or /48s on whose operators people live, work or learn.

    A group in one such place is a neighbourhood, not an actor who hides: its accounts keep their limits and share
    the budget of their neighbourhood. A hydra in one place gets no more than that either. Whoever shares a card with
    people who are in one place belongs there too: those of a firm who work at home.
    """

    def __init__(self, ledger: Ledger) -> None:
        table = ledger.pairs["net"]
        inside = _lived_in(ledger, table.values)
        accounts, nets = table.accounts[inside], table.values[inside]
        card = ledger.number_column("card")
        firm = _seats(card, accounts, nets)
        employed = np.flatnonzero((card >= 0) & (firm[card] >= 0))
        accounts = np.concatenate([accounts, employed])
        pairs = np.unique(accounts << LOW | np.concatenate([nets, firm[card[employed]]]))
        self._nets: Ints = pairs & ((1 << LOW) - 1)
        self._start = np.searchsorted(pairs >> LOW, np.arange(ledger.size + 1))

    def one(self, members: Ints) -> bool:
        """Whether a third of these accounts, and two at least, have been in one place where people are."""
        if len(members) > SAMPLED:
            members = members[np.linspace(0, len(members) - 1, SAMPLED).astype(np.int64)]
        begin, count = self._start[members], self._start[members + 1] - self._start[members]
        within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        held = np.unique(self._nets[np.repeat(begin, count) + within], return_counts=True)[1]
        return int(held.max(initial=0)) >= max(TOGETHER * len(members), 2)


def _lived_in(ledger: Ledger, nets: Ints) -> Mask:
    """Which of these networks are, to most who are mainly there, of a known operator and not for hire."""
    main, kinds = most_seen(ledger, "net"), most_seen(ledger, "network")
    hiding = [number + 1 for number, name in enumerate(ledger.names["network"].names) if name in HIDING]
    people = (most_seen(ledger, "asn") > 0) & ~np.isin(kinds, hiding)
    width = int(nets.max(initial=0)) + 2
    residents, here = np.bincount(main, minlength=width), np.bincount(main[people], minlength=width)
    lived_in: Mask = (residents > 0) & (2 * here >= residents)
    return lived_in[nets + 1]


def _seats(card: Ints, accounts: Ints, nets: Ints) -> Ints:
    """For each card the network where a third of its holders have been, if it may be a firm's; else -1.

    card: each account's, or -1; accounts, nets: who has been where, each pair once.
    """
    holders = np.bincount(card[card >= 0], minlength=1)
    seat = np.full(len(holders), -1)
    paid = card[accounts] >= 0
    pairs, count = np.unique(card[accounts[paid]] << LOW | nets[paid], return_counts=True)
    of = pairs >> LOW
    firm = (holders[of] >= COLLEAGUES) & (count >= TOGETHER * holders[of])
    order = np.argsort(count[firm], kind="stable")
    seat[of[firm][order]] = (pairs & ((1 << LOW) - 1))[firm][order]
    return seat


def most_seen(ledger: Ledger, kind: str) -> Ints:
    """Each account's most frequent value of a kind, counted from 1; 0 where nobody knows."""
    table = ledger.pairs[kind]
    of = np.zeros(ledger.size, np.int64)
    order = np.lexsort((table.count, table.accounts))
    of[table.accounts[order]] = table.values[order] + 1
    return of
