"""`headcount replay`: recorded requests through the same engine, on their own clock."""

import contextlib
import gzip
import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import click
import zstandard
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from geoip.terminal import console
from reputation.commands.options import config_option, ends_well, json_option
from reputation.engine.entry import newcomers_of
from reputation.engine.limiter import Limiter
from reputation.engine.replay import BadLine, Replay, Summary
from reputation.engine.together import together_of
from reputation.linking.process import LinkerDiedError
from reputation.linking.recorded import REPLAY_EVERY, REPLAY_LAG, RecordedLinking
from reputation.sidecar.build import build, collect_seldom, open_addresses, read_settings
from reputation.sidecar.hash_key import hash_key

REPLAY_KEY = b"the keys in recorded lines are hashed with this one"
CHUNK = 1 << 20
PACKED_CHUNK = 1 << 14  # unpacked at once, and what unpacks may be a hundred times as much


@click.command()
@click.argument("events", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="File for the verdicts; - is standard output.",
)
@config_option
@click.option("--reasons", is_flag=True, help="Write the reasons of every verdict; they are most of its bytes.")
@click.option("--skip-bad", is_flag=True, help='Write {"error": …} for a bad line instead of stopping.')
@click.option("--epoch", type=click.FloatRange(1), default=REPLAY_EVERY, show_default=True,
              help="Recorded seconds between two linkings.")  # fmt: skip
@click.option("--lag", type=click.FloatRange(0), default=REPLAY_LAG, show_default=True,
              help="Recorded seconds until a linking becomes active.")  # fmt: skip
@json_option
@ends_well
def replay(
    events: Path,
    out: Path,
    config: Path | None,
    *,
    reasons: bool,
    skip_bad: bool,
    epoch: float,
    lag: float,
    as_json: bool,
) -> None:
    """Run recorded requests through the engine; one verdict line for each check line, in order.

    EVENTS is a file of JSON lines; - reads standard input. Both files can be compressed as .gz or .zst.
    """
    if out.exists() and events.exists() and out.samefile(events):
        raise click.UsageError("--out is the file of events, which would be overwritten")
    settings = read_settings(config)
    addresses = open_addresses(settings, 0.0)
    limiter = build(settings, addresses, hash_key() or REPLAY_KEY)
    linking = RecordedLinking(limiter, epoch, lag)

    def tick(now: float) -> None:
        addresses.age(now)  # recorded time too, so that a replay is the same next year
        linking(now)

    run = Replay(limiter, tick, reasons=reasons, skip_bad=skip_bad)
    collect_seldom()
    started, at = time.monotonic(), events
    try:
        with _reader(events) as (source, size), _writer(out) as sink, _progress(source, size) as lines:
            for line in run.run(lines):
                at = out
                sink.write(line)
                at = events
            at = out
    except BadLine as error:
        raise click.ClickException(f"{events}, {error}; --skip-bad continues after bad lines") from None
    except LinkerDiedError as error:
        raise click.ClickException(f"{error}; the output ends there") from None
    except BrokenPipeError:  # the reader of the verdicts has read enough
        raise
    except OSError as error:
        raise click.ClickException(f"{error.filename or at}: {error.strerror or error}") from None
    except (EOFError, zstandard.ZstdError) as error:
        raise click.ClickException(f"{at}: {error}") from None
    finally:
        linking.close()
    _tell(run.summary, limiter, time.monotonic() - started, as_json=as_json, aside=not as_json or str(out) == "-")


@contextlib.contextmanager
def _reader(path: Path) -> Iterator[tuple[BinaryIO, int]]:
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
def _writer(path: Path) -> Iterator[BinaryIO]:
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
def _progress(raw: BinaryIO, size: int) -> Iterator[Iterator[bytes]]:
    """Yield the lines; on a terminal, show a progress bar of the bytes read."""
    terminal = console(err=True)
    lines = iter(_decompressed(raw))
    if not terminal.is_terminal or not size:
        yield lines
        return
    columns = (TextColumn("replaying"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal, transient=True) as progress:
        task = progress.add_task("", total=size)

        def watched() -> Iterator[bytes]:
            for number, line in enumerate(lines):
                if number % 10_000 == 0:
                    progress.update(task, completed=raw.tell())
                yield line

        yield watched()


def _tell(summary: Summary, limiter: Limiter, seconds: float, *, as_json: bool, aside: bool) -> None:
    """Print the summary. aside: on standard error, for people or if verdicts go to standard output."""
    clusters = sum(len(tenant.links.clusters) for tenant in limiter.tenants.values())
    if as_json:
        click.echo(_summary_json(summary, limiter, clusters, seconds), err=aside)
        return
    decisions = ", ".join(f"{n:,} {word}" for word, n in sorted(summary.decisions.items())) or "none"
    rate = summary.lines / seconds if seconds else 0.0
    click.echo(
        f"{summary.lines:,} lines in {seconds:.1f} s ({rate:,.0f}/s): {summary.checks:,} checks ({decisions}), "
        f"{summary.accounts:,} account lines, {summary.outcomes:,} outcomes, {summary.bad:,} bad lines; "
        f"{clusters:,} clusters at the end",
        err=True,
    )


def _summary_json(summary: Summary, limiter: Limiter, clusters: int, seconds: float) -> str:
    import msgspec  # noqa: PLC0415 - only for this form

    newcomers = {
        name: {
            plan: {"day": units, "voters": voters}
            for plan, (units, voters) in newcomers_of(tenant.tenant, tenant.links).items()
        }
        for name, tenant in limiter.tenants.items()
    }
    together = {name: together_of(tenant.tenant, tenant.links) for name, tenant in limiter.tenants.items()}
    found = {
        **msgspec.to_builtins(summary), "clusters": clusters, "newcomers": newcomers, "together": together,
        "seconds": seconds,
    }  # fmt: skip
    return msgspec.json.encode(found).decode()
