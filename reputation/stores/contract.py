"""The interface of a store. `tests/stores/conformance` tests every store through this interface alone.

A `Store` keeps what one sidecar knows. A `SharedStore` is a store that several sidecars (replicas) use at once; it
offers their buckets, accounts, links and notes besides. `Store.shared` says which of the two a store is.
Times are seconds since 1970, durations seconds, names of accounts and tenants any text that UTF-8 can encode,
keys of accounts 16 bytes.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol

from reputation.limits.take import Ask, AskGroup, TakenAll
from reputation.state.damage import Damage
from reputation.state.records import Records
from reputation.state.stops import Stops
from reputation.state.tenant import TenantState
from reputation.state.transactions import Committed, Transaction
from reputation.stores.shared_values import (
    Came,
    Heard,
    KeptAccount,
    Leadership,
    NoteEntry,
    Once,
    Owed,
    Settling,
    Step,
    Tried,
)

MOST_NOTES = 64 * 1024 * 1024
"""Bytes of a note stream: 1,400,000 notes of 48 bytes, what 10,000 checks a second leave in two minutes."""

Turn = Callable[[], Awaitable[None]]
"""Something to do again and again, at least ten times a second."""


class Opening(NamedTuple):
    """The arguments to open a store: a function to make a tenant's empty state, the log, and this machine's clock."""

    make: Callable[[], TenantState]
    log: Any
    clock: Callable[[], float]


class Figures(NamedTuple):
    """Figures of a store with write-behind.

    written: changes; flush_seconds: of the last flush; held: the longest time one slice held the loop; age: seconds
    since the last write; waiting: changes not written yet; asleep: accounts not decoded yet;
    left_out: values that could not be written.
    """

    written: int
    failures: int
    flush_seconds: float
    held: float
    age: float
    waiting: int
    asleep: int
    left_out: int


class Store(Protocol):
    """A store: the state of every tenant, and the documents."""

    @property
    def records(self) -> Records:
        """The documents. A put or a delete is durable before it returns."""

    @property
    def damage(self) -> Damage:
        """Counts and log of unreadable values in it."""

    @property
    def stops(self) -> Stops:
        """Stops (verdicts against a request), stored for days. A crash may lose the last batch."""

    @property
    def degraded(self) -> bool:
        """Whether the store is unavailable, so that this process works from memory."""

    @property
    def shared(self) -> "SharedStore | None":
        """The parts shared by replicas; None for a store of one process."""

    def tenant(self, name: str) -> TenantState:
        """Return a tenant's state in this process; the same object at each call. Raises ConfigError.

        An embedded store reads it back when the tenant is first named: facts, outcomes and keys as they were
        committed, buckets as they were at the last flush or clean stop. Of a shared store it holds copies.
        """

    async def commit(self, tenant: str, asked: Transaction) -> Committed:
        """Carry out a transaction, whole or not at all; it is durable before this returns.

        Transactions of one account follow from each other, also those of other replicas. Raises Conflict for a key of
        another account, Stale for a document of another version, what `change` raises, and Unavailable; then nothing
        was changed, or where the answer of a shared store was lost, perhaps all.
        """

    async def scrub(self) -> bool:
        """Write what waits, and overwrite deleted values; False if it has to be tried again, or is not ours to do."""

    def figures(self) -> Figures | None:
        """Return figures of write-behind; None for a store without it."""

    async def run(self) -> None:
        """Do the background work, until cancelled."""

    async def close(self) -> None:
        """Write the remaining changes and close the store."""


class Heartbeat(Protocol):
    """A tenant's heartbeat among replicas."""

    @property
    def replicas(self) -> int:
        """The number of live replicas, by the last heartbeat; at least 1."""


class SharedAccounts(Protocol):
    """Facts, outcomes and keys of one tenant's accounts, as all replicas share them."""

    async def look_up(
        self, names: Sequence[str], keys: Sequence[bytes], within: float | None = None
    ) -> tuple[list[KeptAccount], list[KeptAccount | None]]:
        """Return the account of each name, and the owner of each key (None: no account has it), in order.

        An account of which nothing is kept has the number 0. within: seconds to wait; None: as long as no check waits.
        Raises AwayError.
        """

    async def commit(self, asked: Transaction) -> tuple[Committed, KeptAccount]:
        """Carry out a transaction like `Store.commit`; return also the account's present value.

        Raises AwayError in the place of Unavailable.
        """


