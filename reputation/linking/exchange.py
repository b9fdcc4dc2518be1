"""The exchange with a linker during live checks: its interval, its share of a core, and the end of a blocked linker."""

import asyncio
import time
from collections.abc import Callable

from reputation.linking.batches import Answer, Batch
from reputation.linking.process import LONGEST_EPOCH, LinkerProcess

BATCH_EVERY = 1.0
"""Seconds between two batches of notes."""
SHARE_OF_CORE = 0.08
"""An epoch that took t seconds is followed by a pause of t / SHARE_OF_CORE."""
SILENT = 60.0
"""Seconds without a sign of life after which a linker is ended."""
WATCH_EVERY = 1.0
"""Seconds between two looks at a linker that is waited for."""

Log = Callable[..., None]


def pause(every: float, took: float) -> float:
    """Return the seconds until the next epoch: `every` at least, and more after a long epoch."""
    return max(every, took / SHARE_OF_CORE)


async def watched(process: LinkerProcess, batches: list[Batch]) -> list[Answer]:
    """Give a linker batches and wait for its answers. A hanging linker is ended; raises EOFError or OSError."""
    work = asyncio.ensure_future(asyncio.to_thread(exchange, process, batches))
    work.add_done_callback(lambda done: done.cancelled() or done.exception())  # unread if this is cancelled
    end = time.monotonic() + LONGEST_EPOCH
    try:
        while not (await asyncio.wait((work,), timeout=WATCH_EVERY))[0]:
            if process.silence > SILENT or time.monotonic() > end:
                process.kill()
    except asyncio.CancelledError:
        process.kill()  # the thread waits for an answer, and the program for the thread
        raise
    return work.result()


def exchange(process: LinkerProcess, batches: list[Batch]) -> list[Answer]:
    """Send batches one by one, each followed by its answer if it asks for an epoch."""
    answers = []
    for batch in batches:
        process.send(batch)
        if batch.epoch is not None:
            answers.append(process.receive())
    return answers
