"""Recorded decisions: the inputs of each verdict, so another revision can score exactly the same facts.

This is how they are stored and sent: some thousand in a segment, MessagePack and zstandard.
"""

from pathlib import Path
from typing import NamedTuple

import msgspec
import zstandard
from msgspec import Struct

OPEN = "open"
DAY = 86_400.0

STATUSES = ("none", "blessed", "shared", "restricted", "challenged")
DECISIONS = ("allow", "throttle", "challenge", "deny")
SCOPES = ("account", "cluster", "organisation", "neighbourhood", "address", "newcomers")
PAYER, DISPUTED, HARD, EXCEPTED, WITHIN, CONDEMNED = 1, 2, 4, 8, 16, 32
"""Bits of `flags`: payer by the revision that judged; an open dispute; payment failed or disputed; an exception;
whether its own limits hold then; a person's mark."""

NUMBERS = {
    "at": "d",
    "account": "Q",
    "log_odds": "d",
    "cost": "d",
    "age": "d",
    "settled": "d",
    "share": "f",
    "revision": "I",
    "plan": "H",
    "previous": "b",
    "tier": "b",
    "standing": "B",
    "decision": "B",
    "scope": "B",
    "flags": "B",
    "reasons": "B",
}
"""One number a decision, by column, with its type in `array`. age: seconds since creation; NaN where not known."""
REASONS = {"family": "B", "signal": "H", "points": "d"}
"""One number a reason; `reasons` says how many a decision has. points are raw: before weight and cap."""


class Segment(Struct, frozen=True):
    """Some thousand decisions as columns; families, signals and plans give names to the columns' numbers."""

    id: str
    tenant: str
    decisions: int
    first: float
    last: float
    families: list[str]
    signals: list[str]
    plans: list[str]
    columns: dict[str, bytes]


class PackedSegment(NamedTuple):
    """A segment as stored and sent, zstandard over MessagePack: its bytes, or the file with its bytes."""

    id: str
    decisions: int
    first: float
    last: float
    data: bytes | Path

    def read(self) -> bytes:
        """The bytes. Raises OSError if its file is gone."""
        return self.data if isinstance(self.data, bytes) else self.data.read_bytes()


_segments = msgspec.msgpack.Decoder(Segment)


def pack(segment: Segment) -> PackedSegment:
    data = zstandard.ZstdCompressor(level=3).compress(msgspec.msgpack.encode(segment))
    return PackedSegment(segment.id, segment.decisions, segment.first, segment.last, data)


def unpack(data: bytes) -> Segment:
    """Read a packed segment. Raises ValueError for other data."""
    try:
        return _segments.decode(zstandard.ZstdDecompressor().decompress(data))
    except (zstandard.ZstdError, msgspec.MsgspecError) as error:
        raise ValueError(f"this is no segment of recorded decisions: {error}") from None