class Takes(Protocol):
    """One tenant's buckets, shared by all replicas; their arithmetic is the one of `limits/`, to the last digit.

    A bucket that no replica has drawn on is full. Buckets fill by the store's own clock, so that a step of one
    machine's clock changes nothing.
    """

    series: str
    """The set of buckets in use; shadow mode has a set of its own."""
    clock_offset: float
    """Seconds by which the store's clock was ahead of this machine's at the last take."""

    @property
    def batches(self) -> int:
        """Round trips with takes."""

    @property
    def retries(self) -> int:
        """Round trips repeated after a lost connection."""

    def take(self, ask: Ask, once: Once | None = None) -> Awaitable[Tried | None]:
        """Take from all buckets of one draw or from none; None if the store is away, and then nothing stays taken.

        The ask's buckets become copies of the shared ones. once: charge a request once, however many replicas it is
        sent to within 60 s: the second time it is Again, or Clash if the request is another one.
        """

    def take_all(self, group: AskGroup) -> Awaitable[TakenAll | None]:
        """Carry out a group's asks, all of them or none; None if the store is away."""

    def settle(self, settling: Settling) -> Awaitable[Came | None]:
        """Settle holds and leases, each once; None if the store is away."""

    async def first_id(self, once: Once) -> str | None:
        """Return the verdict id of a request charged before; None after its time, or while the store is away."""

    async def probe(self) -> None:
        """Find out whether the store accepts writes again. Raises AwayError."""

    async def resume(self, owed: Sequence[Owed]) -> None:
        """Give back takes without an answer, and charge the amounts owed, into debt if necessary.

        Each is charged once, however often this is tried. Raises AwayError.
        """

    def owe(self, owed: Sequence[Owed | Settling]) -> None:
        """Charge and settle in the background, after the store is back."""

    def note(self, owed: Sequence[Owed | Settling]) -> None:
        """Keep charges and settlements for the next `resume`; bounded."""


class SharedLinks(Protocol):
    """One tenant's links, and the lease of the replica in charge of them."""

    async def lead(self, *, wanted: bool) -> Leadership:
        """Read the linker host; renew the lease of this replica, or with `wanted` take it if it is free.

        Raises AwayError.
        """

    def is_ours(self, lead: Leadership) -> bool:
        """Whether this replica is the linker host."""

    async def leave(self) -> None:
        """Release the leadership lease if it is ours, so no replica waits for it. Raises AwayError."""

    async def put(self, lead: Leadership, before: int, step: Step) -> int:
        """Activate links in place of version `before`, and return their version, a larger number.

        Returns 0, and changes nothing, unless `lead` is in force and `before` is the active version (0: there are
        none). Entries of notes and rulings that the step covers may be dropped then. Raises AwayError.
        """

    async def steps(self, after: int) -> tuple[list[bytes], int]:
        """Return the deltas from a version, and the version they lead to; `after` itself without any.

        Raises AwayError.
        """

    async def whole(self, kind: bytes) -> tuple[bytes, int] | None:
        """Return LINKS or STATE as it was put, and its version; None if there is none, or after a replacement.

        Raises AwayError, and ValueError for active links of which a part is missing.
        """


class NoteStream(Protocol):
    """One of a tenant's streams of notes, from every replica to the linker host; bounded in bytes, the oldest go."""

    async def append(self, replica: str, number: int, notes: int, data: bytes) -> None:
        """Append a replica's entry of so many notes; number: 1 for its first, then one more each. Raises AwayError.

        An entry whose number is not above the replica's last one is there already, and is left out.
        """

    async def read(self, after: bytes) -> list[NoteEntry]:
        """Return the next READ_AT_ONCE entries after one (BEGINNING: from the first), or fewer. Raises AwayError."""


class SharedStore(Store, Protocol):
    """A store shared by replicas; each replica opens its own instance.

    clock: this machine's clock; it may be replaced. turns: what `run` calls again and again.
    """

    clock: Callable[[], float]
    turns: list[Turn]

    @property
    def log(self) -> Any:
        """The log of this store."""

    @property
    def eviction(self) -> str:
        """The policy by which the store may evict buckets in debt; empty if it keeps them."""

    def listen(self, tenant: str, heard: Heard) -> Heartbeat:
        """Call `heard` within 2 s of each change of the tenant's accounts and keys, by whichever replica."""

    def accounts(self, tenant: str) -> SharedAccounts:
        """Return a tenant's accounts."""

    def takes(self, tenant: str, within: float, failed: Callable[[str], None]) -> Takes:
        """Return a tenant's buckets. within: seconds a take waits; failed: called with the reason for giving one up."""

    def links(self, tenant: str, replica: str) -> SharedLinks:
        """Return a tenant's links. replica: this replica's name, without spaces."""

    def notes(self, tenant: str, kind: str, most_bytes: int = MOST_NOTES) -> NoteStream:
        """Return a tenant's stream of a kind, "notes" or "orders"; it keeps the newest `most_bytes` bytes."""
