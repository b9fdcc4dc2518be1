"""Real HAProxy, 2.6 and one of 3.1 or later, with the configuration that is shipped for it."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gateway_wire as wire
import pytest
from gateway_haproxy import BOTH, NAMES, NEW, NEWER, Agent, haproxy
from gateway_processes import wait_for
from gateway_shipped import Running, Shipped
from gateway_sidecar import BURST, Sidecar, serving
from gateway_wire import ask
from ports import free_port
from test_gateways import (  # noqa: F401 - the same tests as for every other gateway, with the fixture `front` below
    bearer,
    test_a_client_over_its_limit_gets_429_with_retry_after,
    test_a_client_sees_its_own_limit,
    test_a_denied_client_gets_403_of_the_same_problem_type,
    test_a_made_up_forwarded_address_gives_no_new_allowance,
    test_a_made_up_key_beside_a_known_one_changes_nothing,
    test_an_overlong_key_does_not_get_past_the_sidecar,
    test_headers_that_a_client_sends_in_headcount_s_name_are_dropped,
    test_of_two_known_keys_the_stopped_account_speaks,
    test_the_api_learns_tier_and_risk,
    test_the_client_s_bytes_hold_nothing_that_is_not_listed,
    test_the_key_counts_in_x_api_key_as_well,
    test_the_request_reaches_the_api_as_it_was_sent,
    test_two_keys_at_once_are_refused,
)

from plugins.haproxy import adapter
from reputation.wire.gateway import HttpMessage, Reply
from reputation.wire.messages import BindingLimit, ClusterRef, LimitState, Verdict

pytestmark = pytest.mark.gateway

VERSIONS = [
    pytest.param(
        shipped,
        id=NAMES[shipped],
        marks=pytest.mark.skipif(
            shipped is NEW and not NEWER.exists(), reason="requirements/newer-haproxy could not get one here"
        ),
    )
    for shipped in BOTH
]


@pytest.fixture(scope="module")
def spoe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sidecar, int]]:
    """A sidecar of these tests' own, and the port of its SPOE listener."""
    ports, agent = Sidecar(free_port(), free_port()), free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "HEADCOUNT_SPOE", f"127.0.0.1:{agent}")
        with serving(ports, tmp_path_factory.mktemp("sidecar")):
            yield ports, agent


@pytest.fixture(scope="module")
def sidecar(spoe: tuple[Sidecar, int]) -> Sidecar:
    return spoe[0]


@pytest.fixture(scope="module", params=VERSIONS)
def front(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    spoe: tuple[Sidecar, int],
    api: wire.Api,
) -> Iterator[Running]:
    with haproxy(request.param, tmp_path_factory.mktemp("haproxy"), spoe[1], api.port) as port:
        yield Running(request.param, port)


def test_whatever_a_client_sends_does_not_look_like_an_outage(front: Running, api: wire.Api, source: str) -> None:
    """HAProxy fails open, and its frames have a size: nothing that fits its buffer may be too much for a frame."""
    before = len(api.reached)
    statuses = set()
    for size in (1_000, 8_000, 12_000, 14_500, 15_000, 15_300, 16_000, 20_000):
        for _ in range(BURST + 1):
            answer = ask(front.port, [bearer("x" * size)], source=source)
            statuses.add(answer.status)
    assert statuses <= {200, 400, 429, 431}
    assert len(api.reached) - before <= BURST + 1


def test_underscores_cannot_stand_in_for_hyphens(front: Running, api: wire.Api, key: str) -> None:
    """Some APIs take X_Api_Key for X-Api-Key, and would read a key that Headcount never saw."""
    assert ask(front.port, [bearer(key), ("X_Api_Key", "other"), ("X-Headcount_Tier", "spoofed")]).status == 200
    assert api.reached[-1].all("X-Api-Key") == []


def test_of_several_forwarded_addresses_the_configured_hop_counts(
    front: Running, spoe: tuple[Sidecar, int], source: str
) -> None:
    """One line or several, HAProxy's own view is the last: with one trusted hop nothing else counts."""
    forwarded = [[("X-Forwarded-For", f"203.0.113.{n}, 198.51.{n}.1")] for n in range(3)]
    forwarded += [[("X-Forwarded-For", f"203.0.113.{n}"), ("X-Forwarded-For", f"198.51.{n}.1")] for n in range(3)]
    statuses = [ask(front.port, headers, source=source).status for headers in forwarded]
    assert statuses == [200] * BURST + [429] * (len(forwarded) - BURST)


