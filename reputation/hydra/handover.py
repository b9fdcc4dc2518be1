"""What one linker knows, packed so that another can go on with it: in another process, or on another machine.

Without it a linker that takes over has the clusters, but for days no baseline and no evidence to find more by.
"""

from typing import Any

import msgspec
import numpy as np
import zstandard
from msgspec import Struct

from reputation.hydra.columns import LOW, Interner, Ints, PairTable
from reputation.hydra.families import SEEN
from reputation.hydra.ledger import Ledger
from reputation.hydra.named import NAMED

FORMAT = 8
LEAST = 64
"""Fewer accounts than this are not worth handing over."""
MOST_AT_ONCE = 32
"""Bytes before compression that are packed at once, for each byte that may come out: the rest would be in vain."""
HOURS = ("recent", "refused", "by_hour")
PLAIN = ("flags", "requests")


class PackedLedger(Struct, array_like=True):
    """arrays: the bytes of each column, little-endian as the machine has them; names: what numbers stand for."""

    format: int
    hour: int
    day: int
    begun: int
    bin: int
    accounts: list[Any]
    arrays: dict[str, bytes]
    names: dict[str, list[Any]]


def pack(ledger: Ledger, most_bytes: int) -> bytes:
    """Pack the accounts seen last, as many as there is room for; empty if there is room for none."""
    ledger.absorb()
    there = np.flatnonzero([name is not None for name in ledger.accounts.names])
    known_at = np.fmax(ledger.column("last"), ledger.column("noted"))[there]
    newest = there[np.argsort(-np.nan_to_num(known_at), kind="stable")]
    newest = newest[: MOST_AT_ONCE * most_bytes * max(len(there), 1) // max(ledger.memory.used, 1)]
    while len(newest) >= LEAST:
        data = zstandard.ZstdCompressor(level=3).compress(msgspec.msgpack.encode(_packed(ledger, np.sort(newest))))
        if len(data) <= most_bytes:
            return data
        newest = newest[: int(len(newest) * 0.9 * most_bytes / len(data))]
    return b""


def unpack(data: bytes, ledger: Ledger) -> None:
    """Put what was packed into an empty ledger. Raises ValueError if it cannot be read."""
    try:
        packed = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(data), type=PackedLedger)
    except (zstandard.ZstdError, msgspec.DecodeError) as error:
        raise ValueError("this is no ledger that a linker packed") from error
    if packed.format != FORMAT:
        raise ValueError(f"a ledger in format {packed.format}; this linker reads {FORMAT}")
    count = len(packed.accounts)
    ledger.make_room(count)
    ledger.accounts.numbers([*packed.accounts])
    for name, column in _columns(ledger).items():
        column[:count] = np.frombuffer(packed.arrays[name], column.dtype).reshape(column[:count].shape)
    for name in NAMED:
        ledger.names[name].numbers(packed.names[name])
    for name, (table, names) in _tables(ledger).items():
        names.numbers([tuple(entry) if isinstance(entry, list) else entry for entry in packed.names[name]])
        for part in ("keys", "count", "first", "last"):
            was = getattr(table, part)
            setattr(table, part, np.frombuffer(packed.arrays[f"{name}.{part}"], was.dtype).copy())
    for kind in ledger.lived_in:
        column = np.frombuffer(packed.arrays[f"lived_in.{kind}"], np.int16)
        ledger.lived_in[kind] = np.append(column, np.zeros(1024, np.int16))
    ledger.days.day, ledger.days.begun = packed.day, packed.begun
    ledger.bins.bin = packed.bin
    ledger.recount(packed.hour)
    ledger.weigh()


def _columns(ledger: Ledger) -> dict[str, np.ndarray]:
    """Every column of accounts; those of NAMED hold numbers of names."""
    return {
        **ledger.floats,
        **ledger.ints,
        **{name: getattr(ledger, name) for name in (*PLAIN, *HOURS)},
        "days": ledger.days.kept,
        "bins": ledger.bins.kept,
        "today": ledger.days.today,
        "best": ledger.days.best,
    }


def _tables(ledger: Ledger) -> dict[str, tuple[PairTable, Interner]]:
    seen = {kind.name: (ledger.pairs[kind.name], ledger.names[kind.name]) for kind in SEEN}
    return {**seen, "worn": (ledger.worn, ledger.clients)}


def _packed(ledger: Ledger, kept: Ints) -> PackedLedger:
    """Everything about these accounts, with numbers of accounts and of names that begin at 0."""
    number = np.full(ledger.size, -1)
    number[kept] = np.arange(len(kept))
    arrays: dict[str, bytes] = {}
    names: dict[str, list[Any]] = {}
    for name, column in _columns(ledger).items():
        values = column[kept]
        if name in NAMED:
            values, names[name] = _renamed(values, ledger.names[name])
        arrays[name] = values.astype(column.dtype).tobytes()
    for name, (table, interner) in _tables(ledger).items():
        rows = number[table.accounts] >= 0
        values, names[name] = _renamed(table.values[rows], interner)
        arrays[f"{name}.keys"] = (number[table.accounts[rows]] << LOW | values).tobytes()
        for part in ("count", "first", "last"):
            arrays[f"{name}.{part}"] = getattr(table, part)[rows].tobytes()
    for kind, lived_in in ledger.lived_in.items():
        arrays[f"lived_in.{kind}"] = lived_in[ledger.names[kind].numbers(names[kind])].tobytes()
    return PackedLedger(
        FORMAT, ledger.hour, ledger.days.day, ledger.days.begun, ledger.bins.bin,
        [str(ledger.accounts.names[n]) for n in kept.tolist()], arrays, names,
    )  # fmt: skip


def _renamed(values: Ints, names: Interner) -> tuple[Ints, list[Any]]:
    """The values with numbers from 0 on, in the order that they had, and the names of those."""
    used = np.unique(values[values >= 0])
    number = np.searchsorted(used, values)
    return np.where(values >= 0, number, -1).astype(np.int64), [names.names[n] for n in used.tolist()]
