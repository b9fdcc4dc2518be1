"""The linker in a process of its own: notes go in over a pipe in batches, changed links come back.

A linker that holds the interpreter for a second an epoch would otherwise be the latency of every check.
"""

import mmap
import os
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Pipe
from typing import IO

import msgspec

from reputation.linking.batches import Answer, Batch, packed
from reputation.linking.worker import HEARTBEAT

LATE = 2.0
"""Seconds without a sign of life after which a linker is not there."""
STARTING = 20.0
"""Seconds that a linker has for its first sign of life."""
LONGEST_EPOCH = 600.0
"""Seconds after which a linker that does not answer is ended; one of two million accounts takes a tenth of it."""
BEHIND_CHECKS = 10
"""How much a live linker gives way to checks."""
START = """import sys
sys.path[:] = sys.argv[5:]
from reputation.linking.worker import main
main(*map(int, sys.argv[1:5]))
"""
"""What the process runs. One that multiprocessing spawns imports the main program, and brings a third process along."""


class LinkerDiedError(Exception):
    """The linker ended in the middle of a replay; the replay cannot go on without it."""


_answers = msgspec.msgpack.Decoder(Answer)


def _shared() -> IO[bytes]:
    """A file in memory for the heartbeat, or an unnamed one where the system has no such files."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("heartbeat"), "r+b")
    return tempfile.TemporaryFile()


class LinkerProcess:
    """One running linker. Raises OSError or EOFError from `send` and `receive` once it has died.

    memory: bytes that it may take; 0 for no bound.
    """

    def __init__(self, niceness: int = BEHIND_CHECKS, memory: int = 0) -> None:
        self._connection, theirs = Pipe()
        self._started = time.monotonic()
        with theirs, _shared() as file:
            file.truncate(HEARTBEAT.size)
            self._heartbeat = mmap.mmap(file.fileno(), HEARTBEAT.size)
            passed = theirs.fileno(), file.fileno()
            words = [*map(str, (*passed, niceness, memory)), *sys.path]
            command = [sys.executable, "-c", START, *words]
            self._process = subprocess.Popen(command, pass_fds=passed)  # noqa: S603 - this program, and our own words

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs and gives signs of life: a stopped process exists and does nothing."""
        return self._process.poll() is None and self._last_beat > 0.0 and self.silence < LATE

    @property
    def silence(self) -> float:
        """Seconds since its last sign of life; its first one may take a while."""
        return time.monotonic() - (self._last_beat or self._started + STARTING)

    @property
    def _last_beat(self) -> float:
        found: tuple[float] = HEARTBEAT.unpack_from(self._heartbeat)
        return found[0]

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
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
