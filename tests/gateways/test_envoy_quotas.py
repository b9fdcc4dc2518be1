"""Real Envoy with quotas from Headcount: it enforces alone; and what it does when Headcount has gone."""

import http.client
import json
import time
from contextlib import ExitStack
from pathlib import Path

import gateway_wire as wire
import pytest
from gateway_envoy import QUOTAS, RLQS, Places, fronted, serving
from gateway_processes import wait_for
from gateway_wire import ask

pytestmark = pytest.mark.gateway

BURST = QUOTAS["*"]["burst"]
MANY = 60
FALLBACK = "token_bucket: {max_tokens: 10, tokens_per_fill: 10, fill_interval: 1s}"
FILL_S = 1.2
"""Seconds until the fallback bucket is full. A test that asks sooner takes each token as it comes."""


def organisation(name: str) -> list[tuple[str, str]]:
    return [("X-Organisation", name)]


def statuses(port: int, name: str | None, count: int = MANY) -> list[int]:
    """On one kept connection: after a stop Envoy waits a second for a client to close."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    found = []
    for _ in range(count):
        connection.request("GET", "/", headers={} if name is None else {"X-Organisation": name})
        answer = connection.getresponse()
        answer.read()
        found.append(answer.status)
    connection.close()
    return found


def stops(port: int, name: str | None) -> bool:
    return statuses(port, name, 1) == [429]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory):
    with serving(tmp_path_factory.mktemp("sidecar")) as found:
        yield found


@pytest.fixture(scope="module")
def port(places: Places, api: wire.Api, tmp_path_factory: pytest.TempPathFactory):
    with fronted(RLQS, tmp_path_factory.mktemp("envoy"), places, api.port) as found:
        yield found


def test_an_organisation_over_its_quota_gets_429_with_retry_after(port: int, api: wire.Api) -> None:
    wait_for(lambda: stops(port, "corp"))
    before = len(api.reached)
    answer = ask(port, organisation("corp"))
    assert (answer.status, len(api.reached)) == (429, before)
    assert int(answer.one("Retry-After")) >= 1
    assert answer.one("Content-Type") == "application/problem+json"
    body = json.loads(answer.body)
    assert (body["status"], body["type"].endswith("#quota-exceeded")) == (429, True)


def test_another_organisation_has_a_quota_of_its_own(port: int) -> None:
    wait_for(lambda: stops(port, "full"))
    assert statuses(port, "large") == [200] * MANY


def test_requests_of_no_organisation_share_one_quota(port: int) -> None:
    wait_for(lambda: stops(port, None))


def test_envoys_share_a_quota(port: int, places: Places, api: wire.Api, tmp_path: Path) -> None:
    """Each is told a half: both together pass no more than the whole, once they know of each other."""
    with fronted(RLQS, tmp_path, places, api.port) as second:
        wait_for(lambda: stops(port, "shared") and stops(second, "shared"))
        passed = (statuses(port, "shared") + statuses(second, "shared")).count(200)
    assert passed <= 2


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_without_headcount_a_quota_expires_and_envoy_s_own_settings_hold(
    closed: bool, tmp_path: Path, api: wire.Api
) -> None:
    """Before an assignment all pass or none; after it expired the fallback holds; back again, the quota does."""
    changes = []
    if closed:
        changes = [("blanket_rule: ALLOW_ALL", "blanket_rule: DENY_ALL"), (FALLBACK, "blanket_rule: DENY_ALL")]
    with ExitStack() as life:
        places = life.enter_context(serving(tmp_path / "sidecar"))
        with fronted(RLQS._replace(apart=True), tmp_path / "envoy", places, api.port, *changes) as port:
            wait_for(lambda: stops(port, "large") == closed)
            wait_for(lambda: statuses(port, "large") == [200] * MANY)
            life.close()
            wait_for(lambda: statuses(port, "large").count(200) < MANY)
            full_at = time.monotonic() + FILL_S
            wait_for(lambda: time.monotonic() >= full_at)
            passed = statuses(port, "large").count(200)
            assert passed == 0 if closed else 10 <= passed < MANY
            assert statuses(port, "newcomer", 1) == [429 if closed else 200]
            with serving(tmp_path / "again", places.grpc):
                wait_for(lambda: statuses(port, "large") == [200] * MANY)
