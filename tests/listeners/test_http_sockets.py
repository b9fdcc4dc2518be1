"""The listening socket: addresses, their errors, stale socket files."""

import os
import socket
import stat
from pathlib import Path

import pytest

from reputation.listeners.sockets import AddressError, SocketAccess, bind, octal, owner


@pytest.mark.parametrize(
    ("listen", "family"), [("127.0.0.1:0", socket.AF_INET), ("[::1]:0", socket.AF_INET6), (":0", socket.AF_INET)]
)
def test_tcp(listen: str, family: socket.AddressFamily) -> None:
    """HOST:PORT and [V6]:PORT listen at once, without blocking or delaying."""
    with bind(listen) as sock:
        assert sock.family == family
        assert not sock.getblocking()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


@pytest.mark.parametrize(
    "listen", ["", "8470", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "no.invalid:1"]
)
def test_unreadable_address(listen: str) -> None:
    """An address that cannot be served says so, and which it is."""
    with pytest.raises(AddressError, match="cannot listen on"):
        bind(listen)


def test_taken_port() -> None:
    """A second server on a port is an error, unless both share it."""
    with bind("127.0.0.1:0", reuse_port=True) as first:
        port = first.getsockname()[1]
        with pytest.raises(AddressError, match="in use"):
            bind(f"127.0.0.1:{port}")
        bind(f"127.0.0.1:{port}", reuse_port=True).close()


def test_stale_socket_file_is_replaced(tmp_path: Path) -> None:
    """What a killed server left behind does not keep the next one from starting."""
    path = tmp_path / "s"
    bind(f"unix:{path}").close()
    assert path.is_socket()
    bind(f"unix:{path}").close()


def test_live_socket_file_is_kept(tmp_path: Path) -> None:
    """A server that is still there is not pushed aside."""
    path = tmp_path / "s"
    with bind(f"unix:{path}"), pytest.raises(AddressError, match="in use"):
        bind(f"unix:{path}")


def test_anybody_who_reaches_a_socket_may_connect_whatever_the_umask(tmp_path: Path) -> None:
    """As to a port on loopback; a gateway of another user would fail open."""
    before = os.umask(0o077)
    try:
        with bind(f"unix:{tmp_path}/s"):
            assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o666
    finally:
        os.umask(before)


def test_a_socket_has_the_mode_and_owner_that_it_is_given(tmp_path: Path) -> None:
    group = os.getgroups()[0] if os.getgroups() else os.getgid()
    with bind(f"unix:{tmp_path}/s", access=SocketAccess(0o660, -1, group)):
        found = (tmp_path / "s").stat()
        assert (stat.S_IMODE(found.st_mode), found.st_gid, found.st_uid) == (0o660, group, os.getuid())


def test_modes_are_octal() -> None:
    assert [octal(text) for text in ("660", "0660", "777", "0")] == [0o660, 0o660, 0o777, 0]


@pytest.mark.parametrize("text", ["", "8", "1777", "rw", "-1", "0o660", "٦٦٠"])
def test_what_is_no_mode_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="octal"):
        octal(text)


def test_owners_are_names_or_numbers() -> None:
    assert [owner(text) for text in ("root:0", "root", ":root", "7:8", "")] == [
        (0, 0),
        (0, -1),
        (-1, 0),
        (7, 8),
        (-1, -1),
    ]


@pytest.mark.parametrize("text", ["no-such-user:root", "root:no-such-group", "99999999999", "root:root:root"])
def test_an_owner_that_nobody_is_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="USER:GROUP"):
        owner(text)


def test_other_file_is_kept(tmp_path: Path) -> None:
    """A file that is no socket is not ours to delete."""
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(AddressError, match="in use"):
        bind(f"unix:{path}")
    assert path.read_text() == "precious"
