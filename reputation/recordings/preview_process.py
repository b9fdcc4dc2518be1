"""A second process to read recorded decisions, so no check waits for numpy.

It keeps the segments that it was given, laid out, as far as they are among the newest; the sidecar sends each once.
"""

import asyncio
import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

from reputation.recordings.decisions import PackedSegment, unpack
from reputation.tuning.labels import LabelWord
from reputation.wire.errors import Unavailable

if TYPE_CHECKING:
    from reputation.recordings.columns import Decisions

MOST_DECISIONS = 50_000
"""Decisions that a preview covers, the newest."""
_laid_out: "dict[str, Decisions]" = {}  # in the other process alone: what it was given, by segment


class PreviewProcess:
    """The other process, started when first asked and again if it died."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._sent: set[str] = set()
        self._one_at_a_time = asyncio.Lock()

    async def ask(
        self, what: str, segments: Sequence[PackedSegment], labels: Mapping[int, LabelWord], *tenants: Any
    ) -> Any:
        """Ask for a `preview` or for the `quality` over segments. Raises Unavailable if the process died of it."""
        async with self._one_at_a_time:
            ids = [segment.id for segment in segments]
            fresh = {s.id: await asyncio.to_thread(s.read) for s in segments if s.id not in self._sent}
            pool = self._pool = self._pool or ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
            try:
                found = await asyncio.wrap_future(pool.submit(_look, what, ids, fresh, dict(labels), tenants))
            except BrokenProcessPool:
                self._pool, self._sent = None, set()
                raise Unavailable("the process that reads recorded decisions ended; retry") from None
            self._sent = set(ids)
            return found

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def newest(segments: Sequence[PackedSegment], most: int) -> list[PackedSegment]:
    """The newest segments with `most` decisions together, the oldest of them first."""
    chosen: list[PackedSegment] = []
    for segment in reversed(segments):
        if most <= 0:
            break
        chosen.append(segment)
        most -= segment.decisions
    return chosen[::-1]


def _look(
    what: str, ids: Sequence[str], fresh: Mapping[str, bytes], labels: Mapping[int, LabelWord], tenants: tuple[Any, ...]
) -> Any:
    """In the other process: lay out new segments, drop old ones, and compute."""
    from reputation.recordings import preview  # noqa: PLC0415 - numpy stays out of the sidecar's process
    from reputation.recordings.columns import decisions_of  # noqa: PLC0415 - the same
    from reputation.tuning.revisions import compiled  # noqa: PLC0415 - the same

    for gone in [id_ for id_ in _laid_out if id_ not in ids]:
        del _laid_out[gone]
    _laid_out.update((id_, decisions_of(unpack(data))) for id_, data in fresh.items())
    parts = [_laid_out[id_] for id_ in ids]
    if what == "quality":
        return preview.quality(parts, labels)
    live, draft = (compiled(*tenant, stored=True) for tenant in tenants)
    return preview.preview(parts, live, draft, labels)
