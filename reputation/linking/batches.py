"""Batches to a linker and its answers, as messages between processes."""

from typing import Any

import msgspec
from msgspec import Struct

from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.links import Delta
from reputation.hydra.sightings import Known, Note, OperatorRuling, OutcomeNote, Sighting


class Batch(Struct, array_like=True, gc=False):
    """Notes of one tenant since the last batch; `epoch` asks for links as of that time.

    fresh: earlier batches of this tenant are void, and so are their links; book: the clusters of the previous linker;
    ledger: its sightings, if it handed them over. hand_over: asks for the sightings of this linker, in at most so many
    bytes. partial: more notes of the same time follow in the next batch.
    """

    tenant: str
    settings: LinkerSettings
    known: list[Known] = []
    sightings: list[Sighting] = []
    outcomes: list[OutcomeNote] = []
    rulings: list[OperatorRuling] = []
    at: float = 0.0
    epoch: float | None = None
    fresh: bool = False
    book: bytes = b""
    ledger: bytes = b""
    hand_over: int = 0
    partial: bool = False


class Answer(Struct, array_like=True, gc=False):
    """The result of an epoch: the changed links, and the clusters for the next linker.

    ledger: the linker's sightings, if asked for. crowded: sightings of accounts without a place in it. used: bytes of
    what it knows; left_out: what it had no bytes for.
    """

    delta: Delta
    book: bytes
    ledger: bytes = b""
    crowded: int = 0
    used: int = 0
    left_out: int = 0


MOST_NOTES = 32_768
"""Notes of one batch: two processes hold a batch twice while it is on its way."""


def batch_of(tenant: str, settings: LinkerSettings, notes: list[Note], now: float, *, epoch: bool = False) -> Batch:
    """Sort notes by kind; their order within each kind stays."""
    batch = Batch(tenant, settings, at=now, epoch=now if epoch else None)
    places: dict[type, list[Any]] = {
        Known: batch.known,
        Sighting: batch.sightings,
        OutcomeNote: batch.outcomes,
        OperatorRuling: batch.rulings,
    }
    for note in notes:
        places[type(note)].append(note)
    return batch


def batches_of(tenant: str, settings: LinkerSettings, notes: list[Note], now: float, *, epoch: bool) -> list[Batch]:
    """Sort notes into batches of a bounded size. The last one asks for the epoch."""
    starts = range(0, max(len(notes), 1), MOST_NOTES)
    found = [batch_of(tenant, settings, notes[start : start + MOST_NOTES], now) for start in starts]
    for batch in found[:-1]:
        batch.partial = True
    found[-1].epoch = now if epoch else None
    return found


def packed(batch: Batch) -> bytes:
    return msgspec.msgpack.encode(batch)
