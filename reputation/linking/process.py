"""The linker in a process of its own: notes go in over a pipe in batches, changed links come back.

A linker that holds the interpreter for a second an epoch would otherwise be the latency of every check.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from reputation.linking.batches import Answer, Batch, packed

BEAT, LATE = 0.25, 2.0
"""Seconds between two signs of life of a linker, and after which one that gives none is not there."""
STARTING = 20.0
"""Seconds that a linker has for its first sign of life."""
LONGEST_EPOCH = 600.0
"""Seconds after which a linker that does not answer is ended; one of two million accounts takes a tenth of it."""
BEHIND_CHECKS = 10
"""How much a live linker gives way to checks."""


class LinkerDiedError(Exception):
    """The linker ended in the middle of a replay; the replay cannot go on without it."""


_batches = msgspec.msgpack.Decoder(Batch)
_answers = msgspec.msgpack.Decoder(Answer)


def work(connection: Connection, niceness: int, heartbeat: Any) -> None:
    """Serve batches until the other end closes. niceness: added to its own; heartbeat: the time of its last one."""
    from reputation.linking.host import LinkerHost  # noqa: PLC0415 - the linker and numpy are this process's alone

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_beat, args=(heartbeat,), daemon=True).start()
    with contextlib.suppress(OSError):
        os.nice(niceness)
    host = LinkerHost()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            answer = host.take(_batches.decode(connection.recv_bytes()))
            if answer is not None:
                connection.send_bytes(msgspec.msgpack.encode(answer))


def _beat(heartbeat: Any) -> None:
    """Note regularly that this process lives, also while it links: a stopped or starved one does not."""
    while True:
        heartbeat.value = time.monotonic()
        time.sleep(BEAT)


class LinkerProcess:
    """One running linker. Raises OSError or EOFError from `send` and `receive` once it has died."""

    def __init__(self, niceness: int = BEHIND_CHECKS) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._started = time.monotonic()
        self._heartbeat = context.Value("d", 0.0, lock=False)  # by the monotonic clock, which is one for all processes
        words = (theirs, niceness, self._heartbeat)
        self._process = context.Process(target=work, args=words, daemon=True, name="headcount-linker")
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs and gives signs of life: a stopped process exists and does nothing."""
        return self._process.is_alive() and self._heartbeat.value > 0.0 and self.silence < LATE

    @property
    def silence(self) -> float:
        """Seconds since its last sign of life; its first one may take a while."""
        return time.monotonic() - float(self._heartbeat.value or self._started + STARTING)

    def send(self, batch: Batch) -> None:
        self.send_packed(packed(batch))

    def send_packed(self, data: bytes) -> None:
        """Send a batch made by `packed`: it takes a quarter of the memory of its notes while it waits."""
        self._connection.send_bytes(data)

    @property
    def answered(self) -> bool:
        """Whether there is something to receive."""
        return self._connection.poll()

    def receive(self) -> Answer:
        """Wait for the answer to the oldest open epoch."""
        return _answers.decode(self._connection.recv_bytes())

    def kill(self) -> None:
        """End a hanging process; waiting for its answer raises EOFError."""
        self._process.kill()

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(2.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
