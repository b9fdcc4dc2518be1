"""The audit log: author, change, old value, new value and reason. Entries are only added.

What people decide is kept for good. What programs push (facts, outcomes) is a line too, but of those the newest
`MOST_PUSHED` of a tenant are kept: billing pushes more in a day than people decide in years.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct

from reputation.state.facts import Facts
from reputation.state.records import ABSENT, Record, Records
from reputation.state.transactions import Document

DECIDED, PUSHED = "audit", "pushed"
MOST_PUSHED = 10_000
MOST_TEXT = 4096


class AuditEntry(Struct, frozen=True, omit_defaults=True):
    """One line. id: a ULID, so ids sort by time; at: seconds since 1970; who: the token's name."""

    id: str
    at: float
    tenant: str
    who: str
    what: str
    subject: str = ""
    before: Any = None
    after: Any = None
    why: str = ""


class Change(Struct, frozen=True):
    """A change, without its author and time. pushed: made by a program, not decided by a person."""

    tenant: str
    what: str
    subject: str = ""
    before: Any = None
    after: Any = None
    why: str = ""
    pushed: bool = False


Sides = Callable[[Facts | None], Any]
"""What a line shows of an account's facts."""


def line_of(change: Change, id_: str, who: str, now: float, sides: Sides | None = None) -> Document:
    """The line of a change, to be kept with it; `sides` fill its before and after from the account's facts."""
    kind = PUSHED if change.pushed else DECIDED
    return Document(kind, id_, partial(_line, change, id_, who, now, sides), ABSENT)


def _line(
    change: Change, id_: str, who: str, now: float, sides: Sides | None, before: Facts | None, after: Facts | None
) -> bytes:
    shown = (change.before, change.after) if sides is None else (sides(before), sides(after))
    entry = AuditEntry(id_, now, change.tenant, who, change.what, change.subject, *shown, change.why)
    return msgspec.json.encode(entry, enc_hook=float)  # the wire's own type of time is a float too


_entries = msgspec.json.Decoder(AuditEntry)
_id = attrgetter("id")


class Audit:
    """The log of every tenant, kept in the records."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._pushed: dict[str, deque[str]] = {}

    async def add(self, change: Change, id_: str, who: str, now: float) -> None:
        """Add a line."""
        line = line_of(change, id_, who, now)
        await self._records.put(change.tenant, line.kind, id_, line.written(None, None) or b"", expect=ABSENT)
        await self.make_place(change.tenant, line)

    async def make_place(self, tenant: str, line: Document) -> None:
        """Delete the oldest pushed entries, to make room for this entry."""
        if line.kind != PUSHED:
            return
        ids, id_ = self._pushed.get(tenant), line.id
        if ids is None:
            known = [record.id for record in await self._records.all(tenant, PUSHED)]
            ids = self._pushed[tenant] = deque(known)
        else:
            ids.append(id_)
        while len(ids) > MOST_PUSHED:
            await self._records.delete(tenant, PUSHED, ids.popleft())

    async def entries(self, tenant: str, most: int, *, before: str = "", after: str | None = None) -> list[AuditEntry]:
        """Up to `most` lines: the newest first, from before an id; or with `after` the oldest first, from after it."""
        found: list[AuditEntry] = []
        while len(found) < most:
            wanted = most - len(found)
            pages = [
                await self._records.page(tenant, kind, wanted, before=before, after=after) for kind in (DECIDED, PUSHED)
            ]
            records = sorted([*pages[0], *pages[1]], key=_id, reverse=after is None)[:wanted]
            found += [entry for entry in (self._read(tenant, record) for record in records) if entry is not None]
            if len(records) < wanted:
                break
            if after is None:  # damaged lines are made up for from the next page
                before = records[-1].id
            else:
                after = records[-1].id
        return found

    def _read(self, tenant: str, record: Record) -> AuditEntry | None:
        """Read a line; a damaged line is left out, and reported."""
        try:
            return _entries.decode(record.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._records.unreadable(tenant, "audit", record.id)
            return None
