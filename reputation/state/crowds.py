"""Accounts learnt from traffic, in bounded tables. A flood of made-up names cannot displace other accounts.

An established account stays before one that came a minute ago, and newcomers that find no place share rows by
network, so that a flood is a few accounts together and an honest newcomer of another network is one of its own.
"""

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from reputation.limits.bucket import Bucket, is_full
from reputation.state.bounded import BoundedTable
from reputation.state.dirty_set import DirtySet
from reputation.state.facts import NOTHING, Facts
from reputation.state.history import DAY, is_heavy
from reputation.wire.values import i16, i32, i64, mypyc_attr

A_WHILE: Final = 60.0
"""Seconds after which an account that is seen again is no newcomer any more."""
MOST_NETWORKS = 65_536
"""Networks that have a shared row of their own at most; the others share SLOTS rows."""
SLOTS = 1024


MOST_RUNGS: Final = 4096

_rungs: Final[dict[tuple[str, str, float, bool], "KeptRung"]] = {}


@mypyc_attr(acyclic=True)
class KeptRung:
    """What facts in a check gave an account, for its checks without facts: a rung of a plan's ladder.

    units: its day then; recent: whether it was a newcomer. The facts themselves are not kept.
    """

    __slots__ = ("plan", "recent", "rung", "units")

    def __init__(self, plan: str, rung: str, units: float, *, recent: bool) -> None:
        self.plan: Final = plan
        self.rung: Final = rung
        self.units: Final = units
        self.recent: Final = recent


def kept_rung(plan: str, rung: str, units: float, *, recent: bool) -> KeptRung:
    """One object for each rung, as far as there is room: accounts of a plan have a handful of them."""
    key = (plan, rung, units, recent)
    found = _rungs.get(key)
    if found is None:
        if len(_rungs) >= MOST_RUNGS:
            _rungs.clear()
        found = _rungs[key] = KeptRung(plan, rung, units, recent=recent)
    return found


@mypyc_attr(acyclic=True)
class Row:
    """The row of one account. No garbage-collector header, no cycles: a million of them cost no pause.

    tier: index of the last tier, -1 before the first verdict. days: different days seen; day: the last of them.
    reported_status: bits for payer and proven as last reported to the linker; reported_hash: of the facts.
    outcomes: what came back of it, packed. since: when it came, 0 for before the start. shared: which newcomers share
    it, empty for an account's own. rung: what facts in its last check with facts gave it; None: no allowance.
    """

    __slots__ = (
        "burst", "daily", "day", "days", "facts", "outcomes", "recent",
        "reported_hash", "reported_status", "rung", "shared", "since", "tier",
    )  # fmt: skip

    def __init__(
        self, facts: Facts = NOTHING, burst: Bucket | None = None, daily: Bucket | None = None, recent: bytes = b"",
        tier: int = -1, days: int = 0, day: int = -1,
    ) -> None:  # fmt: skip
        self.facts = facts
        self.burst = burst
        self.daily = daily
        self.recent = recent
        self.since = 0.0
        self.shared = ""
        self.outcomes = b""
        self.rung: KeptRung | None = None
        self.reported_hash: i64 = 0  # the small numbers come last, side by side
        self.day: i32 = day
        self.reported_status: i32 = 0
        self.days: i16 = days
        self.tier: i16 = tier


class SharedRows:
    """Rows of newcomers without a place: one for each network, and a few for networks without a place.

    Newcomers without an address are one network, 0.
    """

    def __init__(self, most: int) -> None:
        self._networks: BoundedTable[int, Row] = BoundedTable(min(most, MOST_NETWORKS))
        self._few: dict[int, Row] = {}

    def row(self, network: int, now: float) -> Row:
        """Find or make the shared row of a network's newcomers."""
        found = self._networks.rows.get(network)
        if found is not None:
            return found
        if self._networks.is_full() and not self._networks.make_place(is_rested, now):
            return self._row_of_several(zlib.crc32(network.to_bytes(8, "little")) % SLOTS)
        row = Row()
        row.shared = str(network)
        self._networks.place(network, row)
        return row

    def _row_of_several(self, slot: int) -> Row:
        found = self._few.get(slot)
        if found is None:
            found = self._few[slot] = Row()
            found.shared = f"#{slot}"
        return found

    def values(self) -> Iterator[Row]:
        return chain(self._networks.rows.values(), self._few.values())


