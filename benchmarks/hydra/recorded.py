"""A simulated world played through the engine with every decision recorded, and the truth as labels."""

import time
from collections import deque
from pathlib import Path

from msgspec import Struct

from benchmarks.hydra import truth
from benchmarks.hydra.world import Spec, make, stream
from reputation.config.file import RecordingSettings, load
from reputation.config.tenants import Tenant
from reputation.engine.replay import Replay
from reputation.linking.recorded import REPLAY_EVERY, REPLAY_LAG, RecordedLinking
from reputation.recordings.decisions import PackedSegment
from reputation.recordings.tenant_recorder import Recorder
from reputation.sidecar.build import build, open_addresses
from reputation.tuning.labels import LabelWord
from reputation.wire.ids import Ulids, pseudonym

KEY = b"simulated keys are hashed with this one"
EVERYTHING = RecordingSettings(payers=1.0, others=1.0, per_second=100_000, most=100_000_000, days=3650.0)


class Recorded(Struct, frozen=True):
    """What a world left: its decisions, who was what by keyed hash, who of them pays, and the revision that judged."""

    segments: list[PackedSegment]
    labels: dict[int, LabelWord]
    payers: frozenset[int]
    tenant: Tenant


def play(spec: Spec, config: Path | None = None) -> Recorded:
    """Play a world with linking on its own clock."""
    settings = load(config)
    limiter = build(settings, open_addresses(settings, time.time()), KEY)
    tenant = limiter.tenants["default"]
    recorder = Recorder(tenant.tenant, EVERYTHING, KEY, Ulids())
    tenant.verdict_hooks = (recorder.watch,)
    world = make(spec)
    linking = RecordedLinking(limiter, REPLAY_EVERY, REPLAY_LAG)

    def tick(now: float) -> None:
        linking(now)
        recorder.keep(recorder.pack_waiting(), now)

    try:
        lines = (line.encode() for _, line in stream(world))
        deque(Replay(limiter, tick, reasons=False, skip_bad=False).run(lines), maxlen=0)
    finally:
        linking.close()
    recorder.close_open()
    recorder.keep(recorder.pack_waiting(), 0.0)
    known = {_hash(name): fact for name, fact in truth.of(world).accounts.items()}
    labels: dict[int, LabelWord] = {n: "abuse" if fact.label == "hydra" else "good" for n, fact in known.items()}
    payers = frozenset(name for name, fact in known.items() if fact.payer)
    return Recorded(recorder.segments(0.0), labels, payers, tenant.tenant)


def _hash(account: str) -> int:
    return int(pseudonym(account, KEY), 16)
