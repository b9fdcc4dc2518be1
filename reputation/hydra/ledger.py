"""Everything the linker remembers, in columns: what accounts are, and what they were seen with.

Bounds: `most_accounts` known accounts (about 230 bytes each), `most_unconfirmed` others, which are kept apart so that
made-up accounts push out only made-up accounts; pairs are bounded by families.KINDS, names of values by four times
the accounts. When there is no room, what arrives is left out and counted in `dropped`.
"""

from collections.abc import Callable, Hashable, Iterable
from itertools import islice
from operator import attrgetter

import numpy as np

from reputation.hydra import reaction
from reputation.hydra.beginnings import note_shapes
from reputation.hydra.bins import BIN, Bins
from reputation.hydra.columns import LOW, Floats, Interner, Ints, Mask, PairTable, doubled
from reputation.hydra.earned import Days
from reputation.hydra.families import DAY, HIDING, HOUR, SEEN, TALKS
from reputation.hydra.memory import Memory
from reputation.hydra.named import NAMED, named
from reputation.hydra.reserves import Draws
from reputation.hydra.sightings import GIVEN, Known, Sighting

BATCH = 65536
OUTCOME_STANDS = 90 * DAY
"""How long an outcome counts: card networks take disputes for up to 120 days, most come within 90."""
CERTAIN = 100
"""Sightings that make sure whether people are at an address; as many others make it doubtful again."""
CONFIRMED, PROVEN, PAYER, ORGANISED = 1, 2, 4, 8

PLAIN = ("flags", "requests", "recent", "refused", "by_hour", "sat")
"""Columns of accounts besides those of names and numbers."""
_FLOATS = dict.fromkeys(("created", "first", "last", "settled", "settled_30d", "noted", "accused", "cleared"), np.nan)
_INTS = {**dict.fromkeys(NAMED, -1), "disputes": 0, "disputed": 0, "given": 0}


