"""The socket a listener serves: HOST:PORT or unix:PATH, with one set of rules for both listeners."""

import contextlib
import socket
import stat
from pathlib import Path

BACKLOG = 4096


class AddressError(ValueError):
    """The address cannot be read or bound; the message says which and why."""


def bind(listen: str, *, backlog: int = BACKLOG, reuse_port: bool = False) -> socket.socket:
    """Bind and listen on `HOST:PORT`, `[V6]:PORT` or `unix:PATH`. Port 0 lets the system choose.

    reuse_port lets several processes share a TCP port. A socket file that nobody answers on is replaced.
    """
    try:
        found = _unix(listen[5:]) if listen.startswith("unix:") else _tcp(listen, reuse_port=reuse_port)
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


def _unix(path: str) -> socket.socket:
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear_stale(path)
        found.bind(path)
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