class Scripted:
    """An application that answers as a test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[HttpMessage] = []
        self.verdict: dict[str, Any] = {}
        self.status = 200

    def __call__(self, message: HttpMessage) -> Reply:
        self.asked.append(message)
        return adapter.answer(verdict(**self.verdict)) if self.status == 200 else Reply(self.status)


OWN = LimitState("burst", rate=0.0, burst=1000, remaining=900)


def verdict(**changes: Any) -> Verdict:
    members: dict[str, Any] = {
        "id": "01J9",
        "tenant": "default",
        "revision": 1,
        "mode": "enforce",
        "decision": "allow",
        "risk": 10.0,
        "tier": "standard",
        "limit": BindingLimit("requests", 1.0, 1000, 900, "account"),
        "limits": (OWN,),
        "retry_after": 0.0,
        "reasons": (),
    }
    return Verdict(**members | changes)


def purse(units: float) -> LimitState:
    return LimitState("purse", rate=0.0, burst=units, remaining=units, scope="cluster")


def group(name: str, units: float) -> dict[str, Any]:
    return {"cluster": ClusterRef(name, 50, 0.9), "limits": (OWN, purse(units))}


@pytest.fixture(params=VERSIONS)
def shipped(request: pytest.FixtureRequest) -> Shipped:
    found: Shipped = request.param
    return found


def statuses(port: int, *keys: str) -> list[int]:
    return [ask(port, [bearer(key)]).status for key in keys]


def test_haproxy_holds_a_group_to_headcounts_number(shipped: Shipped, tmp_path: Path, api: wire.Api) -> None:
    """Whichever member asks; another group, an account of no group and a payer on its floor are not touched."""
    application = Scripted()
    with Agent(application) as agent, haproxy(shipped, tmp_path, agent.port, api.port) as port:
        application.verdict = group("h-1", 5)
        assert statuses(port, *(f"sk-{n}" for n in range(7))) == [200] * 5 + [429] * 2
        stop = ask(port, [bearer("sk-9")])
        assert (stop.status, stop.one("Retry-After")) == (429, "60")
        assert json.loads(stop.body)["status"] == 429
        assert "h-1" not in stop.raw.decode()
        application.verdict = group("h-2", 5)
        assert statuses(port, "sk-20", "sk-21") == [200, 200]
        application.verdict = {}
        assert statuses(port, "sk-30", "sk-1") == [200, 200]
        floor = LimitState("floor", rate=0.0, burst=20, remaining=19, scope="cluster")
        application.verdict = {"cluster": ClusterRef("h-1", 50, 0.9), "limits": (OWN, floor)}
        assert statuses(port, "sk-40") == [200]
        assert api.reached[-1].all("X-Headcount-Cluster") == ["h-1"]
        application.verdict = group("h-1", 7)
        assert statuses(port, *(f"sk-{n}" for n in range(4))) == [200] * 2 + [429] * 2


def test_with_headcount_away_groups_and_accounts_keep_their_last_numbers(
    shipped: Shipped, tmp_path: Path, api: wire.Api
) -> None:
    """Failing open lets through who is not known; who is stays within what Headcount said last."""
    application = Scripted()
    with ExitStack() as life:
        agent = life.enter_context(Agent(application))
        with haproxy(shipped, tmp_path, agent.port, api.port) as port:
            application.verdict = group("h-1", 6)
            assert statuses(port, "sk-a", "sk-b", "sk-c") == [200] * 3
            application.verdict = {"limits": (LimitState("burst", rate=0.0, burst=3, remaining=2),)}
            assert statuses(port, "sk-own") == [200]
            life.close()
            assert statuses(port, "sk-a", "sk-b", "sk-c", "sk-a", "sk-b") == [200] * 3 + [429] * 2
            assert statuses(port, "sk-own", "sk-own", "sk-own") == [200, 200, 429]
            stop = ask(port, [bearer("sk-own")])
            assert (stop.status, stop.one("Retry-After"), stop.all("X-Headcount-Verdict")) == (429, "10", [])
            assert statuses(port, *["sk-unknown"] * 5) == [200] * 5


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_with_the_sidecar_stopped_it_fails_as_its_page_says(
    shipped: Shipped, closed: bool, tmp_path: Path, api: wire.Api
) -> None:
    changes = [shipped.closed] if closed else []
    sidecar, agent = Sidecar(free_port(), free_port()), free_port()
    with ExitStack() as life, pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "HEADCOUNT_SPOE", f"127.0.0.1:{agent}")
        life.enter_context(serving(sidecar, tmp_path))
        sidecar.put("a", "sk-a", plan="free")
        with haproxy(shipped, tmp_path / "gateway", agent, api.port, *changes) as port:
            assert statuses(port, *["sk-a"] * (BURST + 1)) == [200] * BURST + [429]
            life.close()
            before = len(api.reached)
            answer = ask(port, [bearer("sk-b"), ("X-Headcount-Tier", "spoofed")], method="POST", body=b"once")
    reached = [(one.method, one.body, one.all("X-Headcount-Tier")) for one in api.reached[before:]]
    assert answer.status == (503 if closed else 200)
    assert reached == ([] if closed else [("POST", b"once", [])])


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_an_agent_that_fails_or_never_answers_counts_as_absent(
    shipped: Shipped, closed: bool, tmp_path: Path, api: wire.Api
) -> None:
    """Nobody waits longer than a few seconds, and what cannot be read (4xx) passes neither way."""
    application = Scripted()
    changes = [shipped.closed] if closed else []
    with Agent(application) as agent, haproxy(shipped, tmp_path, agent.port, api.port, *changes) as port:
        application.status = 503
        assert statuses(port, "k") == [503 if closed else 200]
        application.status = 404
        assert statuses(port, "k") == [400]
        application.status = 200
        assert statuses(port, "k") == [200]
    with wire.faulty() as nobody:
        nobody.silent = True
        with haproxy(shipped, tmp_path / "silent", nobody.port, api.port, *changes) as port:
            begun = time.monotonic()
            assert statuses(port, "k") == [503 if closed else 200]
            assert time.monotonic() - begun < 5
        nobody.ended.set()


def test_a_sidecar_that_comes_back_is_asked_again(shipped: Shipped, tmp_path: Path, api: wire.Api) -> None:
    application = Scripted()
    application.verdict = {"decision": "throttle", "retry_after": 3.0}
    agent = Agent(application)
    with haproxy(shipped, tmp_path, agent.port, api.port) as port:
        with agent:
            assert statuses(port, "k", "k") == [429, 429]
        assert statuses(port, "k") == [200]
        with Agent(application, agent.port):
            wait_for(lambda: statuses(port, "k") == [429])
            assert statuses(port, "k", "k") == [429, 429]
            assert agent.server.bad_frames == 0


def test_an_absent_headcount_costs_no_time_once_a_health_check_has_seen_it(
    shipped: Shipped, tmp_path: Path, api: wire.Api
) -> None:
    """HAProxy 2.6 waits `timeout processing` even for a refused connection, but not for a server that is down."""
    with haproxy(shipped, tmp_path, free_port(), api.port) as port:

        def quick() -> bool:
            begun = time.monotonic()
            assert statuses(port, "k") == [200]
            return time.monotonic() - begun < 0.1

        wait_for(lambda: all(quick() for _ in range(3)))


def test_headcount_is_sent_no_cookie_and_no_name_that_a_client_took(
    shipped: Shipped, tmp_path: Path, api: wire.Api
) -> None:
    sent = [bearer("k"), ("User-Agent", "curl/8"), ("Cookie", "secret"), ("Accept", "private")]
    spoofed = [("X-Headcount-JA4", "spoofed"), ("Tenant", "spoofed"), ("Path", "/spoofed"), ("Src", "spoofed")]
    application = Scripted()
    with Agent(application) as agent, haproxy(shipped, tmp_path, agent.port, api.port) as port:
        assert ask(port, [*sent, *spoofed], method="POST", path="/v1?q=1", body=b"a prompt").status == 200
    (asked,) = application.asked
    assert (asked.method, asked.target) == (b"POST", b"/gateway/haproxy/default")
    assert asked.headers == [
        (b"tenant", b"default"),
        (b"method", b"POST"),
        (b"path", b"/v1"),
        (b"user-agent", b"curl/8"),
        (b"authorization", b"Bearer k"),
        (b"x-forwarded-for", b"127.0.0.1"),
    ]


def test_the_other_tenant_is_one_word_of_configuration(
    front: Running, spoe: tuple[Sidecar, int], tmp_path: Path, api: wire.Api
) -> None:
    """A tenant that nobody configured is the operator's mistake, and stops every request, so that it is seen."""
    change = ("tenant=str(default)", "tenant=str(nobody)")
    with haproxy(front.shipped, tmp_path, spoe[1], api.port, change) as port:
        assert statuses(port, "k") == [400]
