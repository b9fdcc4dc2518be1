"""Who comes to the admin listener by a side door: through a proxy without tokens, or by guessing a token."""

import hashlib
import socket

import pytest
from sidecar_process import JSON, running_sidecar

from reputation.sidecar.sign_ins import FREE, MOST, SignIns

TOKEN = "the token of the tests"
SETTINGS = {"tokens": [{"name": "ops", "role": "admin", "sha256": hashlib.sha256(TOKEN.encode()).hexdigest()}]}


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via", "X-Forwarded-Host"])
def test_without_tokens_nothing_that_a_proxy_forwards_is_accepted(open_door, name):
    refused = open_door.tell("GET", "/v1/tenants", headers={**JSON, name: "203.0.113.7"})
    assert (refused.status, name in refused.json["detail"]) == (403, True)
    assert open_door.tell("GET", "/v1/tenants").status == 200


def test_with_tokens_a_proxy_may_stand_before_it(locked_door):
    headers = {**JSON, "X-Forwarded-For": "203.0.113.7", "Authorization": f"Bearer {TOKEN}"}
    assert locked_door.tell("GET", "/v1/tenants", headers=headers).status == 200


def test_guesses_are_logged_counted_and_never_shown(locked_door):
    for _ in range(2):
        assert locked_door.tell("GET", "/v1/tenants", headers={"Authorization": "Bearer a guess"}).status == 401
    assert locked_door.tell("GET", "/v1/tenants").status == 401  # nobody tried
    metrics = locked_door.tell("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).body.decode()
    assert "headcount_sign_ins_failed_total 2.0" in metrics
    log = locked_door.log.read_text()
    assert '"event": "sign_in_failed"' in log
    assert "a guess" not in log


async def test_the_more_guesses_from_an_address_the_longer_it_waits(monkeypatch):
    waits = []

    async def slept(seconds):
        waits.append(seconds)

    monkeypatch.setattr("asyncio.sleep", slept)
    signs, now = SignIns(_Quiet(), lambda: now), 0.0
    for _ in range(FREE + 8):
        await signs.failed("192.0.2.1")
    await signs.failed("192.0.2.2")
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0]


async def test_addresses_that_are_remembered_are_bounded():
    signs = SignIns(_Quiet())
    for number in range(MOST + 10):
        await signs.failed(str(number))
    assert len(signs._failures) == MOST


class _Quiet:
    def warning(self, *_, **__):
        pass


def test_half_sent_requests_end_and_the_listener_answers_meanwhile(open_door):
    held = [socket.create_connection(("127.0.0.1", open_door.admin), timeout=30.0) for _ in range(100)]
    for one in held:
        one.sendall(b"GET /v1/tenants HTTP/1.1\r\nHost: 127")
    assert open_door.tell("GET", "/v1/tenants").status == 200
    assert [one.recv(1) for one in held] == [b""] * 100
    for one in held:
        one.close()


@pytest.fixture(scope="module")
def open_door(tmp_path_factory):
    with running_sidecar(tmp_path_factory.mktemp("open")) as sidecar:
        yield sidecar


@pytest.fixture(scope="module")
def locked_door(tmp_path_factory):
    with running_sidecar(tmp_path_factory.mktemp("locked"), SETTINGS) as sidecar:
        yield sidecar
