"""Programs without a gateway: an ASGI application and an aiohttp application, each asking a real sidecar."""

import asyncio
import http.client
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import gateway_wire as wire
import pytest
from gateway_middlewares import aiohttp_app, application, asgi
from gateway_sidecar import BURST, Sidecar
from headcount_client import Account, Gate, Headcount, Request
from headcount_client.asgi import HeadcountMiddleware
from ports import free_port

pytestmark = pytest.mark.gateway


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def ask(port: int, key: str, path: str = "/v1/messages", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={"Authorization": f"Bearer {key}", **headers})
    answer = connection.getresponse()
    found = Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    connection.close()
    return found


KINDS = {"asgi": asgi, "aiohttp": aiohttp_app}


@pytest.fixture(params=sorted(KINDS))
def program(request: pytest.FixtureRequest, sidecar: Sidecar) -> Iterator[int]:
    port = free_port()
    with KINDS[request.param](port, lambda: Gate(Headcount(f"http://127.0.0.1:{sidecar.check}", timeout=10))):
        yield port


def test_requests_pass_with_their_limits_until_they_get_429(program: int, key: str) -> None:
    answers = [ask(program, key) for _ in range(BURST + 1)]
    assert [answer.status for answer in answers] == [200] * BURST + [429]
    assert answers[0].body == b"standard"
    assert "ratelimit" in answers[0].headers
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].headers["content-type"] == "application/problem+json"


def test_of_rate_limits_the_client_sees_headcount_s_alone(program: int, key: str) -> None:
    """The application's own stay where Headcount tells none, as on a preflight."""
    passing = wire.ask(program, [("Authorization", f"Bearer {key}")])
    assert passing.one("RateLimit").startswith('"burst"')
    preflight = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST")]
    unjudged = wire.ask(program, preflight, method="OPTIONS")
    assert b"no verdict" in unjudged.body
    assert unjudged.one("RateLimit") == "own"
    assert unjudged.all("X-Headcount-Tier") == []


def test_the_client_sees_nothing_of_tier_risk_or_cluster(program: int, key: str) -> None:
    for answer in [ask(program, key) for _ in range(BURST + 1)]:
        assert not [name for name in answer.headers if name in ("x-headcount-tier", "x-headcount-risk")]


def test_a_made_up_key_beside_a_known_one_does_not_hide_it(program: int, key: str) -> None:
    """What a client writes never opens the gate."""
    answers = [ask(program, f"made-up-{n}", **{"X-Api-Key": key}) for n in range(BURST + 1)]
    assert [answer.status for answer in answers] == [200] * BURST + [429]


def test_two_keys_in_one_header_are_refused(program: int, key: str) -> None:
    assert ask(program, key, **{"X-Api-Key": "one,another"}).status == 400


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize(("opens", "status"), [(True, 200), (False, 503)])
def test_without_a_sidecar_it_does_as_it_was_told(kind: str, opens: bool, status: int) -> None:
    port, nobody = free_port(), free_port()
    with KINDS[kind](
        port, lambda: Gate(Headcount(f"http://127.0.0.1:{nobody}", on_failure="allow" if opens else "deny"))
    ):
        answer = ask(port, "sk-any")
    assert answer.status == status
    assert (answer.body == b"no verdict") == opens


def test_an_aiohttp_handlers_own_error_carries_the_limits_too(sidecar: Sidecar, key: str) -> None:
    port = free_port()
    with aiohttp_app(port, lambda: Gate(Headcount(f"http://127.0.0.1:{sidecar.check}", timeout=10))):
        answer = ask(port, key, "/missing")
    assert answer.status == 404
    assert "ratelimit" in answer.headers


def handshake(app: Any, key: str, extensions: dict[str, Any]) -> list[dict[str, Any]]:
    """What an ASGI server is sent for a WebSocket handshake."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "websocket", "path": "/ws", "raw_path": b"/ws", "query_string": b"", "client": ("127.9.9.9", 1),
        "headers": [(b"authorization", f"Bearer {key}".encode())], "extensions": extensions,
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


@pytest.mark.parametrize(
    ("extensions", "first"),
    [({}, "websocket.close"), ({"websocket.http.response": {}}, "websocket.http.response.start")],
)
def test_a_websocket_over_its_limit_is_not_accepted(
    sidecar: Sidecar, key: str, extensions: dict[str, Any], first: str
) -> None:
    """With the status and headers where the server can send them, by the protocol's own close where not."""

    def once() -> list[dict[str, Any]]:
        gate = Gate(Headcount(f"http://127.0.0.1:{sidecar.check}", timeout=10))

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await HeadcountMiddleware(application, gate)(scope, receive, send)
            await gate.headcount.close()

        return handshake(app, key, extensions)

    for _ in range(BURST):
        assert once()[0]["type"] == "websocket.accept"
    assert once()[0]["type"] == first


def test_a_unix_socket_is_asked_as_well(tmp_path: Any) -> None:
    """And nobody there is no verdict, not an error."""

    async def story() -> None:
        async with Headcount(f"unix:{tmp_path}/none.sock") as nobody:
            assert (await nobody.check(Request(account=Account(id="a")))).degraded
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            async with Headcount(f"http://127.0.0.1:{held.getsockname()[1]}") as nobody:
                assert (await nobody.check(Request(account=Account(id="a")))).degraded

    asyncio.run(story())


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_preflights_are_judged_where_the_gate_says_so(kind: str, sidecar: Sidecar) -> None:
    port = free_port()
    preflight = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST")]
    with KINDS[kind](
        port, lambda: Gate(Headcount(f"http://127.0.0.1:{sidecar.check}", timeout=10), pass_preflights=False)
    ):
        answer = wire.ask(port, preflight, method="OPTIONS", source="127.9.8.7")
    assert answer.all("X-Headcount-Verdict")


def test_a_preflight_s_headers_beside_a_key_of_the_tenant_s_own_header_are_judged(sidecar: Sidecar) -> None:
    port = free_port()
    sent = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST"), ("X-My-Key", "k")]
    with asgi(port, lambda: Gate(Headcount(f"http://127.0.0.1:{sidecar.check}", timeout=10), credentials=["X-My-Key"])):
        assert wire.ask(port, sent, method="OPTIONS").all("X-Headcount-Verdict")
