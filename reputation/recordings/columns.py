"""Recorded decisions as numpy columns, some ten thousand at a time. Not imported where checks are answered."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from reputation.recordings.decisions import NUMBERS, REASONS, Segment, unpack

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
_TYPES = {"d": np.float64, "Q": np.uint64, "f": np.float32, "I": np.uint32, "H": np.uint16, "b": np.int8, "B": np.uint8}
ABSENT = -1


class FamilyColumns(Struct, frozen=True):
    """One family's reasons: a row for each decision, its reasons in their order, filled up with zeros.

    points: raw, decisions x places. signals: numbers into the decisions' `signals`, -1 where there is none.
    """

    points: Floats
    signals: Ints


class Decisions(Struct, frozen=True):
    """Decisions in the order of their recording. numbers: a column by name, as `NUMBERS` says."""

    numbers: dict[str, NDArray[Any]]
    families: dict[str, FamilyColumns]
    signals: list[str]
    plans: list[str]

    def __len__(self) -> int:
        return len(self.numbers["at"])

    def flag(self, bit: int) -> Mask:
        found: Mask = (self.numbers["flags"] & bit) != 0
        return found


def decisions_of(segment: Segment) -> Decisions:
    """Lay a segment out. Raises ValueError for columns of different lengths."""
    found = {name: _column(segment, name, code) for name, code in (NUMBERS | REASONS).items()}
    counts = found["reasons"].astype(np.int64)
    if any(len(found[name]) != segment.decisions for name in NUMBERS) or counts.sum() != len(found["points"]):
        raise ValueError(f"segment {segment.id}: its columns are not of one length")
    rows = np.repeat(np.arange(segment.decisions), counts)
    families = {
        name: _family(found["family"] == number, rows, found, segment.decisions)
        for number, name in enumerate(segment.families)
    }
    return Decisions({name: found[name] for name in NUMBERS}, families, segment.signals, segment.plans)


def _column(segment: Segment, name: str, code: str) -> NDArray[Any]:
    return np.frombuffer(segment.columns[name], dtype=_TYPES[code])


def _family(mine: Mask, rows: Ints, found: dict[str, NDArray[Any]], count: int) -> FamilyColumns:
    rows_, points_, signals_ = rows[mine], found["points"][mine], found["signal"][mine].astype(np.int64)
    counts = np.bincount(rows_, minlength=count)
    starts = np.cumsum(counts) - counts
    places = np.arange(len(rows_)) - starts[rows_]
    width = int(counts.max(initial=0))
    points, signals = np.zeros((count, width)), np.full((count, width), ABSENT)
    points[rows_, places], signals[rows_, places] = points_, signals_
    return FamilyColumns(points, signals)


def read_all(packed: Iterable[bytes]) -> Iterator[Decisions]:
    """Read packed segments one by one. Raises ValueError for other data."""
    for data in packed:
        yield decisions_of(unpack(data))
