"""Batches of checks in slices, so that no batch keeps other requests waiting for long."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

from reputation.wire.later import Later

SLICE: Final = 0.001
"""Seconds of a turn of the loop that a batch may take before its next check begins."""
AT_ONCE: Final = 24
"""Checks of a batch that start in one turn if their answers come later, from shared state."""

Item = Callable[[bytes], bytes | Later[bytes]]


class Batches:
    """The batches of all connections, in the order of their coming; one of them has a slice in a turn of the loop."""

    def __init__(self, watch: Callable[[], float] = time.perf_counter) -> None:
        """watch: seconds, to measure a slice."""
        self._watch = watch
        self._waiting = 0
        self._turn = asyncio.Lock()

    def answer(self, items: Sequence[bytes], answer_item: Item) -> list[bytes] | Later[list[bytes]]:
        """Answer all items, in order: at once if they take one slice and no other batch waits.

        answer_item: answers one check.
        """
        done: list[bytes | asyncio.Future[bytes]] = []
        if not self._waiting:
            self._slice(items, done, answer_item)
            if len(done) == len(items):
                now = [one for one in done if isinstance(one, bytes)]
                return now if len(now) == len(done) else _collected(done)
        self._waiting += 1
        return self._rest(items, done, answer_item)

    async def _rest(
        self, items: Sequence[bytes], done: list[bytes | asyncio.Future[bytes]], answer_item: Item
    ) -> list[bytes]:
        try:
            async with self._turn:
                while len(done) < len(items):
                    await asyncio.sleep(0)
                    self._slice(items, done, answer_item)
        finally:
            self._waiting -= 1
        return await _collected(done)

    def _slice(self, items: Sequence[bytes], done: list[bytes | asyncio.Future[bytes]], answer_item: Item) -> None:
        """Answer the next items, or start on their answers."""
        end, later = self._watch() + SLICE, 0
        for item in items[len(done) :]:
            found = answer_item(item)
            if isinstance(found, bytes):
                done.append(found)
            else:
                done.append(asyncio.ensure_future(found))
                later += 1
            if later >= AT_ONCE or self._watch() > end:
                return


async def _collected(done: Sequence[bytes | asyncio.Future[bytes]]) -> list[bytes]:
    return [one if isinstance(one, bytes) else await one for one in done]
