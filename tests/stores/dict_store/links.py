"""Links and notes in dicts."""

import itertools
import time
from collections import deque
from typing import Any

from reputation.stores.shared_values import BEGINNING, LINKS, READ_AT_ONCE, Leadership, NoteEntry, Step

LEASE = 4.0


class Links:
    """What replicas share of a tenant's links."""

    def __init__(self) -> None:
        self.holder, self.until = b"", 0.0
        self.terms, self.version = itertools.count(1), 0
        self.step: Step | None = None
        self.deltas: deque[tuple[int, bytes]] = deque(maxlen=8)


class DictLinks:
    def __init__(self, parts: dict[Any, Any], replica: str) -> None:
        self._links: Links = parts.setdefault("links", Links())
        self._replica = replica.encode()

    async def lead(self, *, wanted: bool) -> Leadership:
        links, now = self._links, time.monotonic()
        if links.until < now:
            links.holder = b""
        if not links.holder and wanted:
            links.holder = b"%b %d" % (self._replica, next(links.terms))
        if links.holder.startswith(self._replica + b" "):
            links.until = now + LEASE
        return Leadership(links.holder, links.version)

    def is_ours(self, lead: Leadership) -> bool:
        return lead.holder.startswith(self._replica + b" ")

    async def leave(self) -> None:
        if self._links.holder.startswith(self._replica + b" "):
            self._links.holder = b""

    async def put(self, lead: Leadership, before: int, step: Step) -> int:
        links = self._links
        if lead.holder != links.holder or links.until < time.monotonic() or before != links.version:
            return 0
        links.version, links.step = links.version + 1, step
        links.deltas.append((links.version, step.delta))
        return links.version

    async def steps(self, after: int) -> tuple[list[bytes], int]:
        found = [delta for version, delta in self._links.deltas if version > after]
        return (found, self._links.version) if len(found) == self._links.version - after else ([], after)

    async def whole(self, kind: bytes) -> tuple[bytes, int] | None:
        step = self._links.step
        return None if step is None else (step.links if kind == LINKS else step.state, self._links.version)


class Notes:
    """What replicas share of a stream."""

    def __init__(self) -> None:
        self.entries: deque[NoteEntry] = deque()
        self.bytes, self.notes = 0, 0
        self.last: dict[str, int] = {}
        self.ids = itertools.count(1)


class DictNotes:
    def __init__(self, parts: dict[Any, Any], kind: str, most_bytes: int) -> None:
        self._notes: Notes = parts.setdefault(("notes", kind), Notes())
        self._most = most_bytes

    async def append(self, replica: str, number: int, notes: int, data: bytes) -> None:
        kept = self._notes
        if number <= kept.last.get(replica, 0):
            return
        kept.last[replica] = number
        kept.entries.append(NoteEntry(b"%d-0" % next(kept.ids), kept.notes, notes, data))
        kept.notes, kept.bytes = kept.notes + notes, kept.bytes + len(data)
        while kept.bytes > self._most:
            kept.bytes -= len(kept.entries.popleft().data)

    async def read(self, after: bytes) -> list[NoteEntry]:
        start = int((after or BEGINNING).partition(b"-")[0])
        later = (entry for entry in self._notes.entries if int(entry.id.partition(b"-")[0]) > start)
        return list(itertools.islice(later, READ_AT_ONCE))
