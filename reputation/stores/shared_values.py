"""The values at the boundary of a shared store."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from reputation.limits.reservations import Settlement
from reputation.limits.take import Charge, Taken
from reputation.state.transactions import AccountData

AWAY = "the state that this is kept in is away; try again shortly"
"""The error for a client while the store is away."""
NOT_OPEN, TOO_MUCH, FOREIGN = -1, -2, -3
"""Why a hold or lease was not settled: none is open, above `overrun`, of another account or gateway key."""
LINKS, STATE = b"links", b"state"
"""Kinds of what `SharedLinks.whole` returns: the active links, and the state that they were computed from."""
BEGINNING = b"0-0"
"""The place before a note stream's first entry."""
READ_AT_ONCE = 32
"""Entries that one read of a note stream returns at most."""

AccountOrKey = str | bytes
"""An account's name, or the keyed hash of an API key."""
Heard = Callable[[AccountOrKey | None, int], None]
"""Called with the account or key that changed, and the number of its last change; None: every one may have."""
Owed = tuple[Charge, float]
"""A bucket, and the amount to charge to it; a negative amount is given back."""


class AwayError(Exception):
    """The store did not answer as expected. The operation may have run all the same."""


class KeptAccount(NamedTuple):
    """An account as the store has it. number: of its last change, larger at each change; 0 if nothing is kept."""

    name: str
    number: int
    data: AccountData


class Once(Struct, frozen=True, gc=False):
    """A request to charge once: its id, and a hash to identify its content."""

    id: str
    print: str


def once(id_: str, text: str) -> Once:
    """Make one from a request's id and a text to identify its content."""
    return Once(id_, hashlib.blake2b(text.encode(), digest_size=16).hexdigest())


class Again(NamedTuple):
    """A request was charged before, by whichever replica: nothing was taken; `taken` has the buckets as they are."""

    taken: Taken


class Clash(NamedTuple):
    """Another request had the id; nothing was taken."""


Tried = Taken | Again | Clash
"""The result of a take."""


class Settling(Struct, frozen=True, gc=False):
    """Holds, (id, used) of each, and leases to settle: all of them, or nothing if one is refused.

    A hold is charged what it came to, into debt if need be, but not more than `overrun` times what it was.
    """

    holds: tuple[tuple[str, float], ...] = ()
    leases: tuple[Settlement, ...] = ()
    overrun: float = 100.0


class Came(Struct, frozen=True, gc=False):
    """The final charge of each hold and lease; NOT_OPEN, TOO_MUCH or FOREIGN if it was refused."""

    holds: tuple[float, ...]
    leases: tuple[float, ...]


class Leadership(NamedTuple):
    """holder: the linker host, as "replica term", or nothing; version: of the active links, 0 for none."""

    holder: bytes = b""
    version: int = 0


class Step(NamedTuple):
    """One activation: links whole and as a delta, and the state, covering notes and rulings up to these."""

    links: bytes
    delta: bytes
    state: bytes
    notes: bytes
    rulings: bytes


class NoteEntry(NamedTuple):
    """Some notes of one replica. id: its place in the stream; before: notes appended before it, by any replica."""

    id: bytes
    before: int
    notes: int
    data: bytes
