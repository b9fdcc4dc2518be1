"""Overt sharing: what an innocent circumstance that hides nothing explains is no evidence of an actor behind it.

One paid card for many accounts is a company. People in one place (a class on identical machines, a hackathon with a
starter kit, a company on its first day, a family) share address, hour, software, card and task. And who uses one
application shares its client library, its model, its prompts, and the day when everybody heard of it.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from functools import partial

import numpy as np

from reputation.hydra.columns import LOW, Ints, Mask, joined, run_lengths, run_starts, spans
from reputation.hydra.counting import FEWEST
from reputation.hydra.families import FAMILIES, FOR_HIRE, INDEX
from reputation.hydra.ledger import Ledger
from reputation.hydra.residents import Residents
from reputation.hydra.software import is_browser, software

SETTLED = 20.0
"""US dollars that an account must have settled: what makes a payer, without the wait. A hydra that pays this for every
head is bounded by its costs, and gets one organisation's quota."""
SHARE = 0.8
TOGETHER = 1 / 3
"""Share of a group that must have been in one place for it to be there; the others work at home. Where seven of ten
come in, fewer than a third of nine do once in 230 times, fewer than half once in ten."""
ALONE = 2
"""How many times more must have been in that place than in networks for hire: people who work in a cloud's notebooks
have machines of their own there, a hydra's heads share its machines."""
SERVERS = 1
"""Networks for hire that they may share all the same: a firm has a server."""
SAMPLED = 256
"""Members of a large group who are looked at, evenly spread: a third of them shows in so many."""
AT_ONCE = 128
"""Groups looked at at once: what stays in a processor's cache."""
COLLEAGUES = 5
"""Accounts on one card from which on it may be a firm's."""
DISGUISE = INDEX["disguise"]
OF_AN_APPLICATION = frozenset(
    map(FAMILIES.index, ("software", "model", "content", "pivot", "time", "rhythm", "load", "synchrony"))
)


def invoiced(ledger: Ledger) -> dict[int, int]:
    """Accounts, by number, that paid with a card which paid for four fifths of its accounts, undisputed; and it."""
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
    return {int(n): int(card[n]) for n in there[overt[card[there]] & paid]}


def applied(families: frozenset[int], kinds: frozenset[int]) -> bool:
    """Whether evidence is no more than what the users of one application have in common; it says what it is."""
    return families <= OF_AN_APPLICATION and DISGUISE not in kinds


def one_program(ledger: Ledger, members: Ints) -> bool:
    """Whether half of these accounts or more use one program that is no browser."""
    table = ledger.pairs["user_agent"]
    rows = table.rows_of(members)
    products = [software(ledger.name_of("user_agent", agent)) for agent in table.values[rows].tolist()]
    users = {pair for pair in zip(table.accounts[rows].tolist(), products, strict=True) if not is_browser(pair[1])}
    most = max(Counter(product for _, product in users).values(), default=0)
    return 2 * most >= len(members)


def launched(families: frozenset[int]) -> bool:
    """Whether evidence is no more than what the users of one application have in common where it spreads by region."""
    return families <= OF_AN_APPLICATION | {FAMILIES.index("network")}


