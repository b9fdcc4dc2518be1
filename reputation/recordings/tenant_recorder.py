"""Records decisions of one tenant.

Sampled by account, so that an account is recorded whole or not at all; bounded in number and in rate; names only as
keyed hashes. A check appends numbers to columns; packing and writing happen in the background.
"""

from array import array
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final
from zlib import crc32

from reputation.config.families import FindEvidence, load_signal
from reputation.config.file import RecordingSettings
from reputation.config.tenants import UNNUMBERED, Tenant
from reputation.engine.judge import Assessed
from reputation.recordings.decisions import (
    CONDEMNED,
    DAY,
    DECISIONS,
    DISPUTED,
    EXCEPTED,
    HARD,
    NUMBERS,
    OPEN,
    PAYER,
    REASONS,
    SCOPES,
    STATUSES,
    WITHIN,
    PackedSegment,
    Segment,
    pack,
)
from reputation.wire.ids import Ulids, pseudonym
from reputation.wire.messages import BindingLimit, Reason, Verdict

SEGMENT: Final = 4096
MOST_OPEN: Final = 8
"""Full segments that wait to be packed; when packing falls behind further ones are dropped and counted."""
MOST_REASONS: Final = 255
_STEPS: Final = 1 << 16
_NAN: Final = float("nan")
_NO_REASONS: Final[Sequence[Reason]] = ()
_STATUS: Final = {word: number for number, word in enumerate(STATUSES)}
_DECISION: Final = {word: number for number, word in enumerate(DECISIONS)}
_SCOPE: Final = {word: number for number, word in enumerate(SCOPES)}


class Interned:
    """Words as small numbers, in the order of their coming."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __call__(self, word: str, most: int) -> int:
        """The number of a word; the words after the `most` first ones share the last number."""
        found = self._numbers.get(word)
        if found is None:
            if len(self._numbers) >= most:
                return most - 1
            found = self._numbers[word] = len(self._numbers)
        return found

    def words(self) -> list[str]:
        return list(self._numbers)


class Open:
    """The columns for new decisions."""

    def __init__(self, families: list[str]) -> None:
        self.families = families
        self.signals, self.plans = Interned(), Interned()
        self.numbers: dict[str, array[Any]] = {name: array(code) for name, code in NUMBERS.items()}
        self.reasons: dict[str, array[Any]] = {name: array(code) for name, code in REASONS.items()}
        self._family, self._signal, self._points = self.reasons.values()

    def __len__(self) -> int:
        return len(self.numbers["at"])

    def add_reason(self, family: int, reason: Reason) -> None:
        """Append a family's reason to its columns."""
        self._family.append(family)
        self._signal.append(self.signals(reason.signal, 65_536))
        self._points.append(reason.points)

    def segment(self, id_: str, tenant: str) -> Segment:
        at = self.numbers["at"]
        columns = {name: column.tobytes() for name, column in (self.numbers | self.reasons).items()}
        return Segment(
            id_, tenant, len(at), min(at), max(at), self.families, self.signals.words(), self.plans.words(), columns
        )


def replace_account(column: "array[Any]", hashed: int, stand_in: int) -> int:
    """Replace an account's hash in a column; return how many decisions had it."""
    found = [place for place, value in enumerate(column) if value == hashed]
    for place in found:
        column[place] = stand_in
    return len(found)


def _scope(assessed: Assessed, limit: BindingLimit) -> str:
    """Say whose the binding limit is; an entry allowance counts as the newcomers', because no replay spends it."""
    entry = assessed.entry
    if entry is not None and limit.scope == "account" and limit.burst == entry.published.burst:
        return "newcomers"
    return limit.scope


