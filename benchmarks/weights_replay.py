"""How long a replay of recorded decisions takes, and a preview of a draft: `python -m benchmarks.weights_replay`.

The decisions are those of a simulated world, repeated later under other accounts' names until there are enough.
"""

import argparse
import asyncio
import resource
import statistics
import time
from collections.abc import Iterator

import msgspec
import numpy as np

from benchmarks.hydra.recorded import Recorded, play
from benchmarks.hydra.world import Spec
from reputation.config.tenants import TenantSettings
from reputation.recordings.columns import read_all
from reputation.recordings.decisions import PackedSegment, pack, unpack
from reputation.recordings.effects import Effects
from reputation.recordings.preview_process import MOST_DECISIONS, PreviewProcess, newest
from reputation.recordings.report import report
from reputation.tuning.revisions import Revision, compiled

DRAFT = Revision(2, 1, "", "", 0.0, {"weights": {"velocity": 1.5, "asn": 0.5}, "prior": -2.0})
ROUNDS = 15


def repeated(recorded: Recorded, count: int) -> list[PackedSegment]:
    """Segments with at least `count` decisions: the world's own, then the same again, later and of others."""
    length = recorded.segments[-1].last - recorded.segments[0].first + 1.0
    found: list[PackedSegment] = []
    turn, made = 0, 0
    while made < count:
        for packed in recorded.segments if turn == 0 else _again(recorded.segments, turn, length * turn):
            found.append(packed)
            made += packed.decisions
            if made >= count:
                break
        turn += 1
    return found


def _again(segments: list[PackedSegment], turn: int, later: float) -> Iterator[PackedSegment]:
    for packed in segments:
        segment = unpack(packed.read())
        columns = dict(segment.columns)
        columns["at"] = (np.frombuffer(columns["at"]) + later).tobytes()
        columns["account"] = (np.frombuffer(columns["account"], dtype=np.uint64) ^ np.uint64(turn)).tobytes()
        named = {"id": f"{segment.id}-{turn}", "columns": columns}
        times = {"first": segment.first + later, "last": segment.last + later}
        yield pack(msgspec.structs.replace(segment, **named, **times))


def replayed(recorded: Recorded, segments: list[PackedSegment]) -> float:
    """Seconds that a replay takes; it must find no difference."""
    began = time.perf_counter()
    effects = Effects(recorded.tenant, compiled("default", DRAFT, TenantSettings()))
    for decisions in read_all(packed.read() for packed in segments):
        effects.add(decisions)
    found = report(effects, recorded.labels)
    if found.differences:
        raise SystemExit(f"{found.differences} of {found.checked} decisions came out otherwise than live")
    return time.perf_counter() - began


async def previewed(recorded: Recorded, segments: list[PackedSegment]) -> list[float]:
    """Seconds that a preview over the newest decisions takes, from asking to its answer, once the process is up."""
    process, spent = PreviewProcess(), []
    live = Revision(1, None, "", "", 0.0, {})
    variants = (("default", live, TenantSettings()), ("default", DRAFT, TenantSettings()))
    for _ in range(ROUNDS + 2):
        began = time.perf_counter()
        await process.ask("preview", newest(segments, MOST_DECISIONS), recorded.labels, *variants)
        spent.append(time.perf_counter() - began)
    process.close()
    return spent[2:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=1_000_000)
    options = parser.parse_args()
    recorded = play(Spec(honest=600, heads=120, days=5))
    segments = repeated(recorded, options.decisions)
    count = sum(packed.decisions for packed in segments)
    size = sum(len(packed.read()) for packed in segments) / count
    print(f"recorded: {count:,} decisions in {len(segments):,} segments, {size:.0f} bytes each")
    seconds = replayed(recorded, segments)
    print(f"replay: {seconds:.1f} s ({count / seconds:,.0f} decisions/s), 0 differences from the live verdicts")
    spent = asyncio.run(previewed(recorded, segments))
    most = max(spent) * 1000
    print(f"preview of {MOST_DECISIONS:,}: {statistics.median(spent) * 1000:.0f} ms (median), {most:.0f} ms (worst)")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most")


if __name__ == "__main__":
    main()
