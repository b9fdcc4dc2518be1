"""Real Envoy asking over gRPC: ext_authz and RLS, straight, apart and bridged, from a client's bytes to the API's.

What every gateway must do is tested by the tests of all gateways, imported here to run with these ways in front.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import gateway_wire as wire
import pytest
from gateway_envoy import AUTHZ, BRIDGED_AUTHZ, BRIDGED_RLS, CLOSED, RLS, UNARY, Places, Way, fronted, serving
from gateway_shipped import Running
from gateway_sidecar import BURST, DISPUTED, Sidecar
from gateway_wire import ask
from test_gateways import (  # noqa: F401 - collected here too
    bearer,
    test_a_client_over_its_limit_gets_429_with_retry_after,
    test_a_client_sees_its_own_limit,
    test_a_made_up_forwarded_address_gives_no_new_allowance,
    test_a_made_up_key_beside_a_known_one_changes_nothing,
    test_an_overlong_key_does_not_get_past_the_sidecar,
    test_headers_that_a_client_sends_in_headcount_s_name_are_dropped,
    test_of_two_known_keys_the_stopped_account_speaks,
    test_the_api_learns_tier_and_risk,
    test_the_client_s_bytes_hold_nothing_that_is_not_listed,
    test_the_key_counts_in_x_api_key_as_well,
    test_the_request_reaches_the_api_as_it_was_sent,
)

pytestmark = pytest.mark.gateway


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with serving(tmp_path_factory.mktemp("sidecar")) as found:
        yield found


@pytest.fixture(scope="module")
def sidecar(places: Places) -> Sidecar:
    return places.sidecar


@pytest.fixture(scope="module", params=UNARY, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    return request.param


@pytest.fixture(scope="module")
def front(way: Way, places: Places, api: wire.Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with fronted(way, tmp_path_factory.mktemp(way.name), places, api.port) as port:
        yield Running(way.shipped, port)


def test_a_denied_client_is_stopped(way: Way, front: Running, sidecar: Sidecar) -> None:
    """ext_authz with 403; a rate limit service can only say that something is over its limit: 429."""
    sidecar.put("crook", "sk-crook", plan="roomy", payment=DISPUTED)
    answer = ask(front.port, [bearer("sk-crook")])
    expected = 403 if way.file == AUTHZ.file else 429
    assert (answer.status, json.loads(answer.body)["status"]) == (expected, expected)
    assert int(answer.one("Retry-After")) >= 1


def test_of_two_keys_in_one_header_the_api_gets_none_that_was_not_counted(
    way: Way, front: Running, api: wire.Api, key: str
) -> None:
    """ext_authz is refused; descriptors hold the first line, so that is what the API gets."""
    before = len(api.reached)
    answer = ask(front.port, [("X-Api-Key", key), ("X-Api-Key", "sk-probe")])
    if way.file == AUTHZ.file:
        assert (answer.status, len(api.reached)) == (400, before)
    else:
        assert api.reached[-1].all("X-Api-Key") == [key]


def test_a_second_key_beside_the_first_does_not_hide_it(front: Running, key: str) -> None:
    """A made-up key in one header, the real one in the other."""
    statuses = [
        ask(front.port, [bearer(f"made-up-{n}"), ("X-Api-Key", key)], source=f"127.78.{n}.1").status
        for n in range(BURST + 1)
    ]
    assert statuses == [200] * BURST + [429]


@pytest.mark.parametrize("way", UNARY, ids=lambda way: way.name)
@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_with_the_sidecar_stopped_it_fails_as_its_page_says(
    way: Way, closed: bool, tmp_path: Path, api: wire.Api
) -> None:
    """And limits again once the sidecar is back."""
    changes = [CLOSED[way.file]] if closed else []
    with ExitStack() as life:
        places = life.enter_context(serving(tmp_path / "sidecar"))
        places.sidecar.put("a", "sk-a", plan="free")
        with fronted(way, tmp_path / "envoy", places, api.port, *changes) as port:
            statuses = [ask(port, [bearer("sk-a")]).status for _ in range(BURST + 1)]
            assert statuses == [200] * BURST + [429]
            life.close()
            before = len(api.reached)
            answer = ask(port, [bearer("sk-a"), ("X-Headcount-Tier", "spoofed")], method="POST", body=b"once")
    reached = [(one.method, one.body, one.all("X-Headcount-Tier")) for one in api.reached[before:]]
    assert answer.status == (503 if closed else 200)
    assert reached == ([] if closed else [("POST", b"once", [])])


@pytest.mark.parametrize("way", [BRIDGED_AUTHZ, BRIDGED_RLS], ids=lambda way: way.name)
@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_a_sidecar_that_answers_503_or_not_at_all_counts_as_absent(
    way: Way, closed: bool, tmp_path: Path, api: wire.Api
) -> None:
    changes = [CLOSED[way.file]] if closed else []
    with wire.faulty() as broken, fronted(way, tmp_path, Places(broken.port, 0, 1), api.port, *changes) as port:
        for silent in (False, True):
            broken.silent = silent
            assert ask(port, [bearer("k")]).status == (503 if closed else 200)


@pytest.mark.parametrize("way", [BRIDGED_RLS, BRIDGED_AUTHZ], ids=lambda way: way.name)
def test_frames_may_stay_on(way: Way, tmp_path: Path, places: Places, api: wire.Api) -> None:
    """The bridge with `withhold_grpc_frames: false`."""
    kept = [("withhold_grpc_frames: true", "withhold_grpc_frames: false")]
    places.sidecar.put(way.name, f"sk-framed-{way.name}", plan="free")
    with fronted(way, tmp_path, places, api.port, *kept) as port:
        statuses = [ask(port, [bearer(f"sk-framed-{way.name}")]).status for _ in range(BURST + 1)]
    assert statuses == [200] * BURST + [429]


def test_ways_share_one_account_s_limit(tmp_path: Path, places: Places, api: wire.Api, key: str) -> None:
    with ExitStack() as life:
        ports = [life.enter_context(fronted(way, tmp_path / way.name, places, api.port)) for way in (AUTHZ, RLS)]
        statuses = [ask(ports[n % 2], [bearer(key)]).status for n in range(BURST + 2)]
    assert statuses == [200] * BURST + [429] * 2


@pytest.mark.parametrize("way", [AUTHZ, RLS], ids=lambda way: way.name)
def test_envoy_s_own_health_check_of_headcount(way: Way, tmp_path: Path, places: Places, api: wire.Api) -> None:
    """Envoy asks `grpc.health.v1`, and while Headcount is healthy Envoy asks it."""
    check = "{timeout: 1s, interval: 0.1s, unhealthy_threshold: 1, healthy_threshold: 1, grpc_health_check: {}}"
    checked = [
        (
            "    - name: headcount\n      connect",
            f"    - name: headcount\n      health_checks: [{check}]\n      connect",
        )
    ]
    places.sidecar.put(f"well-{way.name}", f"sk-well-{way.name}", plan="free")
    with fronted(way, tmp_path, places, api.port, *checked) as port:
        statuses = [ask(port, [bearer(f"sk-well-{way.name}")]).status for _ in range(BURST + 1)]
    assert statuses == [200] * BURST + [429]
