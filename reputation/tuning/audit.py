"""The audit log: author, change, old value, new value and reason.

A line about an account has the account's keyed hash and the names of the changed fields, and no values, so the log
holds no personal data. Entries are only added; `headcount forget` alone rewrites older lines that name an account.

What people decide is kept for good. What programs push (facts, outcomes) is a line too, but of those the newest
`MOST_PUSHED` of a tenant are kept: billing pushes more in a day than people decide in years.
"""

import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from reputation.state.facts import Facts
from reputation.state.records import ABSENT, Record, Records
from reputation.state.transactions import Document
from reputation.wire.ids import beginning, pseudonym

DECIDED, PUSHED = "audit", "pushed"
MOST_PUSHED = 10_000
MOST_TEXT = 4096
A_PAGE = 1000
"""Lines that a search for an account reads at a time."""


class Author(NamedTuple):
    """The author of a change. via: token, proxy, oidc, local, or nothing for a program; tenants: empty: all."""

    name: str
    role: str = ""
    via: str = ""
    tenants: tuple[str, ...] = ()


class AuditEntry(Struct, frozen=True, omit_defaults=True):
    """One line. id: a ULID, so ids sort by time; at: seconds since 1970; who: the name of the token or the person.

    fields: the changed fields of an account; such a line has no before and no after. role, via, bound: of the author,
    as in Author.
    """

    id: str
    at: float
    tenant: str
    who: str
    what: str
    subject: str = ""
    before: Any = None
    after: Any = None
    why: str = ""
    fields: tuple[str, ...] = ()
    role: str = ""
    via: str = ""
    bound: tuple[str, ...] = ()


class Change(Struct, frozen=True):
    """A change, without its author and time. pushed: made by a program, not decided by a person.

    account: the account that the change is about; its line has the account's keyed hash after the subject.
    """

    tenant: str
    what: str
    subject: str = ""
    before: Any = None
    after: Any = None
    why: str = ""
    pushed: bool = False
    account: str = ""


class Entry(Protocol):
    """An exception or a denial."""

    @property
    def kind(self) -> str: ...
    @property
    def value(self) -> str: ...


def entry_change(what: str, tenant: str, before: Entry | None, after: Entry | None, why: str) -> Change:
    """Return the change of an exception or a denial; the line of an account or a card has its keyed hash."""
    entry = before or after
    assert entry is not None  # noqa: S101 - one of them was given
    if entry.kind in ("account", "card"):
        return Change(tenant, what, entry.kind, before, after, why, account=entry.value)
    return Change(tenant, what, f"{entry.kind} {entry.value}", before, after, why)


Sides = Callable[[Facts | None], Any]
"""What a line shows of an account's facts."""


def line_of(
    change: Change, id_: str, who: Author, now: float, secret: bytes, sides: Sides | None = None
) -> Document:  # fmt: skip
    """The line of a change, to be kept with it; `sides` fill its before and after from the account's facts."""
    kind = PUSHED if change.pushed else DECIDED
    return Document(kind, id_, partial(_line, change, (id_, who, now), secret, sides), ABSENT)


def _line(
    change: Change, made: tuple[str, Author, float], secret: bytes, sides: Sides | None, before: Facts | None,
    after: Facts | None,
) -> bytes:  # fmt: skip
    id_, who, now = made
    shown = (change.before, change.after) if sides is None else (sides(before), sides(after))
    entry = AuditEntry(
        id_, now, change.tenant, who.name, change.what, change.subject, *shown, change.why,
        role=who.role, via=who.via, bound=who.tenants,
    )  # fmt: skip
    return _encoded(without_values(entry, change.account, secret) if change.account else entry)


def _encoded(entry: AuditEntry) -> bytes:
    return msgspec.json.encode(entry, enc_hook=float)  # the wire's own type of time is a float too


def without_values(entry: AuditEntry, account: str, secret: bytes) -> AuditEntry:
    """Return a line about an account with its keyed hash and the names of the changed fields in place of values."""
    hashed = pseudonym(account, secret)
    subject = entry.subject.removesuffix(account).rstrip() if entry.subject.endswith(account) else entry.subject
    fields = entry.fields or changed_fields(entry.before, entry.after)
    why = without_id(entry, AboutAccount(account, hashed)).why
    return msgspec.structs.replace(
        entry, subject=f"{subject} {hashed}".lstrip(), before=None, after=None, why=why, fields=fields
    )


def without_id(entry: AuditEntry, of: "AboutAccount") -> AuditEntry:
    """Return a line with the account's hash in place of its id where the reason has it as a word."""
    why = re.sub(rf"(?<!\w){re.escape(of.account)}(?!\w)", of.hashed, entry.why)
    return entry if why == entry.why else msgspec.structs.replace(entry, why=why)


def _may_name(record: Record, word: bytes) -> bool:
    """Whether a line could have an id; JSON writes quotes, backslashes and control characters in another way."""
    return word in record.body or b"\\" in record.body


def changed_fields(before: Any, after: Any) -> tuple[str, ...]:
    """Name the members that differ, the members of nested objects by their path; a missing side has none."""
    old, new = (dict(_members(msgspec.to_builtins(side, enc_hook=float))) for side in (before, after))
    return tuple(sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)))


