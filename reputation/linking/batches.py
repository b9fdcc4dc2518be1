"""What goes to a linker and what comes back, as messages between processes."""

from typing import Any

import msgspec
from msgspec import Struct

from reputation.engine.notes import Note
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.links import Delta
from reputation.hydra.sightings import Known, OperatorRuling, OutcomeNote, Sighting


class Batch(Struct, array_like=True, gc=False):
    """What one tenant saw since the last batch; `epoch` asks for links as of that time.

    fresh: what was sent of this tenant before is void, and so are the links that came of it; book: the clusters that
    the linker before this one kept; ledger: what it had seen, if that was handed over. hand_over: the answer shall have
    that of this linker, in at most so many bytes.
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


class Answer(Struct, array_like=True, gc=False):
    """What came of an epoch: what changed in the links, and the clusters as a linker can take them up again.

    ledger: what the linker saw, if it was asked for. crowded: sightings of accounts that found no place in it.
    """

    delta: Delta
    book: bytes
    ledger: bytes = b""
    crowded: int = 0


def batch_of(tenant: str, settings: LinkerSettings, notes: list[Note], now: float, *, epoch: bool = False) -> Batch:
    """Sort notes by what they are; their order within each kind stays."""
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


def packed(batch: Batch) -> bytes:
    return msgspec.msgpack.encode(batch)