class Recorder:
    """One tenant's recorded decisions: `watch` appends, `pack_waiting` packs, `segments` are the stored ones."""

    def __init__(self, tenant: Tenant, settings: RecordingSettings, secret: bytes, new_id: Ulids) -> None:
        self.dropped = 0
        self.written = 0
        self._settings = settings
        self._secret = secret
        self._new_id = new_id
        self._name = tenant.name
        self._waiting: deque[Open] = deque()
        self._kept: deque[PackedSegment] = deque()
        self._kept_count = 0
        self._second, self._in_second = -1, 0
        self._families: list[str] = []
        self._evidence: list[FindEvidence] = []
        self._open = Open([])
        self.retune(tenant)

    def retune(self, tenant: Tenant) -> None:
        """Record the families of a tenant's settings, also those with weight 0 at present."""
        names = list(tenant.families)
        if names == self._families:
            return
        self.close_open()
        loaded = [load_signal(self._name, name) for name in names]
        self._evidence = [one.evidence for one in loaded]
        self._families, self._open = names, Open(names)

    def watch(self, assessed: Assessed, verdict: Verdict) -> None:
        """Record a decision if its account is one of the sampled."""
        who, now = assessed.who, assessed.at
        if assessed.tenant.revision == UNNUMBERED or assessed.deny is not None:  # no revision would judge it otherwise
            return
        marked = who.payer or who.row.outcomes
        share = self._settings.payers if marked else self._settings.others
        place = crc32(who.name.encode("utf-8", "surrogatepass")) & (_STEPS - 1)
        if place >= share * _STEPS:
            return
        second = int(now)
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        if self._in_second > self._settings.per_second or len(self._waiting) >= MOST_OPEN:
            self.dropped += 1
            return
        self._append(assessed, verdict, share)
        if len(self._open) >= SEGMENT:
            self.close_open()

    def close_open(self) -> None:
        """Mark the appended decisions for packing."""
        if len(self._open):
            self._waiting.append(self._open)
            self._open = Open(self._families)

    def _append(self, assessed: Assessed, verdict: Verdict, share: float) -> None:
        who, seen, now, columns = assessed.who, assessed.seen, assessed.at, self._open
        facts, payment, effective = who.facts, who.facts.payment, verdict.shadow or verdict
        cluster, allow, reasons = assessed.cluster, assessed.allow, self._append_reasons(assessed)
        status = None if payment is None else payment.status
        flags = PAYER * who.payer | DISPUTED * (status == "disputed") | HARD * (status in ("failed", "disputed"))
        flags |= CONDEMNED * seen.marked
        if allow is not None:
            flags |= EXCEPTED | WITHIN * allow.within_limits
        settled = None if payment is None else payment.settled_usd
        row: tuple[Any, ...] = (  # of floats and integers, which the compiler must not make alike
            now,
            int(pseudonym(who.name, self._secret), 16),
            assessed.score.log_odds,
            assessed.request.request.cost,
            _NAN if facts.created_at is None else now - facts.created_at,
            _NAN if settled is None else settled,
            share,
            assessed.tenant.revision,
            columns.plans(facts.plan or "", 65_536),
            assessed.previous,
            assessed.tier,
            0 if cluster is None else _STATUS[cluster.standing],
            _DECISION[effective.decision],
            _SCOPE[_scope(assessed, effective.limit)],
            flags,
            reasons,
        )
        for column, value in zip(columns.numbers.values(), row, strict=True):
            column.append(value)
        self.written += 1

    def _append_reasons(self, assessed: Assessed) -> int:
        """Append the raw points of each family, and return how many there are; a family of weight 0 was not asked."""
        columns, reasons = self._open, 0
        families, found = assessed.tenant.families, {id(family): raw for family, raw in assessed.score.found}
        for number, name in enumerate(self._families):
            family = families.get(name)
            if family is None or not family.weight:
                raw = self._evidence[number](assessed.seen, assessed.at)
            else:
                raw = found.get(id(family), _NO_REASONS)
            for reason in raw[: MOST_REASONS - reasons]:
                columns.add_reason(number, reason)
                reasons += 1
        return reasons

    def forget(self, account: str, stand_in: int) -> int:
        """Put a number in place of an account's keyed hash in decisions not packed yet; return the hash."""
        hashed = int(pseudonym(account, self._secret), 16)
        for columns in (*self._waiting, self._open):
            replace_account(columns.numbers["account"], hashed, stand_in)
        return hashed

    def replace_kept(self, change: Callable[[PackedSegment], PackedSegment]) -> None:
        """Put other segments in place of the stored ones; may run in a thread, while no other packs or keeps."""
        self._kept = deque([change(segment) for segment in self._kept])

    def pack_waiting(self) -> list[PackedSegment]:
        """Pack the full segments; may run in a thread. Returns the new segments, the oldest first."""
        made = []
        while self._waiting:
            made.append(self.pack_one(self._waiting[0]))
            self._waiting.popleft()
        return made

    def pack_one(self, columns: Open) -> PackedSegment:
        return pack(columns.segment(self._new_id(columns.numbers["at"][-1]), self._name))

    def open_segment(self) -> Segment | None:
        """A copy of the open segment, not full yet; its id contains its size."""
        now = self._open
        return now.segment(f"{OPEN}-{now.numbers['at'][0]:.3f}-{len(now)}", self._name) if len(now) else None

    def keep(self, segments: list[PackedSegment], now: float) -> list[PackedSegment]:
        """Keep segments; returns the segments dropped for space or for age."""
        self._kept.extend(segments)
        self._kept_count += sum(segment.decisions for segment in segments)
        gone, oldest = [], now - self._settings.days * DAY
        while self._kept and (self._kept_count > self._settings.most or self._kept[0].last < oldest):
            gone.append(self._kept.popleft())
            self._kept_count -= gone[-1].decisions
        return gone

    def segments(self, since: float) -> list[PackedSegment]:
        """Return the stored segments with decisions since a time, the oldest first."""
        return [segment for segment in self._kept if segment.last >= since]

    def __len__(self) -> int:
        return self._kept_count + len(self._open) + sum(map(len, self._waiting))
