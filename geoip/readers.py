"""Opening MMDB files and looking addresses up in them; the only place that touches maxminddb."""

import marshal
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import maxminddb
from cachetools import FIFOCache
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
_SEEN: Final = 8192  # records remembered for each database, about 0.5 KB each
_NOTHING: Final[Found] = {}
_ARCHIVES: Final = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip"}
_DESCRIPTORS: Final = "/proc/self/fd"

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
    """An open file. built: seconds since 1970, from its metadata; reader: maxminddb's.

    seen: what the last records were read as, by their bytes. Many networks share a record (all of a
    carrier's, say), and to recognise one costs a fifth of reading it.
    """

    path: Path
    type: str
    ip_version: int
    built: float
    layout: Layout
    reader: Any
    seen: FIFOCache[bytes, Found]

    def find(self, address: Address) -> Found:
        """The facts that this database knows, not to be changed. Raises one of BROKEN if the file is corrupt
        there."""
        if address.version > self.ip_version:
            return _NOTHING
        record = self.reader.get(address.text)
        if not isinstance(record, dict):
            return _NOTHING
        key = marshal.dumps(record, 2)  # later versions of the format may write one record in two ways
        try:
            return self.seen[key]
        except KeyError:
            found = self.seen[key] = find(self.layout, record)
            return found

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
    return Database(
        path, metadata.database_type, metadata.ip_version, built, layout, reader, FIFOCache(_SEEN)
    )


def _open_reader(path: Path, *, private_copy: bool) -> Any:
    try:
        _look(path)
        with _mappable(path, private_copy=private_copy) as name:
            return maxminddb.open_database(name, maxminddb.MODE_AUTO)
    except OSError as error:
        raise DatabaseError(path, error.strerror or str(error)) from error
    except BROKEN as error:
        cause = "not a MaxMind DB file, cut short, or its metadata is corrupt"
        raise DatabaseError(path, cause) from error


def _look(path: Path) -> None:
    """Refuse what is no plain file (opening a pipe would wait for ever) and the archives that databases come
    in."""
    if path.exists() and not path.is_file():
        raise DatabaseError(path, "not a regular file")
    with path.open("rb") as file:
        start = file.read(4)
    for magic, name in _ARCHIVES.items():
        if start.startswith(magic):
            raise DatabaseError(path, f"packed with {name}; unpack it first")


@contextmanager
def _mappable(path: Path, *, private_copy: bool) -> Iterator[str]:
    """The name of a file with the same content that nobody else can write to, or of the file itself."""
    if not private_copy or not hasattr(os, "memfd_create") or not Path(_DESCRIPTORS).is_dir():
        yield str(path)
        return
    with path.open("rb") as source, os.fdopen(os.memfd_create(path.name), "wb") as copy:
        while os.sendfile(copy.fileno(), source.fileno(), None, 1 << 30):
            pass
        yield f"{_DESCRIPTORS}/{copy.fileno()}"


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
