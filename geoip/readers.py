"""Opening MMDB files and looking addresses up in them; the only place that touches maxminddb."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import maxminddb
from maxminddb import InvalidDatabaseError
from maxminddb.reader import Reader as SlowReader

from geoip.facts import Address
from geoip.layouts import LAYOUTS, Found, Layout, find, layout_of

# What a corrupt file may raise when it is read: bad structure, bad numbers, bad text.
BROKEN: Final = (InvalidDatabaseError, ValueError, OverflowError, RecursionError)

_WALKED: Final = 5000  # records read in a row when a file is opened, and
_SPREAD: Final = (
    512  # addresses asked for, spread evenly over the address space: about 20 ms for a city database
)

SLOW_READER: Final = (
    "maxminddb has no C extension here, look-ups take 10 to 15 times as long; "
    "install a maxminddb wheel that is built for this platform"
)


class DatabaseError(Exception):
    """A database cannot be used. path: the file; cause: why, in plain words."""

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(f"{path}: {cause}")
        self.path = path
        self.cause = cause


class Database(NamedTuple):
    """An open file. built: seconds since 1970, from its metadata; reader: maxminddb's."""

    path: Path
    type: str
    ip_version: int
    built: float
    layout: Layout
    reader: Any

    def find(self, address: Address) -> Found:
        """The facts that this database knows. Raises one of BROKEN if the file is corrupt there."""
        record = None
        if address.version <= self.ip_version:
            record = self.reader.get(address.text)
        return find(self.layout, record) if isinstance(record, dict) else {}

    def is_stale(self, now: float) -> bool:
        return now - self.built > self.layout.best_before

    @property
    def is_fast(self) -> bool:
        """Whether the reader is the C extension's."""
        return not isinstance(self.reader, SlowReader)


def open_database(path: Path, *, private_copy: bool = True) -> Database:
    """Open, check and recognise a file; DatabaseError if it cannot be used.

    The reader maps the file into memory, and a mapped file that somebody overwrites in place ends the process
    with SIGBUS. So what is mapped is a private copy in memory, where the system has one to give (Linux), and
    the file that was checked is the file that is used.
    """
    path = Path(path)
    reader = _open_reader(path, private_copy=private_copy)
    metadata = reader.metadata()
    _check(path, reader, metadata.ip_version)
    layout = layout_of(metadata.database_type)
    if layout is None:
        reader.close()
        known = "; ".join(known.name for known in LAYOUTS)
        raise DatabaseError(
            path, f"database_type {metadata.database_type!r} is not known; known are: {known}"
        )
    built = float(metadata.build_epoch)
    return Database(path, metadata.database_type, metadata.ip_version, built, layout, reader)


def _open_reader(path: Path, *, private_copy: bool) -> Any:
    try:
        with _mappable(path, private_copy=private_copy) as name:
            return maxminddb.open_database(name, maxminddb.MODE_AUTO)
    except OSError as error:
        raise DatabaseError(path, error.strerror or str(error)) from error
    except BROKEN as error:
        cause = "not a MaxMind DB file, cut short, or its metadata is corrupt"
        raise DatabaseError(path, cause) from error


@contextmanager
def _mappable(path: Path, *, private_copy: bool) -> Iterator[str]:
    """The name of a file with the same content that nobody else can write to, or of the file itself."""
    if not private_copy or not hasattr(os, "memfd_create"):
        yield str(path)
        return
    with path.open("rb") as source, os.fdopen(os.memfd_create(path.name), "wb") as copy:
        while os.sendfile(copy.fileno(), source.fileno(), None, 1 << 30):
            pass
        yield f"/proc/self/fd/{copy.fileno()}"


def _check(path: Path, reader: Any, ip_version: int) -> None:
    """Read enough to meet damage now rather than at a check; a file can be damaged where nobody looks."""
    try:
        for _ in islice(reader, _WALKED):
            pass
        for address in _spread(ip_version):
            reader.get(address)
    except BROKEN as error:
        reader.close()
        raise DatabaseError(path, f"corrupt: {error}") from error


def _spread(ip_version: int) -> Iterator[str]:
    for step in range(_SPREAD):
        yield f"{step * 256 // _SPREAD}.{step * 97 % 256}.{step * 61 % 256}.1"
        if ip_version == 6:
            yield f"{0x2000 + step * 0x2000 // _SPREAD:x}:{step * 977 % 65536:x}::1"
