"""nginx with `auth_request`: which status a client gets for what Headcount says, and for rules of nginx's own."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import gateway_wire as wire
import pytest
from gateway_shipped import NGINX, gateway
from gateway_sidecar import Sidecar
from gateway_wire import ask

pytestmark = pytest.mark.gateway

LOCATION = "            auth_request /_headcount;\n"


def with_rule(rule: str) -> tuple[str, str]:
    """A line of the operator's own in the location."""
    return (LOCATION, f"{LOCATION}            {rule}\n")


@pytest.mark.parametrize(
    ("rule", "method", "status"),
    [
        ("deny all;", "GET", 403),
        ("limit_except GET { deny all; }", "POST", 403),
        ("limit_except GET { deny all; }", "GET", 200),
        ('auth_basic "staff"; auth_basic_user_file /dev/null;', "GET", 401),
    ],
)
@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_a_rule_of_nginx_s_own_keeps_its_status(
    rule: str, method: str, status: int, closed: bool, tmp_path: Path, sidecar: Sidecar, api: wire.Api
) -> None:
    changes = [with_rule(rule), *([NGINX.closed] if closed else [])]
    before = len(api.reached)
    with gateway(NGINX, tmp_path, sidecar.check, api.port, *changes) as port:
        answer = ask(port, [("X-Api-Key", "sk-probe")], method=method, path="/asked")
    assert answer.status == status
    assert bool(answer.all("WWW-Authenticate")) == (status == 401)
    assert ("/asked" in [one.path for one in api.reached[before:]]) == (status == 200)


class _Scripted(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Scripted"

    def do_GET(self) -> None:
        self.server.lengths.append(self.headers.get("Content-Length"))
        self.send_response_only(self.server.status)
        if self.server.meant:
            self.send_header("X-Headcount-Status", self.server.meant)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        pass


class Scripted(ThreadingHTTPServer):
    """Where a sidecar should be: answers with the status, and the X-Headcount-Status, that a test says."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Scripted)
        self.status, self.meant = 200, ""
        self.lengths: list[str | None] = []


@pytest.fixture(scope="module")
def scripted() -> Iterator[Scripted]:
    with wire.served(Scripted()) as server:
        yield server


@pytest.fixture(scope="module", params=[False, True], ids=["open", "closed"])
def closed(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture(scope="module")
def front(closed: bool, scripted: Scripted, api: wire.Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    scripted.status, scripted.meant = 200, ""
    changes = [NGINX.closed] if closed else []
    with gateway(NGINX, tmp_path_factory.mktemp("nginx"), scripted.server_address[1], api.port, *changes) as port:
        yield port


BODIES = {
    "GET": {},
    "POST": {"method": "POST", "body": b"12345"},
    "chunks": {"method": "PUT", "body": b"1", "chunked": True},
}


@pytest.mark.parametrize("request_", BODIES)
@pytest.mark.parametrize(
    ("status", "meant", "client"),
    [
        (200, "", 200),
        (403, "429", 429),
        (403, "403", 403),
        (403, "401", 401),
        (403, "", 403),
        *((unreadable, "", 400) for unreadable in (400, 409, 413, 414, 422, 431)),
        (404, "", 500),
        *((absent, "", None) for absent in (500, 502, 503, 504)),
    ],
)
def test_each_answer_of_headcount_has_one_status_for_the_client(
    front: int, closed: bool, scripted: Scripted, status: int, meant: str, client: int | None, request_: str
) -> None:
    """The same whatever the request's body is, since Headcount never hears of that. None: as failing was set."""
    scripted.status, scripted.meant = status, meant
    scripted.lengths.clear()
    answer = ask(front, [("Authorization", "Bearer k")], **BODIES[request_])
    assert answer.status == (client or (503 if closed else 200))
    assert set(scripted.lengths) == {None}
