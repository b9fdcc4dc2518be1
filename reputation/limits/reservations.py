"""Charges ahead of use: leases of gateways, and holds. Each is settled at most once. Memory is bounded.

A lease's tokens are paid when it is granted, so gateways together never let more through than the limit, whatever
becomes of them: a lease without a settlement counts as used in full, and a hold as it was estimated.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Final

from reputation.limits.bucket import Bucket, refund

MOST_OPEN = 262_144
"""Reservations of one kind kept for a tenant; about 60 MB of them with their buckets' names."""


SWEEP = 5.0
"""Seconds at least between two looks at all of them, while they are full."""


class Reserve:
    """A reservation to make with a take: its unique name, its end (seconds since 1970), and its owner."""

    __slots__ = ("holder", "id", "until")

    def __init__(self, id_: str, until: float, holder: str = "") -> None:
        self.id: Final = id_
        self.until: Final = until
        self.holder: Final = holder


class Settlement:
    """The use of a lease, as its gateway reports it: `used` of its tokens, by one of `holders`; (): any holder.

    accounts: those that the holders stand for, in any order.
    """

    __slots__ = ("accounts", "holders", "id", "used")

    def __init__(
        self, id_: str, used: float, holders: tuple[str, ...] = (), accounts: tuple[str, ...] = ()
    ) -> None:  # fmt: skip
        self.id: Final = id_
        self.used: Final = used
        self.holders: Final = holders
        self.accounts: Final = accounts


class Reservation:
    """`amount` paid by each of `buckets`; `charged` is the final amount, -1 while the charge is open."""

    __slots__ = ("amount", "buckets", "charged", "holder", "keys", "until")

    def __init__(
        self, buckets: tuple[Bucket, ...], amount: float, until: float, keys: tuple[Hashable, ...] = (),
        holder: str = "",
    ) -> None:  # fmt: skip
        self.buckets = buckets
        self.amount: Final = amount
        self.until = until
        self.holder: Final = holder
        self.keys = keys
        self.charged = -1.0


class Reservations:
    """Reservations of one kind, roughly in the order of their expiry: leases last shorter or longer.

    Full of those that are still open, it takes no more (counted in `refused`): a lease is then not granted, and a hold
    stays charged as it was estimated.
    """

    def __init__(self, most: int = MOST_OPEN) -> None:
        self.refused = 0
        self.expired = 0
        self.settled = 0
        self._most = most
        self.changed: Callable[[Hashable], object] = id  # called with the key of each settled bucket
        # a plain dict looks at every place that was deleted before it finds its first
        self._kept: OrderedDict[str, Reservation] = OrderedDict()
        self._swept = 0.0

    def __len__(self) -> int:
        return len(self._kept)

    def has_room(self, now: float) -> bool:
        """Remove expired entries, and say whether there is room for one more."""
        while self._kept:
            oldest = next(iter(self._kept))
            found = self._kept[oldest]
            if found.until >= now and not (len(self._kept) >= self._most and found.charged >= 0.0):
                break
            self.expired += found.charged < 0.0
            del self._kept[oldest]
        if len(self._kept) >= self._most and not 0.0 <= now - self._swept < SWEEP:
            self._sweep(now)
        return len(self._kept) < self._most

    def _sweep(self, now: float) -> None:
        """Remove expired or settled entries behind a longer one."""
        self._swept = now
        gone = [id_ for id_, found in self._kept.items() if found.until < now or found.charged >= 0.0]
        for id_ in gone:
            self.expired += self._kept.pop(id_).charged < 0.0

    def open(
        self, reserve: Reserve, buckets: Sequence[Bucket], amount: float, now: float, keys: Sequence[Hashable] = ()
    ) -> bool:
        """Store a charge; False if there is no room for it."""
        if not self.has_room(now):
            self.refused += 1
            return False
        self._kept[reserve.id] = Reservation(tuple(buckets), amount, reserve.until, tuple(keys), reserve.holder)
        return True

    def move(self, seconds: float) -> None:
        """Let all charges follow a step of the clock, so that each stays open for its whole time."""
        for found in self._kept.values():
            found.until += seconds

    def reserved(self, id_: str, now: float) -> float | None:
        """Return the reservation with a name; None if it is not open, or settled."""
        found = self._kept.get(id_)
        return None if found is None or found.until < now or found.charged >= 0.0 else found.amount

    def is_foreign(self, id_: str, holders: tuple[str, ...]) -> bool:
        """Whether the reservation of a name belongs to an owner other than `holders`; () is any owner."""
        found = self._kept.get(id_)
        return bool(holders) and found is not None and found.holder not in holders

    def settle(self, id_: str, used: float, now: float, *, debt: bool, holders: tuple[str, ...] = ()) -> float | None:
        """Give back the unused part, once, and return the final charge; None if it is not open.

        Asked again, the answer is that of the first time, and nothing changes. With `debt` more than was reserved is
        charged too, even if the buckets do not hold it; else `used` is at most what was reserved.
        """
        found = self._kept.get(id_)
        if found is None or found.until < now or self.is_foreign(id_, holders):
            return None
        if found.charged >= 0.0:
            return found.charged
        found.charged = used if debt else min(used, found.amount)
        for bucket in found.buckets:
            refund(bucket, found.amount - found.charged, now)
        for key in found.keys:
            self.changed(key)
        found.buckets, found.keys = (), ()
        self.settled += 1
        return found.charged


class ReservedCharges:
    """A tenant's charges ahead of use. Two kinds in tables of their own: neither can crowd the other out."""

    def __init__(self, most: int = MOST_OPEN) -> None:
        self.leases = Reservations(most)
        self.holds = Reservations(most)

    def tell(self, changed: Callable[[Hashable], object]) -> None:
        """Set the function to report the keys of settled buckets, so they are written."""
        self.leases.changed = self.holds.changed = changed
