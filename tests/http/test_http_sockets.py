"""The listening socket: addresses, their errors, stale socket files."""

import socket
from pathlib import Path

import pytest

from reputation.http.listener_sockets import AddressError, bind


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


def test_other_file_is_kept(tmp_path: Path) -> None:
    """A file that is no socket is not ours to delete."""
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(AddressError, match="in use"):
        bind(f"unix:{path}")
    assert path.read_text() == "precious"