class Places:
    """Where accounts have been: at which /24s or /48s on whose operators people live, work or learn.

    A group in one such place is a neighbourhood, not an actor who hides: its accounts keep their own limits.
    An account that shares a card with people in one place belongs there too: those of a firm who work at home. The
    place is what they share most: a room whose people go on in a cloud's notebooks, each in one of its own, is one; a
    few data centres and a network of unknown use are none. One network for hire, or one carrier's, is a place if its
    accounts are used as people use them: a school's filter and a company's gateway are in data centres, too.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._seen = np.isfinite(ledger.column("last"))
        self._residents = Residents.seen_by(ledger)
        table = ledger.pairs["net"]
        self._inhabited = partial(ledger.inhabited, "net")
        inside = self._inhabited(table.values)
        card = ledger.number_column("card")
        firm = _seats(card, table.accounts[inside], table.values[inside])
        employed = np.flatnonzero((card >= 0) & (firm[card] >= 0))
        pairs = joined(table.keys, employed << LOW | firm[card[employed]])
        self._nets = (pairs & ((1 << LOW) - 1)).astype(np.uint32)
        self._width = len(ledger.names["net"].names)
        self._start = np.searchsorted(pairs >> LOW, np.arange(ledger.size + 1))

    def excuse(self, members: Ints) -> bool:
        """Whether these accounts are in one place, or too few of them were seen yet to tell."""
        return bool(self.excused([members])[0])

    def excused(self, groups: Sequence[Ints]) -> Mask:
        """Which of these groups are in one place, or have too few members who were seen yet to tell."""
        unseen = np.array([int(self._seen[members].sum()) < FEWEST for members in groups], bool)
        left_alone: Mask = self.together(groups) | unseen
        return left_alone

    def seen_enough(self, members: Ints, count: int) -> bool:
        """Whether enough members of a cluster were seen to place it. members: the known ones; count: all."""
        return int(self._seen[members].sum()) >= max(TOGETHER * count, FEWEST)

    def one(self, members: Ints) -> bool:
        """Whether these accounts are in one place."""
        return bool(self.together([members])[0])

    def together(self, groups: Sequence[Ints]) -> Mask:
        """Which of these groups are in one place."""
        step = max(min(AT_ONCE, (1 << 32) // max(self._width, 1)), 1)
        places = [self._where(groups[begin : begin + step]) for begin in range(0, len(groups), step)]
        found: Mask = np.concatenate(places) if places else np.zeros(0, bool)
        return found

    def _where(self, groups: Sequence[Ints]) -> Mask:
        """Whether a third of those of each group who were ever seen have been in one network, and two at least, and
        they share no networks for hire, or one alone that people use."""
        seen = [_sample(members[self._seen[members]]) for members in groups]
        size = np.array([len(members) for members in seen])
        members, of = np.concatenate(seen), np.repeat(np.arange(len(groups)), size)
        begin, count = self._start[members], self._start[members + 1] - self._start[members]
        pairs = np.repeat((of * self._width).astype(np.uint32), count) + self._nets[spans(begin, count)]
        pairs.sort()
        starts = run_starts(pairs)
        held = run_lengths(starts, len(pairs))
        shared = held > 1  # a network with one of them decides nothing
        held, (of, net) = held[shared], np.divmod(pairs[starts[shared]].astype(np.int64), self._width)
        lived_in = self._inhabited(net)
        most, hired = np.zeros((2, len(groups)), np.int64)
        np.maximum.at(most, of, np.where(lived_in, held, 0))
        np.maximum.at(hired, of, np.where(lived_in, 0, held))
        servers = np.bincount(of[~lived_in & (ALONE * held > most[of])], minlength=len(groups))
        enough: Mask = (most >= np.maximum(TOGETHER * size, 2)) & (most >= hired) & (servers <= SERVERS)
        gateways = np.bincount(of[~lived_in & (ALONE * held > hired[of])], minlength=len(groups))
        behind_one = ~enough & (hired >= np.maximum(TOGETHER * size, 2)) & (hired > most) & (gateways == 1)
        for number in np.flatnonzero(behind_one).tolist():
            gateway = net[(of == number) & ~lived_in & (held == hired[number])][0]
            enough[number] = self._residents.live_at(int(gateway), groups[number])
        return enough


def _sample(members: Ints) -> Ints:
    if len(members) <= SAMPLED:
        return members
    return members[np.linspace(0, len(members) - 1, SAMPLED).astype(np.int64)]


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


def hired(ledger: Ledger, of: Collection[str] = FOR_HIRE) -> Mask:
    """Which accounts are used from networks for hire, or from some kinds of them, more than from any other kind."""
    kinds = [number for number, name in enumerate(ledger.names["network"].names, 1) if name in of]
    often: Mask = np.isin(most_seen(ledger, "network"), kinds)
    return often


def most_seen(ledger: Ledger, kind: str) -> Ints:
    """Each account's most frequent value of a kind, counted from 1; 0 where it is unknown."""
    return ledger.pairs[kind].most_frequent(ledger.size)
