"""A sidecar on a Unix socket, asked by an nginx whose workers are another user."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import gateway_wire as wire
import pytest
from gateway_shipped import NGINX, gateway
from gateway_wire import ask
from sidecar_process import headcount, running_sidecar

pytestmark = [
    pytest.mark.gateway,
    pytest.mark.skipif(os.getuid() != 0, reason="nginx's workers can be another user if its master is root"),
]
OTHER = "nobody"


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A directory that every user may enter, which pytest's own is not."""
    directory = Path(tempfile.mkdtemp(prefix="headcount-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.mark.parametrize(
    ("options", "judged"),
    [
        ({}, True),
        ({"HEADCOUNT_SOCKET_MODE": "660", "HEADCOUNT_SOCKET_OWNER": ":nogroup"}, True),
        ({"HEADCOUNT_SOCKET_MODE": "600", "HEADCOUNT_SOCKET_OWNER": OTHER}, True),
        ({"HEADCOUNT_SOCKET_MODE": "660"}, False),
    ],
)
def test_nginx_of_another_user_is_let_in_or_not_as_the_options_say(
    reachable: Path, tmp_path: Path, api: wire.Api, options: dict[str, str], judged: bool
) -> None:
    """Not let in, it fails open: the page says so, and how to see it."""
    at = f"unix:{reachable}/headcount.sock"
    user = ("events {}", f"user {OTHER} nogroup;\nevents {{}}")
    place = ("server 127.0.0.1:8470;", f"server {at};")
    with (
        running_sidecar(tmp_path, listen=at, extra=options),
        gateway(NGINX, tmp_path / "nginx", 1, api.port, user, place) as port,
    ):
        answer = ask(port, [("Authorization", "Bearer k")])
    assert (answer.status, bool(answer.all("X-Headcount-Verdict"))) == (200, judged)


def test_every_unix_socket_has_the_mode_that_is_asked_for(tmp_path: Path) -> None:
    places = {name: tmp_path / name for name in ("listen", "spoe", "grpc")}
    extra = {f"HEADCOUNT_{name.upper()}": f"unix:{places[name]}" for name in ("spoe", "grpc")}
    with running_sidecar(tmp_path, listen=f"unix:{places['listen']}", extra={**extra, "HEADCOUNT_SOCKET_MODE": "660"}):
        assert {stat.S_IMODE(path.stat().st_mode) for path in places.values()} == {0o660}
    assert not any(path.exists() for path in places.values())


@pytest.mark.parametrize(
    ("options", "words"),
    [({"HEADCOUNT_SOCKET_MODE": "rw"}, b"octal"), ({"HEADCOUNT_SOCKET_OWNER": "no-such-user"}, b"USER:GROUP")],
)
def test_a_mode_or_owner_that_cannot_be_is_said_at_start(tmp_path: Path, options: dict[str, str], words: bytes) -> None:
    done = headcount("serve", f"--listen=unix:{tmp_path}/s", extra=options)
    assert done.returncode != 0
    assert words in done.stderr
    assert b"Traceback" not in done.stderr