class Ledger:
    def __init__(self, most_accounts: int = 2_000_000, most_unconfirmed: int = 200_000) -> None:
        self.most_accounts, self.most_unconfirmed = most_accounts, most_unconfirmed
        self.memory = memory = Memory()
        self.accounts = Interner(most_accounts + most_unconfirmed, memory)
        self.names = {kind.name: Interner(4 * most_accounts, memory) for kind in SEEN}
        self.names |= {name: Interner(most_accounts, memory) for name in NAMED}
        self.clients = Interner(most_accounts, memory)
        self.pairs = {kind.name: PairTable(kind.keep, origins=kind.memory > 0) for kind in SEEN}
        self.worn = PairTable(6)
        self.lived_in = {"host": np.zeros(1024, np.int16), "net": np.zeros(1024, np.int16)}
        """By number of an address, or of a /24 or /48: how many more sightings say that people are there than it is
        for hire, CERTAIN at most."""
        self.floats = {name: np.full(1024, value) for name, value in _FLOATS.items()}
        self.ints = {name: np.full(1024, value, np.int32) for name, value in _INTS.items()}
        self.flags = np.zeros(1024, np.uint8)
        self.requests = np.zeros(1024, np.float32)
        self.recent = np.zeros((1024, 24), np.float32)
        self.refused = np.zeros((1024, 24), np.float32)
        self.by_hour = np.zeros((1024, 24), np.uint32)
        self.sittings = np.zeros((2, 1024), np.float32)  # in held and in free hours of trials
        self.sat = np.full(1024, -1, np.int64)
        self.trials = reaction.NONE
        self._demand: Floats | None = None  # kept until `recent` changes
        self.hour = 0
        self.until = np.inf  # what was seen later was seen by a clock that is ahead, and counts as seen now
        self.unconfirmed = 0
        self.dropped = 0
        self.draws = Draws()
        self.days = Days()
        self.bins = Bins()
        self.waiting: list[Sighting] = []

    # -- intake -------------------------------------------------------------------------------------------------

    def see(self, sighting: Sighting) -> None:
        self.waiting.append(sighting)
        if len(self.waiting) >= BATCH:
            self.absorb()

    def see_many(self, sightings: Iterable[Sighting]) -> None:
        """As `see` of each."""
        coming = iter(sightings)
        while some := list(islice(coming, BATCH - len(self.waiting))):
            self.waiting += some
            if len(self.waiting) >= BATCH:
                self.absorb()

    def know(self, known: Known) -> None:
        number = self._account(known.account, confirmed=known.confirmed)
        if number < 0:
            return
        self._confirm(number, confirmed=known.confirmed)
        self.floats["noted"][number] = self.hour * HOUR
        self.floats["created"][number] = np.nan if known.created_at is None else known.created_at
        self.floats["settled"][number] = np.nan if known.settled_usd is None else known.settled_usd
        self.floats["settled_30d"][number] = np.nan if known.settled_30d_usd is None else known.settled_30d_usd
        self.ints["disputed"][number] = known.payment_status == "disputed"
        self.ints["disputes"][number] = min(known.disputes or 0, 30000) + (known.payment_status == "disputed")
        self.ints["given"][number] = sum((rung in known.given) << bit for bit, rung in enumerate(GIVEN))
        for name, value in named(known).items():
            self.ints[name][number] = self.names[name].number(value)
        kept = self.flags[number] & CONFIRMED
        flags_now = PROVEN * known.proven | PAYER * known.payer | ORGANISED * known.organisation_verified
        self.flags[number] = kept | flags_now

    def mark(self, account: str, column: str | None, at: float) -> None:
        """Note when an outcome ("accused", "cleared", or neither) came back for an account; that also confirms it."""
        number = self._account(account, confirmed=True)
        if number >= 0:
            self._confirm(number, confirmed=True)
            if column is not None:
                self.floats[column][number] = at

    def absorb(self) -> None:
        """Move waiting sightings into the columns, all at once as far as memory goes."""
        batch, self.waiting = self.waiting, []
        some = self.memory.at_once or BATCH
        for start in range(0, len(batch), some):
            self._absorb(batch[start : start + some])

    def _absorb(self, batch: list[Sighting]) -> None:
        self.draws.add(batch)
        accounts = self._accounts([sighting.account for sighting in batch])
        batch, accounts = self._with_room(batch, accounts)
        if not batch:
            return
        new = not self.memory.is_full
        at = np.minimum([sighting.at for sighting in batch], self.until)
        columns = self._columns(batch)
        self._place(accounts, columns)
        for name, values in columns.items():
            self.pairs[name].add(accounts, values, at, new=new)
        worn = (columns["ja4"] >= 0) & (columns["user_agent"] >= 0)
        both: list[Hashable] = [(batch[row].ja4, batch[row].user_agent) for row in np.flatnonzero(worn)]
        self.worn.add(accounts[worn], self.clients.numbers(both), at[worn], new=new)
        note_shapes(self.pairs, self.names, batch, accounts, at, new=new)
        cost = np.array([sighting.cost for sighting in batch])
        stopped = np.array([sighting.stopped for sighting in batch])
        self._count(accounts, at, cost, stopped)
        if self.trials.share:
            self._sit(accounts, at)
        self.weigh()

    def weigh(self) -> None:
        """Count the bytes of the columns; those of names are counted as they come and go."""
        tables = sum(table.nbytes for table in (*self.pairs.values(), self.worn))
        lived_in = sum(column.nbytes for column in self.lived_in.values())
        self.memory.columns = tables + lived_in + self._of_accounts()

    # -- what is asked ------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Length of the account columns in use; numbers that were let go count too."""
        return len(self.accounts.names)

    def inhabited(self, kind: str, values: Ints) -> Mask:
        """Which of these addresses ("host") or networks ("net") people live, work or learn at."""
        people: Mask = self.lived_in[kind][values] > 0
        return people

    def flagged(self, flag: int) -> Mask:
        marked: Mask = (self.flags[: self.size] & flag) != 0
        return marked

    def column(self, name: str) -> Floats:
        return self.floats[name][: self.size]

    def number_column(self, name: str) -> Ints:
        return self.ints[name][: self.size].astype(np.int64)

    def demand(self) -> Floats:
        """Units wanted in the last 24 hours, stopped ones too."""
        if self._demand is None or len(self._demand) != self.size:
            self._demand = self.recent[: self.size].sum(axis=1, dtype=np.float64)
        return self._demand

    def use(self) -> Floats:
        """Units let through in the last 24 hours."""
        refused: Floats = self.refused[: self.size].sum(axis=1, dtype=np.float64)
        return self.demand() - refused

    def accused(self, now: float) -> Mask:
        """Accounts with an outcome against them that still counts, and no better one since."""
        accused, cleared = self.column("accused"), self.column("cleared")
        in_force: Mask = (accused >= now - OUTCOME_STANDS) & ~(cleared > accused)
        return in_force

    def cleared(self, now: float) -> Mask:
        """Accounts with a good outcome that still counts, and no worse one since."""
        accused, cleared = self.column("accused"), self.column("cleared")
        in_force: Mask = (cleared >= now - OUTCOME_STANDS) & ~(accused >= cleared)
        return in_force

    def name_of(self, kind: str, value: int) -> str:
        """Return the name that a number stands for; empty for -1, which is none."""
        return str(self.names[kind].names[value]) if value >= 0 else ""

    def _account(self, account: str, *, confirmed: bool) -> int:
        known = self.accounts.ids.get(account)
        if known is not None:
            return known
        total, apart = len(self.accounts), self.unconfirmed
        if (total - apart >= self.most_accounts) if confirmed else (apart >= self.most_unconfirmed):
            self.dropped += 1
            return -1
        grows = len(self.accounts) >= len(self.flags) and not self.memory.has_room(self._of_accounts())
        number = -1 if grows or (self.memory.is_tight and not confirmed) else self.accounts.number(account)
        if number < 0:
            self.dropped += 1
            return -1
        self._grow(number)
        self.unconfirmed += 1
        return number

    def _accounts(self, names: list[str]) -> Ints:
        found = list(map(self.accounts.ids.get, names))
        if None in found:
            found = [
                self._account(name, confirmed=False) if known is None else known
                for name, known in zip(names, found, strict=True)
            ]
        return np.array(found, np.int64)

    def _with_room(self, batch: list[Sighting], accounts: Ints) -> tuple[list[Sighting], Ints]:
        """Leave out sightings of accounts without a place, and while memory is tight those of unconfirmed ones."""
        kept = accounts >= 0
        if self.memory.is_tight:
            kept[kept] = (self.flags[accounts[kept]] & CONFIRMED) != 0
            self.memory.left_out += int((~kept).sum())
        if kept.all():
            return batch, accounts
        return [batch[row] for row in np.flatnonzero(kept)], accounts[kept]

    def _of_accounts(self) -> int:
        """Bytes of the columns of accounts; as many more are needed when they grow."""
        named = (*self.floats.values(), *self.ints.values(), *(getattr(self, name) for name in PLAIN), self.bins.kept)
        return sum(one.nbytes for one in (*named, self.days.kept, self.days.today, self.days.best, self.sittings))

    def _confirm(self, number: int, *, confirmed: bool) -> None:
        if confirmed and not self.flags[number] & CONFIRMED:
            self.flags[number] |= CONFIRMED
            self.unconfirmed -= 1

    def _columns(self, batch: list[Sighting]) -> dict[str, Ints]:
        return {
            kind.name: self.names[kind.name].numbers(list(map(_GETTERS[kind.name], batch)))
            for kind in SEEN
            if kind.name not in TALKS | {"content"}
        }

    def _place(self, accounts: Ints, columns: dict[str, Ints]) -> None:
        """Note of each address whether people are there: its operator is known, and it is not for hire."""
        hiding = [number for number, name in enumerate(self.names["network"].names) if name in HIDING]
        people = (columns["asn"] >= 0) & ~np.isin(columns["network"], hiding)
        for kind in self.lived_in:
            while len(self.lived_in[kind]) < len(self.names[kind].names):
                self.lived_in[kind] = doubled(self.lived_in[kind], 0)
            there = (columns[kind] >= 0) & (accounts >= 0)
            seen = np.bincount(columns[kind][there], np.where(people[there], 1, -1), len(self.lived_in[kind]))
            self.lived_in[kind] = np.clip(self.lived_in[kind] + seen, -CERTAIN, CERTAIN).astype(np.int16)

    def _count(self, accounts: Ints, at: Floats, cost: Floats, stopped: Mask) -> None:
        there = accounts >= 0
        accounts, at, cost, stopped = accounts[there], at[there], cost[there], stopped[there]
        if not len(accounts):
            return
        hours = (at // HOUR).astype(np.int64)
        self._turn(int(hours.max()))
        self._demand = None
        fresh = hours > self.hour - 24
        np.add.at(self.recent, (accounts[fresh], hours[fresh] % 24), cost[fresh])
        self.days.add(accounts[~stopped], at[~stopped], cost[~stopped])
        fresh &= stopped
        np.add.at(self.refused, (accounts[fresh], hours[fresh] % 24), cost[fresh])
        np.add.at(self.by_hour, (accounts, hours % 24), 1)
        np.add.at(self.requests, accounts, 1)
        self.bins.add(accounts, at)
        np.fmin.at(self.floats["first"], accounts, at)
        np.fmax.at(self.floats["last"], accounts, at)

    def _sit(self, accounts: Ints, at: Floats) -> None:
        there = accounts >= 0
        sittings = np.unique(accounts[there] << LOW | (at[there] // reaction.SITTING).astype(np.int64))
        who, when = sittings >> LOW, sittings & ((1 << LOW) - 1)
        fresh = when > self.sat[who]
        who, when = who[fresh], when[fresh]
        np.maximum.at(self.sat, who, when)
        for row, inside in zip(self.sittings, self.trials.sort_out(when * reaction.SITTING), strict=True):
            np.add.at(row, who[inside], 1)

    def turn(self, now: float) -> None:
        """Let the hours of `recent` that are over a day old go, and keep a day that is over."""
        self.days.turn(int(now // DAY))
        self.bins.turn(int(now // BIN))
        self._turn(int(now // HOUR))

    def _turn(self, hour: int) -> None:
        self.sittings *= reaction.KEPT_AN_HOUR ** min(max(hour - self.hour, 0), 1000)
        for passed in range(max(self.hour + 1, hour - 23), hour + 1):
            self._demand = None
            self.recent[:, passed % 24] = self.refused[:, passed % 24] = 0.0
        self.hour = max(self.hour, hour)

    def make_room(self, count: int) -> None:
        """Have columns for so many accounts."""
        while len(self.flags) < count:
            self._grow(len(self.flags))

    def recount(self, hour: int) -> None:
        """Take up the hour and the number of unconfirmed accounts, after columns were filled from elsewhere."""
        self.hour = hour
        self.unconfirmed = len(self.accounts) - int(self.flagged(CONFIRMED).sum())

    def _grow(self, number: int) -> None:
        if number < len(self.flags):
            return
        for columns in (self.floats, self.ints):
            for name in columns:
                columns[name] = doubled(columns[name], _FLOATS.get(name, _INTS.get(name, 0)))
        for name in ("flags", "requests", "recent", "refused", "by_hour"):
            setattr(self, name, doubled(getattr(self, name), 0))
        self.days.grow()
        self.bins.grow()
        self.sittings = np.concatenate([self.sittings, np.zeros_like(self.sittings)], axis=1)
        self.sat = doubled(self.sat, -1)

    def release(self, numbers: Ints) -> None:
        self.unconfirmed -= int((~self.flagged(CONFIRMED)[numbers]).sum())
        for columns, empty in ((self.floats, _FLOATS), (self.ints, _INTS)):
            for name, value in empty.items():
                columns[name][numbers] = value
        self.flags[numbers] = 0
        self.requests[numbers] = 0
        self.recent[numbers] = self.refused[numbers] = 0
        self._demand = None
        self.by_hour[numbers] = 0
        self.days.release(numbers)
        self.bins.release(numbers)
        self.sittings[:, numbers], self.sat[numbers] = 0, -1
        self.accounts.release(numbers.tolist())


_GETTERS: dict[str, Callable[[Sighting], Hashable]] = {
    kind.name: attrgetter(kind.name) for kind in SEEN if kind.name in Sighting.__struct_fields__
}
