"""The recorders of all tenants, and the background work: packing, writing files, deleting."""

import asyncio
import re
import secrets
from array import array
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from reputation.config.file import RecordingSettings
from reputation.engine.limiter import TenantLimiter
from reputation.recordings.decisions import NUMBERS, OPEN, PackedSegment, pack, unpack
from reputation.recordings.tenant_recorder import Recorder, replace_account
from reputation.stores.places import MEMORY, default_place
from reputation.wire.ids import Ulids

EVERY = 1.0
SUFFIX = ".decisions"
_NAME = re.compile(r"([0-9A-Z]{26})_([0-9]+)_([0-9.]+)_([0-9.]+)\.decisions")


class Recording:
    """`attach` starts the recording of a tenant; `run` works in the background. A directory keeps segments after the
    process.
    """

    def __init__(self, settings: Callable[[], RecordingSettings], clock: Callable[[], float], warn: Any) -> None:
        self.directory: Path | None = None
        self.recorders: dict[str, Recorder] = {}
        self._settings = settings
        self._clock = clock
        self._warn = warn
        self._new_id = Ulids()
        self._one_at_a_time = asyncio.Lock()

    def attach(self, running: TenantLimiter) -> None:
        """Record a tenant's decisions after its stored ones, and follow its new settings."""
        name, settings = running.tenant.name, self._settings()
        recorder = self.recorders.get(name)
        if recorder is None:
            recorder = self.recorders[name] = Recorder(running.tenant, settings, running.secret, self._new_id)
            recorder.keep(self._load(name), self._clock())
        recorder.retune(running.tenant)
        if recorder.watch not in running.verdict_hooks:
            running.verdict_hooks = (recorder.watch, *running.verdict_hooks)

    async def run(self) -> None:
        """Pack and write waiting decisions once a second, until cancelled; then write the rest."""
        try:
            while True:
                await asyncio.sleep(EVERY)
                await self._work()
        finally:
            for recorder in self.recorders.values():
                recorder.close_open()
            await self._work()

    async def _work(self) -> None:
        async with self._one_at_a_time:
            for name, recorder in list(self.recorders.items()):
                made = await asyncio.to_thread(self._packed, name, recorder)
                gone = recorder.keep(made, self._clock())
                await asyncio.to_thread(_delete, gone)

    def _packed(self, name: str, recorder: Recorder) -> list[PackedSegment]:
        return [self._written(name, packed) for packed in recorder.pack_waiting()]

    def _written(self, name: str, packed: PackedSegment) -> PackedSegment:
        """Move a segment's bytes to a file; after a failure they stay in memory."""
        id_, decisions, first, last, data = packed
        if self.directory is None or isinstance(data, Path):
            return packed
        path = self._folder(name) / f"{id_}_{decisions}_{first:.3f}_{last:.3f}{SUFFIX}"
        part = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(path)
        except OSError as error:
            self._warn("recorded_decisions_not_written", path=str(path), error=str(error))
            return packed
        return packed._replace(data=path)

    async def forget(self, tenant: str, account: str) -> None:
        """Replace an account's keyed hash in its recorded decisions by a random number, in files too."""
        recorder = self.recorders.get(tenant)
        if recorder is None:
            return
        stand_in = secrets.randbits(64)
        async with self._one_at_a_time:
            hashed = recorder.forget(account, stand_in)
            change = partial(self._without, tenant, hashed, stand_in)
            await asyncio.to_thread(recorder.replace_kept, change)

    def _without(self, tenant: str, hashed: int, stand_in: int, packed: PackedSegment) -> PackedSegment:
        """Return a segment without an account's hash; one that cannot be read stays as it is."""
        try:
            segment = unpack(packed.read())
        except (OSError, ValueError):
            return packed
        column = array(NUMBERS["account"], segment.columns["account"])
        if not replace_account(column, hashed, stand_in):
            return packed
        columns = segment.columns | {"account": column.tobytes()}
        return self._written(tenant, pack(msgspec.structs.replace(segment, columns=columns)))

    def _folder(self, tenant: str) -> Path:
        assert self.directory is not None  # noqa: S101 - asked by both callers
        return self.directory / tenant.encode().hex()  # a tenant's name may have slashes

    def _load(self, tenant: str) -> list[PackedSegment]:
        """Return the segments of an earlier process, the oldest first."""
        if self.directory is None or not self._folder(tenant).is_dir():
            return []
        found = ((_NAME.fullmatch(path.name), path) for path in sorted(self._folder(tenant).iterdir()))
        return [PackedSegment(m[1], int(m[2]), float(m[3]), float(m[4]), path) for m, path in found if m]

    async def segments(self, tenant: str, since: float) -> list[PackedSegment]:
        """All decisions since a time, the last ones too, the oldest segment first."""
        recorder = self.recorders.get(tenant)
        if recorder is None:
            return []
        await self._work()
        found, last = recorder.segments(since), recorder.open_segment()
        return found if last is None or last.last < since else [*found, await asyncio.to_thread(pack, last)]

    def metrics(self) -> Iterator[Metric]:
        """Return the counts of recorded, dropped and stored decisions."""
        written = CounterMetricFamily("headcount_recorded", "Decisions recorded.", labels=["tenant"])
        dropped = CounterMetricFamily(
            "headcount_recorded_dropped", "Decisions dropped above the limits.", labels=["tenant"]
        )
        kept = GaugeMetricFamily("headcount_recorded_kept", "Recorded decisions kept.", labels=["tenant"])
        for name, recorder in sorted(self.recorders.items()):
            written.add_metric([name], recorder.written)
            dropped.add_metric([name], recorder.dropped)
            kept.add_metric([name], len(recorder))
        yield from (written, dropped, kept)


def _delete(gone: list[PackedSegment]) -> None:
    for packed in gone:
        if isinstance(packed.data, Path):
            packed.data.unlink(missing_ok=True)


def recordings_directory(place: str | None) -> Path | None:
    """The directory of recorded decisions next to a state file; None for state in memory or shared state."""
    place = place or default_place()
    return None if place == MEMORY or "://" in place else Path(place + ".recorded")


def is_open(id_: str) -> bool:
    """Whether an id names an open segment."""
    return id_.startswith(OPEN + "-")
