"""The audit log: who changed what, before, after, and why. Lines are only ever added.

What people decide is kept for good. What programs push (facts, outcomes) is a line too, but of those the newest
`MOST_PUSHED` of a tenant are kept: billing pushes more in a day than people decide in years.
"""

from collections import deque
from typing import Any

import msgspec
from msgspec import Struct

from reputation.stores.records import ABSENT, Records

DECIDED, PUSHED = "audit", "pushed"
MOST_PUSHED = 10_000
MOST_TEXT = 4096


class Entry(Struct, frozen=True, omit_defaults=True):
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
    """What a write did, before it is known who did it and when. pushed: by a program, not decided by a person."""

    tenant: str
    what: str
    subject: str = ""
    before: Any = None
    after: Any = None
    why: str = ""
    pushed: bool = False


_entries = msgspec.json.Decoder(Entry)


class Audit:
    """The log of every tenant, kept in the records."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._pushed: dict[str, deque[str]] = {}

    async def add(self, change: Change, id_: str, who: str, now: float) -> Entry:
        """Add a line."""
        entry = Entry(
            id_, now, change.tenant, who, change.what, change.subject, change.before, change.after, change.why
        )
        kind = PUSHED if change.pushed else DECIDED
        body = msgspec.json.encode(entry, enc_hook=float)  # the wire's own type of time is a float too
        await self._records.put(change.tenant, kind, id_, body, expect=ABSENT)
        if change.pushed:
            await self._make_place(change.tenant, id_)
        return entry

    async def _make_place(self, tenant: str, id_: str) -> None:
        """Drop the oldest of what programs pushed."""
        ids = self._pushed.get(tenant)
        if ids is None:
            known = [record.id for record in await self._records.all(tenant, PUSHED)]
            ids = self._pushed[tenant] = deque(known)
        else:
            ids.append(id_)
        while len(ids) > MOST_PUSHED:
            await self._records.delete(tenant, PUSHED, ids.popleft())

    async def entries(self, tenant: str, most: int, *, before: str = "", after: str | None = None) -> list[Entry]:
        """Up to `most` lines: the newest first, from before an id; or with `after` the oldest first, from after it."""
        kinds = [await self._records.all(tenant, kind) for kind in (DECIDED, PUSHED)]
        records = sorted((record for kind in kinds for record in kind), key=lambda record: record.id)
        if after is not None:
            chosen = [record for record in records if record.id > after][:most]
        else:
            chosen = [record for record in reversed(records) if not before or record.id < before][:most]
        return [_entries.decode(record.body) for record in chosen]
