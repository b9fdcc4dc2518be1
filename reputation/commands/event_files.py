"""Files of recorded lines: plain, .gz or .zst, or the standard streams; with a progress bar on a terminal."""

import contextlib
import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import zstandard
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from geoip.terminal import console

CHUNK = 1 << 20
PACKED_CHUNK = 1 << 14  # unpacked at once, and what unpacks may be a hundred times as much


@contextlib.contextmanager
def reader(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open the events; yield the raw file, for the progress bar, and its size (0: not known)."""
    if str(path) == "-":
        yield sys.stdin.buffer, 0
        return
    with path.open("rb") as raw:
        yield raw, path.stat().st_size


def _decompressed(raw: BinaryIO) -> BinaryIO:
    name = str(getattr(raw, "name", ""))
    if name.endswith(".gz"):
        return cast("BinaryIO", gzip.GzipFile(fileobj=raw))
    if name.endswith(".zst"):
        return cast("BinaryIO", io.BufferedReader(_Frames(raw), CHUNK))
    return raw


class _Frames(io.RawIOBase):
    """Reads one zstd frame after the other. Raises EOFError if the file ends inside a frame.

    The library's own reader accepts a truncated file as complete.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            packed = self._packed or self._raw.read(PACKED_CHUNK)
            if not packed:
                if self._frame is not None:
                    raise EOFError("the compressed file ends in the middle")
                return 0
            self._unpack(packed)
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size

    def _unpack(self, packed: bytes) -> None:
        frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
        self._ready = memoryview(frame.decompress(packed))
        self._packed = frame.unused_data
        self._frame = None if frame.eof else frame


@contextlib.contextmanager
def writer(path: Path) -> Iterator[BinaryIO]:
    """Open a file of verdicts; what its name ends in says how it is compressed."""
    if str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif path.suffix == ".gz":
        # no file name and no time in the header: two runs give the same bytes
        with path.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
            yield cast("BinaryIO", packed)
    elif path.suffix == ".zst":
        with path.open("wb") as raw, zstandard.ZstdCompressor().stream_writer(raw) as packed:
            yield cast("BinaryIO", packed)
    else:
        with path.open("wb", buffering=CHUNK) as plain:
            yield plain


@contextlib.contextmanager
def progress(raw: BinaryIO, size: int, word: str = "replaying") -> Iterator[Iterator[bytes]]:
    """Yield the lines; on a terminal, show a progress bar of the bytes read."""
    terminal = console(err=True)
    lines = iter(_decompressed(raw))
    if not terminal.is_terminal or not size:
        yield lines
        return
    columns = (TextColumn(word), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal, transient=True) as shown:
        task = shown.add_task("", total=size)

        def watched() -> Iterator[bytes]:
            for number, line in enumerate(lines):
                if number % 10_000 == 0:
                    shown.update(task, completed=raw.tell())
                yield line

        yield watched()