def _members(side: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(side, dict):
        return
    for name, value in side.items():
        if not path and name in OF_THE_LINE:
            continue
        if isinstance(value, dict) and name not in OPEN_NAMES:
            yield from _members(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


OF_THE_LINE = frozenset({"account", "tenant", "id", "by", "at", "reason", "kind", "value"})
"""Members that the line itself says, or that name the account."""
OPEN_NAMES = frozenset({"external"})
"""Members whose own members are named by callers, so these names are values too."""


class AboutAccount(NamedTuple):
    """The names of an account in the log: its keyed hash, and its id in lines of earlier versions."""

    account: str
    hashed: str

    def is_in(self, entry: AuditEntry) -> bool:
        """Whether a line is about the account."""
        return self.names(entry) or entry.subject.endswith(self.hashed)

    def names(self, entry: AuditEntry) -> bool:
        """Whether a line of an earlier version is about the account, by its id."""
        return entry.subject in (self.account, f"account {self.account}")


def about(account: str, secret: bytes) -> AboutAccount:
    return AboutAccount(account, pseudonym(account, secret))


PEOPLE, PROGRAMS = "people", "programs"
KINDS = {None: (DECIDED, PUSHED), PEOPLE: (DECIDED,), PROGRAMS: (PUSHED,)}
"""The kinds of lines by their author: people decide, programs push facts and outcomes."""


class Chosen(NamedTuple):
    """What lines to look for. None or empty: any.

    who: a name as it is; what: an action, or the first words of it, as `allow` of `allow.add`. since, until: seconds
    since 1970, the second one not included. by: people or programs. of: an account.
    """

    who: str = ""
    what: str = ""
    since: float = 0.0
    until: float | None = None
    by: str | None = None
    of: AboutAccount | None = None

    @property
    def are_all(self) -> bool:
        """Whether each line of the kinds and times is wanted."""
        return not self.who and not self.what and self.of is None

    def has(self, entry: AuditEntry) -> bool:
        """Whether a line of these times is wanted."""
        return (
            (not self.who or entry.who == self.who)
            and (not self.what or entry.what == self.what or entry.what.startswith(f"{self.what}."))
            and (self.of is None or self.of.is_in(entry))
        )

    def from_id(self, after: str) -> str:
        """The id after which its lines begin; ids sort by time."""
        return max(after, beginning(self.since)) if self.since else after

    def to_id(self, before: str) -> str:
        """The id before which its lines end, empty for none."""
        if self.until is None:
            return before
        return min(before or LAST_ID, beginning(self.until))


LAST_ID = "~"
"""Sorts behind every id."""
ANYTHING = Chosen()
_entries = msgspec.json.Decoder(AuditEntry)
_id = attrgetter("id")


class Audit:
    """The log of every tenant, kept in the records."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._pushed: dict[str, deque[str]] = {}

    async def add(self, change: Change, id_: str, who: Author, now: float) -> None:
        """Add a line about anything but an account; `line_of` makes those."""
        line = line_of(change, id_, who, now, b"")
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

    async def entries(
        self, tenant: str, most: int, *, before: str = "", after: str | None = None, chosen: Chosen = ANYTHING
    ) -> list[AuditEntry]:
        """Up to `most` lines: the newest first, from before an id; or with `after` the oldest first, from after it."""
        found: list[AuditEntry] = []
        first, last = chosen.from_id(""), chosen.to_id(LAST_ID)
        before, after = chosen.to_id(before), None if after is None else chosen.from_id(after)
        while len(found) < most:
            wanted = most - len(found) if chosen.are_all else A_PAGE
            records = await self._page(tenant, chosen, wanted, before, after)
            inside = [record for record in records if first <= record.id < last]
            read = [entry for entry in (self._read(tenant, record) for record in inside) if entry is not None]
            found += [entry for entry in read if chosen.has(entry)]
            if len(records) < wanted or len(inside) < len(records):
                break
            if after is None:  # damaged lines are made up for from the next page
                before = records[-1].id
            else:
                after = records[-1].id
        return found[:most]

    async def _page(
        self, tenant: str, chosen: Chosen, most: int, before: str, after: str | None
    ) -> list[Record]:  # fmt: skip
        """Lines of both kinds, or of the wanted one, in order."""
        found: list[Record] = []
        for kind in KINDS[chosen.by]:
            found += await self._records.page(tenant, kind, most, before=before, after=after)
        return sorted(found, key=_id, reverse=after is None)[:most]

    async def without(self, tenant: str, account: str, secret: bytes) -> AsyncIterator[Document]:
        """Return changes of the lines with an account's id: the id becomes its keyed hash, and values become names."""
        of, word = about(account, secret), account.encode("utf-8", "surrogatepass")
        for kind in (DECIDED, PUSHED):
            last = ""
            while page := await self._records.page(tenant, kind, A_PAGE, after=last):
                last = page[-1].id
                for record in page:
                    entry = self._read(tenant, record) if _may_name(record, word) else None
                    if entry is None:
                        continue
                    clean = without_values(entry, account, secret) if of.names(entry) else without_id(entry, of)
                    if clean != entry:
                        yield Document(kind, record.id, _encoded(clean))

    def _read(self, tenant: str, record: Record) -> AuditEntry | None:
        """Read a line; a damaged line is left out, and reported."""
        try:
            return _entries.decode(record.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._records.unreadable(tenant, "audit", record.id)
            return None
