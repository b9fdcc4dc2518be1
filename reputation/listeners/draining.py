"""The end of a listener: it accepts completed connections first, so closing the socket resets no connection."""

import asyncio
import contextlib
import ctypes
import select
import socket
import struct
from pathlib import Path

LAST_CALLS = 0.2
"""Seconds for which a draining listener still takes new connections, and idle connections may ask once more."""
LOOKS_EVERY = 0.01
MOST_LOOKS = 100
"""Looks at the queue of connections that are not accepted yet, before the socket is closed all the same."""
ATTACH_FILTER = 26  # SO_ATTACH_FILTER of Linux
_NO_SYN = b"".join(
    struct.pack("=HBBI", *step)
    for step in (
        (0x30, 0, 0, 13),  # load the byte of TCP's header that has the flags
        (0x45, 0, 1, 0x02),  # is SYN among them?
        (0x06, 0, 0, 0),  # then the packet is dropped
        (0x06, 0, 0, 0xFFFFFFFF),
    )
)
"""A filter on a listening socket: handshakes that have begun are finished, and no new one begins."""


async def let_last_in(sock: socket.socket, within: float) -> None:
    """Return once every completed connection is accepted, and new connections are refused."""
    await asyncio.sleep(min(LAST_CALLS, within))
    _turn_away(sock)
    empty = 0
    for _ in range(MOST_LOOKS):
        await asyncio.sleep(LOOKS_EVERY)  # the loop accepts meanwhile
        empty = empty + 1 if not _is_queued(sock) else 0
        if empty == 2:
            return


def _turn_away(sock: socket.socket) -> None:
    """Refuse new connections; if the system cannot do it, closing the socket will."""
    if sock.family == socket.AF_UNIX:
        with contextlib.suppress(OSError):
            Path(sock.getsockname()).unlink(missing_ok=True)
        return
    steps = ctypes.create_string_buffer(_NO_SYN)
    program = struct.pack("@HP", len(_NO_SYN) // 8, ctypes.addressof(steps))
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, program)


def _is_queued(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(0))
