"""A replica's work without shared state: takes from its share of every limit, and the later debt.

Each of n replicas goes on with 1/n of the rate, of the burst, and of what the bucket held when it was last seen. So all
together admit no more than the limit would have, but for what others had taken since this replica saw a bucket last.
Pure; the clock is an argument.
"""

from collections.abc import Hashable, Sequence

from msgspec import Struct

from reputation.limits.bucket import Bucket, Limit, change_limit, copy_of, in_all, is_full, refund, settled
from reputation.limits.take import Ask, AskGroup, Charge, Draw, Taken, TakenAll, take_all, take_first
from reputation.state.bounded import BoundedTable
from reputation.stores.shared_values import Owed

MOST = 262_144
"""Shares kept; about 150 MB of them."""
MOST_CROWDS = 64


class Share(Struct, gc=False):
    """One bucket's share, next to its level without any takes: the difference is owed."""

    charge: Charge
    drawn: Bucket
    idle: Bucket


class Shares:
    """A tenant's shares. Full ones give their places to new ones.

    While none is, a flood of new buckets shares one for each limit, which no account owes.
    """

    def __init__(self, most: int = MOST) -> None:
        self.crowded = 0
        self._parts = 1
        self._shares: BoundedTable[Hashable, Share] = BoundedTable(most)
        self._crowds: dict[Limit, Share] = {}

    def __len__(self) -> int:
        return len(self._shares)

    def divide(self, parts: int) -> None:
        """Begin with so many replicas."""
        self._parts = max(parts, 1)
        self._shares.clear()
        self._crowds.clear()

    def take(self, ask: Ask, now: float, *, limited: bool = True) -> Taken:
        """Take from the shares; no lease is granted. Not `limited`: whatever they hold, into debt."""
        draws = [[self._part(charge, now) for charge in draw] for draw in ask.draws]
        taken = take_first(draws, ask.cost, now)
        if limited or not taken.wait:
            return taken
        return _all_the_same(draws[0], ask.cost, taken, now)

    def take_all(self, group: AskGroup, now: float, *, limited: bool = True) -> TakenAll:
        """Take a group's costs from the shares, or nothing at all."""
        if not limited and not group.stopped:
            return TakenAll([self.take(ask, now, limited=False) for ask in group.asks], passed=True)
        asks = [
            Ask([[self._part(charge, now) for charge in draw] for draw in ask.draws], ask.cost) for ask in group.asks
        ]
        return take_all(AskGroup(asks, stopped=group.stopped), now)

    def hand_over(self, now: float) -> Sequence[Owed]:
        """Return the charges for the shared buckets from the takes here, and start the count again."""
        owed = []
        for share in self._shares.rows.values():
            amount = in_all(share.idle, now) - in_all(share.drawn, now)
            if amount:
                owed.append((share.charge, amount))
                share.idle = copy_of(share.drawn)
        return owed

    def _part(self, charge: Charge, now: float) -> Charge:
        """Find or make the share of a bucket, at the bucket's present limit."""
        bucket, share = charge.bucket, self._shares.rows.get(charge.key)
        if share is None:
            share = self._make(charge, now)
        limit = divided(bucket.limit, self._parts)
        if share.drawn.limit != limit:
            change_limit(share.drawn, limit, now)
            change_limit(share.idle, limit, now)
            share.charge = charge
        return Charge(charge.name, charge.scope, charge.key, share.drawn)

    def _make(self, charge: Charge, now: float) -> Share:
        limit = divided(charge.bucket.limit, self._parts)
        tokens = settled(charge.bucket, now) / self._parts
        if self._shares.is_full() and not self._shares.make_place(_is_rested, now):
            self.crowded += 1
            if limit not in self._crowds and len(self._crowds) >= MOST_CROWDS:
                limit = next(iter(self._crowds))
            return self._crowds.setdefault(limit, _share(charge, limit, tokens, now))
        share = _share(charge, limit, tokens, now)
        self._shares.place(charge.key, share)
        return share


def divided(limit: Limit, parts: int) -> Limit:
    """Return one replica's part of a limit; a bucket of less than one unit could never pass a request."""
    return Limit(limit.rate / parts, max(limit.burst / parts, min(limit.burst, 1.0)))


def _share(charge: Charge, limit: Limit, tokens: float, now: float) -> Share:
    return Share(charge, Bucket(tokens, now, limit), Bucket(tokens, now, limit))


def _is_rested(share: Share, now: float) -> bool:
    """Whether a share is full again, so nothing is owed for it."""
    return is_full(share.drawn, now)


def _all_the_same(draw: Draw, cost: float, taken: Taken, now: float) -> Taken:
    """Let a request pass despite an empty bucket; the debt is at most a full bucket."""
    for charge in draw:
        refund(charge.bucket, -min(cost, max(settled(charge.bucket, now), 0.0)), now)
    return Taken(0.0, taken.binding, taken.states, draw)
