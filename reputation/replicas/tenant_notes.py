"""A replica's notes on their way to the shared linker: packed, kept while Redis is away, appended once."""

import asyncio
from collections import deque
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from reputation.engine.notes import Outbox
from reputation.hydra.sightings import Known, Note, OperatorRuling, OutcomeNote, Sighting
from reputation.linking.batches import Batch
from reputation.replicas.packing import compressed, decompressed
from reputation.stores.contract import NoteStream, SharedStore
from reputation.stores.shared_values import BEGINNING, READ_AT_ONCE, NoteEntry

AN_ENTRY = 1000
"""Notes of one entry at most."""
MOST_PACKED = 1024 * 1024
"""Bytes of an entry; notes that do not fit are halved, and one alone that does not is dropped."""
MOST_UNPACKED = 64 * 1024 * 1024
"""Bytes of an entry's notes; those of one that we packed take a tenth of it."""
MOST_RULINGS = 1024 * 1024
"""Bytes of the rulings that wait for a linker."""
A_TURN = 4
"""Reads of READ_AT_ONCE entries before the linker is given what there is: 128,000 notes at most."""


class Notes(Struct, array_like=True, gc=False):
    """Notes by kind; their order within each kind stays."""

    known: list[Known] = []
    sightings: list[Sighting] = []
    outcomes: list[OutcomeNote] = []
    rulings: list[OperatorRuling] = []


class Parcel(NamedTuple):
    """An entry not appended yet."""

    stream: NoteStream
    number: int
    notes: int
    data: bytes


_decoder = msgspec.msgpack.Decoder(Notes)
_PLACES = {Known: "known", Sighting: "sightings", OutcomeNote: "outcomes", OperatorRuling: "rulings"}


def packed(notes: list[Note]) -> list[tuple[int, bytes]]:
    """Pack notes as entries: how many, and their bytes. Notes without room in any entry are left out."""
    return [entry for at in range(0, len(notes), AN_ENTRY) for entry in _fitting(notes[at : at + AN_ENTRY])]


def _fitting(notes: list[Note]) -> list[tuple[int, bytes]]:
    found = Notes([], [], [], [])
    for note in notes:
        getattr(found, _PLACES[type(note)]).append(note)
    data = compressed(msgspec.msgpack.encode(found))
    if len(data) <= MOST_PACKED:
        return [(len(notes), data)]
    half = len(notes) // 2
    return _fitting(notes[:half]) + _fitting(notes[half:]) if half else []


def unpacked(data: bytes) -> Notes:
    """Raises ValueError for bytes not packed by a replica of this version."""
    try:
        return _decoder.decode(decompressed(data, MOST_UNPACKED))
    except msgspec.DecodeError as error:
        raise ValueError("these are no notes of this version") from error


class Cursor(Struct, frozen=True, array_like=True, gc=False):
    """How far a linker has read: the last entries of notes and of rulings, and how many notes came until there."""

    notes: bytes = BEGINNING
    rulings: bytes = BEGINNING
    upto: int = 0


class TenantNotes:
    """One tenant's two streams, as one replica writes and reads them.

    While Redis is away nothing is collected beyond what was being sent: the outbox bounds the rest, and counts what it
    drops.
    """

    def __init__(self, store: SharedStore, tenant: str, replica: str) -> None:
        self.dropped = 0  # notes that a linker here should have read, and never got
        self.unread = 0  # entries that could not be read
        self.stream = store.notes(tenant, "notes")
        self.ruling_stream = store.notes(tenant, "orders", MOST_RULINGS)
        self._replica = replica
        self._number = 0
        self._waiting: deque[Parcel] = deque()

    async def send(self, outbox: Outbox) -> None:
        """Append all notes, rulings first. Raises AwayError; the next call sends the collected notes then."""
        await self._send_waiting()
        if outbox.waiting:
            await self._collect(outbox)
            await self._send_waiting()

    async def _send_waiting(self) -> None:
        while self._waiting:
            stream, number, notes, data = self._waiting[0]
            await stream.append(self._replica, number, notes, data)
            self._waiting.popleft()

    async def _collect(self, outbox: Outbox) -> None:
        noted = outbox.collect()
        rulings: list[Note] = [note for note in noted if isinstance(note, OperatorRuling)]
        others: list[Note] = [note for note in noted if not isinstance(note, OperatorRuling)]
        for stream, notes in ((self.ruling_stream, rulings), (self.stream, others)):
            entries = await asyncio.to_thread(packed, notes) if notes else []
            self.dropped += len(notes) - sum(count for count, _ in entries)
            for count, data in entries:
                self._number += 1
                self._waiting.append(Parcel(stream, self._number, count, data))

    async def read(self, cursor: Cursor, batch: Batch) -> Cursor:
        """Put the notes after a cursor into a batch; return the cursor after them. Raises AwayError."""
        for _ in range(A_TURN):
            notes = await self.stream.read(cursor.notes)
            rulings = await self.ruling_stream.read(cursor.rulings)
            for entry in notes:
                if entry.notes:
                    self.dropped += max(entry.before - cursor.upto, 0)
                upto = entry.before + entry.notes if entry.notes else cursor.upto
                cursor = Cursor(entry.id, cursor.rulings, upto)
            if rulings:
                cursor = Cursor(cursor.notes, rulings[-1].id, cursor.upto)
            await asyncio.to_thread(self._take_in, notes + rulings, batch)
            if max(len(notes), len(rulings)) < READ_AT_ONCE:
                break
        return cursor

    def _take_in(self, entries: list[NoteEntry], batch: Batch) -> None:
        for entry in entries:
            try:
                notes = unpacked(entry.data)
            except ValueError:
                self.unread += 1
                continue
            kinds: tuple[tuple[list[Any], list[Any]], ...] = (
                (batch.known, notes.known),
                (batch.sightings, notes.sightings),
                (batch.outcomes, notes.outcomes),
                (batch.rulings, notes.rulings),
            )
            for there, more in kinds:
                there.extend(more)
