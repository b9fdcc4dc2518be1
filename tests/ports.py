"""Free loopback ports, below those that connections are given, so that nothing takes one before its server does."""

import os
import socket
from itertools import count

FIRST, EACH, WORKERS = 10_240, 2_700, 8
"""The first port, ports for each process of pytest-xdist, and how many processes `make test` starts at most."""

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
_next = count(os.getpid())  # parallel runs begin elsewhere


def free_ports(number: int) -> list[int]:
    """Ports that nothing listens on and that this process has not handed out lately."""
    found: list[int] = []
    while len(found) < number:
        port = FIRST + _worker * EACH + next(_next) % EACH
        if _is_free(port):
            found.append(port)
    return found


def free_port() -> int:
    """One such port."""
    return free_ports(1)[0]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
