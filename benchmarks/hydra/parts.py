"""Where the time of an epoch goes, part by part, while a world is replayed with the linker in the same process.

python -m benchmarks.hydra.parts L3.jsonl

A sample is taken after each millisecond of CPU, and counts for the innermost part that is at work. The samples of all
parts are those of the epoch.
"""

import argparse
import platform
import resource
import signal
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from reputation.config.file import DEFAULT
from reputation.engine.limiter import Limiter
from reputation.engine.replay import Replay
from reputation.hydra.links import follow
from reputation.linking.batches import batch_of
from reputation.linking.host import LinkerHost
from reputation.linking.recorded import REPLAY_EVERY
from reputation.linking.tenants import linked, linker_settings
from reputation.sidecar.build import build, open_addresses

KEY = b"simulated keys are hashed with this one"
EACH = 0.001
OTHER = "everything else of an epoch"
PARTS = {
    "sightings into columns, old ones forgotten": ("Ledger.absorb", "forget"),
    "the table of values": ("collect", "with_own"),
    "cells": ("Linker._cells", "from_cells"),
    "waves, crews and relays": ("waves", "crews", "relays"),
    "rings": ("candidates", "corroborated", "Items.accused"),
    "what is normal": ("Habits.among",),
    "growth": ("grown",),
    "places and launches": (
        "Places.__init__",
        "Places.excused",
        "Places.one",
        "Launches.without",
        "Linker._innocent_clusters",
        "invoiced",
    ),
    "clusters and their purses": ("Linker._cluster", "update", "extend"),
    "organisations": ("Quotas.find", "established"),
    "other answers": ("Linker._snapshot", "difference"),
}
_PART = {name: part for part, names in PARTS.items() for name in names}


class Sampler:
    """Counts which part of an epoch is at work, by the CPU clock of this process."""

    def __init__(self) -> None:
        self.samples: Counter[str] = Counter()
        self.epochs, self.seconds = 0, 0.0

    @contextmanager
    def epoch(self) -> Iterator[None]:
        """Sample what runs inside."""
        before = signal.signal(signal.SIGPROF, self._sample)
        begun = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, EACH, EACH)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            signal.signal(signal.SIGPROF, before)
        self.epochs, self.seconds = self.epochs + 1, self.seconds + time.process_time() - begun

    def _sample(self, _: int, frame: FrameType | None) -> None:
        while frame is not None and frame.f_code.co_qualname not in _PART:
            frame = frame.f_back
        self.samples[OTHER if frame is None else _PART[frame.f_code.co_qualname]] += 1

    def rows(self) -> Iterator[tuple[str, float, float]]:
        """Yield parts with their milliseconds an epoch and their share, in the order of an epoch."""
        whole = max(self.samples.total(), 1)
        for part in (*PARTS, OTHER):
            share = self.samples[part] / whole
            yield part, 1000 * self.seconds / max(self.epochs, 1) * share, share


class Linking:
    """Links every 15 recorded minutes, at once."""

    def __init__(self, limiter: Limiter, sampler: Sampler) -> None:
        self._tenants, self._host, self._sampler = linked(limiter), LinkerHost(), sampler
        self._next = 0.0

    def __call__(self, now: float) -> None:
        """Follow recorded time."""
        if now < self._next:
            return
        self._next = now + REPLAY_EVERY
        for name, tenant in self._tenants:
            batch = batch_of(name, linker_settings(tenant), tenant.outbox.collect(), now, epoch=True)
            with self._sampler.epoch():
                answer = self._host.take(batch)
            if answer is not None:
                tenant.links = follow(tenant.links, answer.delta)


def measure(world: Path) -> Iterator[str]:
    """Replay a world; yield the lines of the table."""
    limiter = build(DEFAULT, open_addresses(DEFAULT, time.time()), KEY)
    sampler, begun = Sampler(), time.process_time()
    replay = Replay(limiter, Linking(limiter, sampler), reasons=False, skip_bad=False)
    with world.open("rb") as lines:
        deque(replay.run(lines), maxlen=0)
    whole = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines_read = f"{replay.summary.lines:,} lines, {sampler.epochs:,} epochs"
    yield f"Python {platform.python_version()}, {lines_read}, {peak:,.0f} MB"
    yield f"{whole:.1f} s of CPU, {sampler.seconds:.1f} s of it the linker's ({sampler.seconds / whole:.0%})"
    yield "| part | ms an epoch | share |"
    yield "| --- | ---: | ---: |"
    for part, milliseconds, share in sampler.rows():
        yield f"| {part} | {milliseconds:.2f} | {share:.1%} |"
    yield f"| an epoch | {1000 * sampler.seconds / max(sampler.epochs, 1):.2f} | |"


def main(arguments: list[str] | None = None) -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.hydra.parts", description=__doc__.splitlines()[0])
    options.add_argument("world", type=Path, help="lines that benchmarks.hydra.worlds wrote, not compressed")
    for line in measure(options.parse_args(arguments).world):
        print(line, flush=True)


if __name__ == "__main__":
    main()
