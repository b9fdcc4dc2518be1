"""Each real gateway with the configuration that is shipped for it, from a client's bytes to the API's."""

import json
import time
from contextlib import ExitStack
from pathlib import Path

import gateway_wire as wire
import pytest
from gateway_shipped import ALL, Running, Shipped, gateway
from gateway_sidecar import BURST, DISPUTED, Sidecar, serving
from gateway_wire import ask
from ports import free_port

pytestmark = pytest.mark.gateway

OWN = ("Verdict", "Tier", "Risk", "Cluster", "Actions", "Status", "JA4")
LISTED = {"x-headcount-verdict", "retry-after", "ratelimit-policy", "ratelimit"}
ANY_SERVER = {"server", "date", "content-type", "content-length", "connection", "via"}
STOPPED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


def bearer(key: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {key}")


def stopped(front: Running, headers: wire.Headers) -> wire.Answer:
    """The first answer that is not 200, of few requests."""
    for _ in range(BURST + 2):
        answer = ask(front.port, headers)
        if answer.status != 200:
            return answer
    raise AssertionError("nothing was stopped")


def test_a_client_over_its_limit_gets_429_with_retry_after(front: Running, api: wire.Api, key: str) -> None:
    answers = [ask(front.port, [bearer(key)]) for _ in range(BURST)]
    assert [answer.status for answer in answers] == [200] * BURST
    before = len(api.reached)
    answer = ask(front.port, [bearer(key)])
    assert answer.status == 429
    assert 1 <= int(answer.one("Retry-After")) <= 5
    assert answer.one("Content-Type") == "application/problem+json"
    body = json.loads(answer.body)
    assert (body["type"], body["status"]) == (STOPPED, 429)
    assert len(api.reached) == before


def test_a_denied_client_gets_403_of_the_same_problem_type(front: Running, sidecar: Sidecar) -> None:
    sidecar.put("crook", "sk-crook", plan="roomy", payment=DISPUTED)
    answer = ask(front.port, [bearer("sk-crook")])
    assert answer.status == 403
    body = json.loads(answer.body)
    assert (body["type"], body["status"]) == (STOPPED, 403)


def test_the_key_counts_in_x_api_key_as_well(front: Running, key: str) -> None:
    """One account, whichever way its key comes."""
    for _ in range(BURST):
        assert ask(front.port, [bearer(key)]).status == 200
    assert ask(front.port, [("X-Api-Key", key)]).status == 429


def test_the_api_learns_tier_and_risk(front: Running, api: wire.Api, key: str) -> None:
    assert ask(front.port, [bearer(key)]).status == 200
    reached = api.reached[-1]
    (tier,) = reached.all("X-Headcount-Tier")
    (risk,) = reached.all("X-Headcount-Risk")
    (verdict,) = reached.all("X-Headcount-Verdict")
    assert tier in {"trusted", "standard", "limited", "restricted"}
    assert 0 < float(risk) < 100
    assert verdict


def test_the_request_reaches_the_api_as_it_was_sent(front: Running, api: wire.Api, key: str) -> None:
    path = "/v1//a/../%2e/b?q=%20&q=2"
    assert ask(front.port, [bearer(key)], method="POST", path=path, body=b"a prompt").status == 200
    reached = api.reached[-1]
    assert (reached.method, reached.body) == ("POST", b"a prompt")
    assert reached.all("X-Headcount-Verdict"), "it passed because nobody could be asked"
    assert reached.path == ("/v1/b?q=%20&q=2" if front.shipped.cleans_paths else path)
    assert reached.all("Authorization") == [f"Bearer {key}"]


def test_the_client_s_bytes_hold_nothing_that_is_not_listed(front: Running, key: str) -> None:
    passing = ask(front.port, [bearer(key)])
    stop = stopped(front, [bearer(key)])
    for answer in (passing, stop):
        names = {name.lower() for name, _ in answer.headers}
        assert names <= LISTED | ANY_SERVER
        seen = answer.raw.lower()
        leaks = (
            b"tier",
            b"risk",
            b"cluster",
            b"actions",
            b"echoed",
            b"hydra",
            b"standard",
            b"limited",
            b"signal",
        )
        assert not [word for word in leaks if word in seen]


def test_a_client_sees_its_own_limit(front: Running, key: str) -> None:
    passing = ask(front.port, [bearer(key)])
    stop = stopped(front, [bearer(key)])
    shown = [passing, stop] if front.shipped.limits_on_pass else [stop]
    for answer in shown:
        assert answer.one("RateLimit-Policy") == f'"burst";q={BURST};w=20, "daily";q=1000;w=86400'
        assert answer.one("RateLimit").startswith('"burst";r=')
        assert answer.one("X-Headcount-Verdict")


def test_headers_that_a_client_sends_in_headcount_s_name_are_dropped(front: Running, api: wire.Api, key: str) -> None:
    spoofed = [(f"X-Headcount-{word}", "spoofed") for word in OWN] + [("X_Headcount_Tier", "spoofed")]
    assert ask(front.port, [bearer(key), *spoofed]).status == 200
    reached = api.reached[-1]
    assert not [value for _, value in reached.headers if "spoofed" in value]
    assert len(reached.all("X-Headcount-Tier")) == 1


def test_a_made_up_forwarded_address_gives_no_new_allowance(front: Running, source: str) -> None:
    """Unconfirmed accounts share one allowance by address: were the left end believed, none would stop."""
    statuses = [
        ask(
            front.port,
            [("X-Forwarded-For", f"198.51.{n}.1"), ("X-Forwarded-For", f"203.0.{n}.1")],
            source=source,
        ).status
        for n in range(BURST + 1)
    ]
    assert (statuses[0], statuses[-1]) == (200, 429)


def test_a_made_up_key_beside_a_known_one_changes_nothing(front: Running, key: str) -> None:
    """Whichever header it is in, and another one with each request: the known account is charged, nothing refused."""
    pairs = [
        [bearer(key), ("X-Api-Key", "sk-made-up-1")],
        [("Authorization", "Bearer sk-made-up-2"), ("X-Api-Key", key)],
        [("Authorization", f"Bearer\t {key}"), ("X-Api-Key", "sk-made-up-3")],
        [("Authorization", f"bEARER  {key}")],
    ]
    statuses = [ask(front.port, headers).status for headers in pairs]
    if front.shipped.name == "nginx-leases":  # a lease for the one pair is not there for the other
        assert (statuses[0], {*statuses} - {200, 429}) == (200, set())
    else:
        assert statuses == [200] * BURST
    assert ask(front.port, [("Authorization", "Bearer sk-made-up-4"), ("X-Api-Key", key)]).status == 429


def test_of_two_known_keys_the_stopped_account_speaks(front: Running, key: str) -> None:
    for _ in range(BURST):
        assert ask(front.port, [bearer(key), ("X-Api-Key", "sk-probe")]).status == 200
    for headers in ([bearer(key), ("X-Api-Key", "sk-probe")], [bearer("sk-probe"), ("X-Api-Key", key)]):
        answer = ask(front.port, headers)
        assert answer.status == 429
        assert f"q={BURST}" in answer.one("RateLimit-Policy")


def test_two_keys_at_once_are_refused(front: Running, api: wire.Api, key: str) -> None:
    before = len(api.reached)
    answer = ask(front.port, [("X-Api-Key", key), ("X-Api-Key", "sk-probe")])
    if front.shipped.name.startswith("nginx"):  # before 1.23 nginx knows the first alone, and so does the API
        assert api.reached[-1].all("X-Api-Key") == [key]
    else:
        assert (answer.status, len(api.reached)) == (400, before)


def test_an_overlong_key_does_not_get_past_the_sidecar(front: Running, source: str) -> None:
    """A gateway that fails open must not be opened by what a client sends."""
    keys = [(f"{n}-{source}-" * 7000)[:7000] for n in range(BURST + 1)]  # not used before: each has its own burst too
    statuses = [ask(front.port, [bearer(key)], source=source).status for key in keys]
    assert (statuses[0], statuses[-1]) == (200, 429)


@pytest.mark.parametrize("shipped", ALL, ids=lambda shipped: shipped.name)
def test_headcount_is_sent_no_cookie_no_body_and_no_name_that_a_client_took(
    shipped: Shipped, tmp_path: Path, api: wire.Api
) -> None:
    """What reaches the sidecar, kept by a server that lets everything pass."""
    sent = [bearer("k"), ("User-Agent", "curl/8"), ("Cookie", "secret"), ("Accept", "private")]
    spoofed = [("X-Headcount-JA4", "spoofed"), ("X-Original-URI", "/spoofed"), ("X-Forwarded-Uri", "/spoofed")]
    with (
        wire.api() as sidecar,
        gateway(shipped, tmp_path / "gateway", sidecar.port, api.port) as port,
    ):
        assert ask(port, [*sent, *spoofed], method="POST", path="/v1?q=1", body=b"a prompt").status == 200
    asked = sidecar.reached[-1]
    assert asked.path.startswith(f"/gateway/{shipped.name}/default")
    assert (asked.body, asked.all("Authorization"), asked.all("User-Agent")) == (b"", ["Bearer k"], ["curl/8"])
    values = [value for _, value in asked.headers]
    assert not [value for value in values if "secret" in value or "private" in value or "spoofed" in value]
    assert asked.path.endswith("/v1?q=1") or "/v1?q=1" in values


@pytest.mark.parametrize("shipped", ALL, ids=lambda shipped: shipped.name)
@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_with_the_sidecar_stopped_it_fails_as_its_page_says(
    shipped: Shipped, closed: bool, tmp_path: Path, api: wire.Api
) -> None:
    changes = [shipped.closed] if closed else []
    sidecar = Sidecar(free_port(), free_port())
    with ExitStack() as life:
        life.enter_context(serving(sidecar, tmp_path))
        sidecar.put("a", "sk-a", plan="free")
        with gateway(shipped, tmp_path / "gateway", sidecar.check, api.port, *changes) as port:
            statuses = [ask(port, [bearer("sk-a")]).status for _ in range(BURST + 1)]
            assert statuses == [200] * BURST + [429]
            life.close()
            before = len(api.reached)
            answer = ask(port, [bearer("sk-a"), ("X-Headcount-Tier", "spoofed")], method="POST", body=b"once")
    reached = [(one.method, one.body, one.all("X-Headcount-Tier")) for one in api.reached[before:]]
    assert answer.status == (shipped.absent if closed else 200)
    assert reached == ([] if closed else [("POST", b"once", [])])


@pytest.mark.parametrize("shipped", ALL, ids=lambda shipped: shipped.name)
@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_a_sidecar_that_answers_503_or_not_at_all_counts_as_absent(
    shipped: Shipped, closed: bool, tmp_path: Path, api: wire.Api
) -> None:
    """State unavailable, or hung: nobody waits longer than a few seconds, and each request arrives once or never."""
    changes = [shipped.closed] if closed else []
    with (
        wire.faulty() as sidecar,
        gateway(shipped, tmp_path / "gateway", sidecar.port, api.port, *changes) as port,
    ):
        for silent in (False, True):
            sidecar.silent = silent
            before, begun = len(api.reached), time.monotonic()
            answer = ask(port, [bearer("k")], method="POST", body=b"once")
            assert time.monotonic() - begun < 5
            assert (answer.status == 200) != closed
            assert [one.body for one in api.reached[before:]] == ([] if closed else [b"once"])