class Crowd:
    """At most `most` rows of unconfirmed accounts: newcomers and established ones, in separate tables.

    When it is full, newcomers whose buckets have filled up again and without a bad report are forgotten,
    which gives no account an advantage. One that comes back after A_WHILE stays: only one seen on more days takes its
    place. An account that finds no place shares a row with its network (counted in `crowded`).
    """

    def __init__(self, most: int, dirty: DirtySet[str] | None = None) -> None:
        self.crowded = 0
        self.asleep = 0
        self._most = self._configured = most
        self._dirty: DirtySet[str] = DirtySet() if dirty is None else dirty
        self._newcomers: BoundedTable[str, Row] = BoundedTable(most)
        self._stayers: BoundedTable[str, Row] = BoundedTable(most * 3 // 4)
        self._shared = SharedRows(most)

    def hold(self, *, full: bool) -> None:
        """Keep the size that there is while memory is full, else grow up to the bound again."""
        if not full:
            self._most = self._configured
        elif self._most == self._configured:
            self._most = min(self._most, len(self))

    def __len__(self) -> int:
        return len(self._stayers) + len(self._newcomers) + self.asleep

    def __contains__(self, name: str) -> bool:
        return name in self._stayers.rows or name in self._newcomers.rows

    def get(self, name: str) -> Row | None:
        return self._stayers.rows.get(name) or self._newcomers.rows.get(name)

    def come_again(self, name: str, now: float) -> Row | None:
        """Find the row of a requesting account; after a while the row stays."""
        found = self._stayers.rows.get(name)
        if found is None:
            found = self._newcomers.rows.get(name)
            if found is not None and not 0.0 <= now - found.since < A_WHILE:  # a clock set back delays no account
                self._let_stay(name, found, now)
        return found

    def meet(self, name: str, now: float, row: Row | None = None, network: int = 0) -> Row:
        """Find or make the row of an account; `row` is its row in another crowd."""
        found = self.come_again(name, now)
        if found is not None:
            return found
        if len(self) >= self._most and not self._make_place(now):
            self.crowded += 1
            return row or self._shared.row(network, now)
        self._dirty.add(name)
        if row is None:
            row = Row()
            row.since = now
        self._newcomers.place(name, row)
        return row

    def place(self, name: str, row: Row) -> None:
        """Take a row in, independent of the bound, such as a row from before a restart."""
        table = self._newcomers if row.days < 2 or self._stayers.is_full() else self._stayers
        table.place(name, row)

    def find_place(self, name: str, now: float, row: Row | None = None) -> Row:
        """Find or make an account's own row: a mark on a shared row would apply to all its accounts.

        While there is no place the row that comes back is kept nowhere.
        """
        found = self.meet(name, now, row)
        return Row() if found.shared else found

    def tables(self) -> list[Iterable[str]]:
        return [self._stayers.rows, self._newcomers.rows]

    def names(self) -> Iterable[str]:
        return chain(self._stayers.rows, self._newcomers.rows)

    def values(self) -> Iterator[Row]:
        """Every row, the shared ones too."""
        return chain(self._stayers.rows.values(), self._newcomers.rows.values(), self._shared.values())

    def leave(self, name: str) -> Row | None:
        self._dirty.add(name)
        return self._stayers.leave(name) or self._newcomers.leave(name)

    def _make_place(self, now: float) -> bool:
        gone = self._newcomers.make_place(is_rested, now) or self._stayers.make_place(_is_forgotten, now)
        self._dirty.add_all(gone)
        return bool(gone)

    def _let_stay(self, name: str, row: Row, now: float) -> None:
        """Let a newcomer stay, if necessary in the place of an account seen on fewer days."""
        if self._stayers.is_full():
            weaker = self._weakest(now)
            if weaker is None or lasting_days(self._stayers.rows[weaker], now) >= lasting_days(row, now):
                row.since = now  # it may try again
                return
            other = self._stayers.rows.pop(weaker)
            other.since = now
            self._newcomers.place(weaker, other)
        self._newcomers.leave(name)
        self._stayers.place(name, row)

    def _weakest(self, now: float) -> str | None:
        looked_at = self._stayers.look()
        return min(looked_at, key=lambda name: lasting_days(self._stayers.rows[name], now)) if looked_at else None


def lasting_days(row: Row, now: float) -> int:
    """Return on how many days an account was seen; they count for as many days after the last of them."""
    days, day = int(row.days), int(row.day)
    return days if now // DAY - day <= days else 0


def is_rested(row: Row, now: float) -> bool:
    """Whether nothing is lost with a row: its buckets are full, and nothing bad was reported."""
    if is_heavy(row.outcomes, now):
        return False
    return all(b is None or is_full(b, now) for b in (row.burst, row.daily))


def _is_forgotten(row: Row, now: float) -> bool:
    return not lasting_days(row, now) and is_rested(row, now)
