"""Opens MMDB files and looks up addresses in them; the only user of maxminddb."""

import marshal
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final, NamedTuple

import maxminddb
import msgspec
from cachetools import FIFOCache
from maxminddb import InvalidDatabaseError
from maxminddb.reader import Reader as SlowReader

from geoip.facts import Address
from geoip.integrity import DamagedError, check
from geoip.layouts import LAYOUTS, Found, Layout, find, layout_of

# What a corrupt file may raise when it is read: bad structure, bad numbers, bad text.
BROKEN: Final = (InvalidDatabaseError, ValueError, OverflowError, RecursionError)

_SPREAD: Final = 512  # addresses asked for when a file is opened, spread evenly over the address space
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
        """The facts in this database, not to be changed. Raises one of BROKEN if the file is corrupt there."""
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

    def freshness(self, now: float) -> float:
        """The weight of its facts: 1 until its best age, then halved for each further time of that length.

        Rounded down to a hundredth, so that it is below 1 from the first moment and seldom another.
        """
        over = (now - self.built) / self.layout.best_before - 1.0
        if over <= 0.0:
            return 1.0
        return float(int(100.0 * math.pow(0.5, over))) / 100.0

    @property
    def is_fast(self) -> bool:
        """Whether the reader is the C extension's."""
        return not isinstance(self.reader, SlowReader)


def open_database(path: Path, *, embedded: bool = False) -> Database:
    """Open, check and recognise a file; DatabaseError if it cannot be used.

    The reader maps the file into memory, and a mapped file that is overwritten in place ends the process
    with SIGBUS. So what is mapped is a private copy in memory, where the system has one to give (Linux), and
    the file that was checked is the file that is used. The embedded file belongs to the package: it is not
    copied, and checked by the checksum next to it, which takes a thirtieth of the time.
    """
    path = Path(path)
    _look(path)
    reader, metadata = _open_reader(path, embedded=embedded)
    if not embedded:  # its checksum says as much, and to look around in it would bring all of it into memory
        _try(path, reader, metadata.ip_version)
    layout = layout_of(metadata.database_type)
    if layout is None:
        reader.close()
        known = "; ".join(known.name for known in LAYOUTS)
        raise DatabaseError(path, f"database_type {metadata.database_type!r} is not known; known are: {known}")
    built = float(metadata.build_epoch)
    return Database(path, metadata.database_type, metadata.ip_version, built, layout, reader, FIFOCache(_SEEN))


def origin_path(path: Path) -> Path:
    """The path of a JSON file next to an embedded database, with its SHA-256 and the versions of its sources."""
    return path.with_suffix(".json")


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _open_reader(path: Path, *, embedded: bool) -> tuple[Any, Any]:
    """The reader and its metadata."""
    try:
        if embedded:
            _compare(path)
        with _mappable(path, private_copy=not embedded) as name:
            if not embedded:
                _check_format(name)
            reader = maxminddb.open_database(name, maxminddb.MODE_AUTO)
            return reader, reader.metadata()
    except OSError as error:
        raise DatabaseError(path, error.strerror or str(error)) from error
    except DamagedError as error:
        raise DatabaseError(path, str(error)) from error
    except BROKEN as error:
        raise DatabaseError(path, "corrupt: maxminddb cannot read its metadata") from error


def _compare(path: Path) -> None:
    origin = origin_path(path)
    if not origin.is_file():
        raise DatabaseError(path, f"{origin.name}, which has its checksum, is missing from the same directory")
    if msgspec.json.decode(origin.read_bytes())["sha256"] != checksum(path):
        raise DatabaseError(path, "corrupt: it is not the file that the package came with")


def _check_format(name: str) -> None:
    with open(name, "rb") as file:  # noqa: PTH123 - the name may be a descriptor's, which is no path to keep
        content = file.read()
    check(memoryview(content))


def _look(path: Path) -> None:
    """Refuse special files (opening a pipe would block) and archives of databases."""
    if path.exists() and not path.is_file():
        raise DatabaseError(path, "not a regular file")
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise DatabaseError(path, error.strerror or str(error)) from error
    for magic, name in _ARCHIVES.items():
        if start.startswith(magic):
            raise DatabaseError(path, f"packed with {name}; unpack it first")


@contextmanager
def _mappable(path: Path, *, private_copy: bool) -> Iterator[str]:
    """The name of a read-only copy with the same content, or of the file itself."""
    if not private_copy or not hasattr(os, "memfd_create") or not Path(_DESCRIPTORS).is_dir():
        yield str(path)
        return
    with path.open("rb") as source, os.fdopen(os.memfd_create(path.name), "wb") as copy:
        while os.sendfile(copy.fileno(), source.fileno(), None, 1 << 30):
            pass
        yield f"{_DESCRIPTORS}/{copy.fileno()}"


def _try(path: Path, reader: Any, ip_version: int) -> None:
    """Look up some addresses: a file with a sound format can still have invalid text."""
    try:
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
