"""The socket a listener serves: HOST:PORT or unix:PATH, with one set of rules for both listeners."""

import contextlib
import grp
import os
import pwd
import re
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

BACKLOG = 4096
UNIX = "unix:"
LARGEST_ID = "[0-9]{1,9}"
ANYBODY = 0o666
"""Any user who may reach the socket's directory may connect, as any user of this machine may connect to loopback."""


class AddressError(ValueError):
    """The address cannot be read or bound; the message has the address and the reason."""


class SocketAccess(NamedTuple):
    """The access rights of a Unix socket: connecting needs write access. -1: the system's default."""

    mode: int = ANYBODY
    user: int = -1
    group: int = -1

    def apply(self, path: str) -> None:
        """Give the socket file its owner and mode. Raises OSError."""
        os.chown(path, self.user, self.group)
        Path(path).chmod(self.mode)


OPEN = SocketAccess()


def _number(name: str, known: Callable[[str], int]) -> int:
    if not name:
        return -1
    return int(name) if re.fullmatch(LARGEST_ID, name) else known(name)


def octal(text: str) -> int:
    """Read a file mode such as 660. Raises ValueError."""
    if not re.fullmatch("0?[0-7]{1,3}", text):
        raise ValueError(f"{text!r} is not a file mode; write it in octal, such as 660")
    return int(text, 8)


def owner(text: str) -> tuple[int, int]:
    """Read `USER`, `USER:GROUP` or `:GROUP`, names or numbers; -1 for a missing part. Raises ValueError."""
    user, _, group = text.partition(":")
    try:
        return (
            _number(user, lambda name: pwd.getpwnam(name).pw_uid),
            _number(group, lambda name: grp.getgrnam(name).gr_gid),
        )
    except KeyError:
        raise ValueError(f"{text!r} names no user and group of this machine; write USER:GROUP") from None


def bind(
    listen: str, *, backlog: int = BACKLOG, reuse_port: bool = False, access: SocketAccess = OPEN
) -> socket.socket:
    """Bind and listen on `HOST:PORT`, `[V6]:PORT` or `unix:PATH`. Port 0 lets the system choose.

    reuse_port lets several processes share a TCP port. access: of a Unix socket. A socket file without a listener
    on is replaced.
    """
    try:
        found = (
            _unix(listen.removeprefix(UNIX), access) if listen.startswith(UNIX) else _tcp(listen, reuse_port=reuse_port)
        )
    except OSError as error:
        raise AddressError(f"cannot listen on {listen}: {error.strerror or error}") from error
    found.setblocking(False)
    found.listen(backlog)
    return found


def _tcp(listen: str, *, reuse_port: bool) -> socket.socket:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise AddressError(f"cannot listen on {listen!r}: expected HOST:PORT or unix:PATH")
    host = host.removeprefix("[").removesuffix("]") or "0.0.0.0"
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    found = socket.socket(family, kind, protocol)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Linux gives accepted sockets the listening one's option
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found.bind(address)
    except OSError:
        found.close()
        raise
    return found


def _unix(path: str, access: SocketAccess) -> socket.socket:
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear_stale(path)
        found.bind(path)
        access.apply(path)  # no client can connect before it listens
    except OSError:
        found.close()
        raise
    return found


def _clear_stale(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(Path(path).lstat().st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                Path(path).unlink(missing_ok=True)
