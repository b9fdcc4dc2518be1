"""The linker's own process: batches in, answers out, until the other end closes. `process.py` starts it.

It imports the linker and nothing of the sidecar, because every megabyte here is one that each sidecar takes.
"""

import contextlib
import mmap
import os
import signal
import struct
import threading
import time
from multiprocessing.connection import Connection

import msgspec

from reputation.linking.batches import Batch

BEAT = 0.25
"""Seconds between two signs of life of a linker."""
HEARTBEAT = struct.Struct("d")
"""The time of the last sign of life, by the monotonic clock, which is one for all processes; 0 before the first."""

_batches = msgspec.msgpack.Decoder(Batch)


def main(pipe: int, heartbeat: int, niceness: int, memory: int) -> None:
    """Serve batches from a pipe. pipe, heartbeat: open descriptors; niceness: added to its own. memory: bytes, or 0."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_beat, args=(mmap.mmap(heartbeat, HEARTBEAT.size),), daemon=True).start()
    with contextlib.suppress(OSError):
        os.nice(niceness)
    from reputation.linking.host import LinkerHost  # noqa: PLC0415 - numpy takes a while, and it lives until then

    host, connection = LinkerHost(memory), Connection(pipe)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            answer = host.take(_batches.decode(connection.recv_bytes()))
            if answer is not None:
                connection.send_bytes(msgspec.msgpack.encode(answer))


def _beat(heartbeat: mmap.mmap) -> None:
    """Note regularly that this process lives, also while it links: a stopped or starved one does not."""
    while True:
        HEARTBEAT.pack_into(heartbeat, 0, time.monotonic())
        time.sleep(BEAT)
