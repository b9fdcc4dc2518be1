"""Real nginx with leases: few checks, a signal on every new address, limits that hold while the sidecar is away."""

import http.client
import json
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import gateway_wire as wire
import pytest
from gateway_processes import listening, running, wait_for
from gateway_shipped import NGINX_LEAN, NGINX_LEASES, Ports, Shipped, write
from gateway_sidecar import BURST, DISPUTED, Sidecar, serving
from gateway_wire import ask
from ports import free_port

pytestmark = pytest.mark.gateway


class Front(NamedTuple):
    """An nginx of its own; `inner` tells what its gate did."""

    port: int
    inner: int

    def get(self, key: str, **request: Any) -> wire.Answer:
        return ask(self.port, [("Authorization", f"Bearer {key}")], **request)

    def status(self) -> dict[str, int]:
        """Counts of the gate, up to a second old."""
        return json.loads(get(self.inner, "/"))


def get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    body = connection.getresponse().read()
    connection.close()
    return body


@contextmanager
def nginx(
    directory: Path, sidecar: int, api: int, *changes: tuple[str, str], shipped: Shipped = NGINX_LEASES
) -> Iterator[Front]:
    front = Front(free_port(), free_port())
    write(shipped, directory, Ports(front.port, sidecar, api, front.inner), *changes)
    with running(shipped.command(directory), directory, lambda: listening(front.port)):
        yield front


@pytest.fixture
def front(tmp_path: Path, sidecar: Sidecar, api: wire.Api) -> Iterator[Front]:
    with nginx(tmp_path, sidecar.check, api.port) as found:
        yield found


@pytest.fixture
def roomy(sidecar: Sidecar, key: str) -> str:
    """The key of an account whose limit no test reaches."""
    sidecar.put(key.removeprefix("sk-"), key, plan="roomy", created_at="2026-01-01T00:00:00Z")
    return key


def metric(sidecar: Sidecar, name: str) -> float:
    """The sum of a metric over its labels."""
    text = get(sidecar.admin, "/metrics").decode()
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


def checks(sidecar: Sidecar) -> float:
    return metric(sidecar, "headcount_checks_total")


def test_most_requests_pass_without_a_check(front: Front, sidecar: Sidecar, roomy: str) -> None:
    before = checks(sidecar)
    answers = [front.get(roomy) for _ in range(100)]
    assert [answer.status for answer in answers] == [200] * 100
    assert checks(sidecar) - before <= 8


def test_a_client_sees_its_limit_go_down_between_checks(front: Front, key: str) -> None:
    """Each request that passes counts, whoever decided about it."""
    shown = [re.findall(r"r=(\d+)", front.get(key).one("RateLimit")) for _ in range(BURST)]
    assert shown == [[str(BURST - n), str(1000 - n)] for n in range(1, BURST + 1)]


def test_a_leased_key_that_shows_a_new_address_asks_again_at_once(front: Front, sidecar: Sidecar, roomy: str) -> None:
    for _ in range(10):
        front.get(roomy)
    before = checks(sidecar)
    front.get(roomy, source="127.77.250.1")
    assert checks(sidecar) == before + 1


def test_over_the_limit_nginx_answers_alone(front: Front, sidecar: Sidecar, key: str) -> None:
    assert [front.get(key).status for _ in range(BURST)] == [200] * BURST
    assert front.get(key).status == 429
    before = checks(sidecar)
    stopped = [front.get(key) for _ in range(10)]
    assert {answer.status for answer in stopped} == {429}
    assert all(1 <= int(answer.one("Retry-After")) <= 5 for answer in stopped)
    assert checks(sidecar) == before


def test_what_was_used_reaches_the_sidecar_and_the_rest_comes_back(front: Front, sidecar: Sidecar, roomy: str) -> None:
    """Within the lease's five seconds and a sweep, without another request."""
    leased, used = metric(sidecar, "headcount_lease_tokens_total"), metric(sidecar, "headcount_lease_tokens_used_total")
    for _ in range(50):
        front.get(roomy)
    asked = front.status()["checks"]
    wait_for(lambda: front.status()["passed_on_lease"] >= 40)
    wait_for(lambda: metric(sidecar, "headcount_lease_tokens_used_total") - used >= 50 - 8)
    assert metric(sidecar, "headcount_lease_tokens_used_total") - used <= 50
    assert metric(sidecar, "headcount_lease_tokens_total") - leased >= 50 - 8
    assert asked <= 8


def test_without_the_lines_that_tell_a_stop_still_says_all_that_a_client_may_see(
    tmp_path: Path, sidecar: Sidecar, api: wire.Api, key: str
) -> None:
    with nginx(tmp_path, sidecar.check, api.port, shipped=NGINX_LEAN) as front:
        passed = [front.get(key) for _ in range(BURST)]
        stopped = front.get(key)
    assert [answer.status for answer in passed] == [200] * BURST
    assert not any(answer.all("RateLimit") or answer.all("X-Headcount-Verdict") for answer in passed)
    assert stopped.status == 429
    assert re.match(r'"burst";q=', stopped.one("RateLimit-Policy"))
    assert re.match(r'"burst";r=0', stopped.one("RateLimit"))
    assert stopped.one("X-Headcount-Verdict")


KEY = r'"$http_authorization\n$http_x_api_key\n$remote_addr"'
OLD_CORS = """    map $upstream_status $headcount_cors {
        ""       $headcount_origin;
        default  "";
    }

    # What names a caller"""
NAMED = (
    'default  "";\n    }\n\n    # A CORS',
    'default  "";\n        https://app.example  $http_origin;\n    }\n\n    # A CORS',
)


def test_a_configuration_of_before_there_was_a_key_variable_works(
    tmp_path: Path, sidecar: Sidecar, api: wire.Api, key: str
) -> None:
    """It has no `$headcount_key`, and writes the CORS headers of a stop itself, which must not come twice."""
    changes = [
        ('map "" $headcount_key', 'map "" $other'),
        ("    # What names a caller", OLD_CORS),
        ("proxy_http_version", "add_header Access-Control-Allow-Origin $headcount_cors always;\nproxy_http_version"),
        NAMED,
    ]
    origin = [("Authorization", f"Bearer {key}"), ("Origin", "https://app.example")]
    with nginx(tmp_path, sidecar.check, api.port, *changes) as front:
        before = checks(sidecar)
        answers = [ask(front.port, origin) for _ in range(BURST + 1)]
        assert checks(sidecar) - before <= 8
    assert [answer.status for answer in answers] == [200] * BURST + [429]
    assert answers[-1].all("Access-Control-Allow-Origin") == ["https://app.example"]


def test_a_key_variable_that_leaves_a_header_out_is_not_used_and_named_in_the_log(
    tmp_path: Path, sidecar: Sidecar, api: wire.Api, key: str, roomy: str
) -> None:
    """Else the verdict on one key would count for another. The limit of each still holds."""
    with nginx(tmp_path, sidecar.check, api.port, (KEY, '"$remote_addr"')) as front:
        for _ in range(3):
            assert front.get(roomy).status == 200
        sidecar.put("denied", "sk-denied", plan="roomy", payment=DISPUTED)
        assert front.get("sk-denied").status == 403
        assert front.get(roomy).status == 200
    assert "$headcount_key" in (tmp_path / "error.log").read_text()


def test_a_key_variable_may_have_the_forwarded_address_too(
    tmp_path: Path, sidecar: Sidecar, api: wire.Api, key: str, roomy: str
) -> None:
    """Another address asks again, a known one does not, and the limit holds at every address."""
    changes = [("-- trusted_hops = 2", "trusted_hops = 2"), (KEY, KEY[:-1] + r'\n$http_x_forwarded_for"')]

    def get_from(front: Front, name: str, address: str) -> int:
        return ask(front.port, [("Authorization", f"Bearer {name}"), ("X-Forwarded-For", address)]).status

    with nginx(tmp_path, sidecar.check, api.port, *changes) as front:
        before = checks(sidecar)
        assert [get_from(front, roomy, address) for address in ("11.0.0.1", "11.0.0.2") * 2] == [200] * 4
        assert checks(sidecar) == before + 2
        sidecar.put("stopped", "sk-stopped", plan="roomy", payment=DISPUTED)
        assert [get_from(front, "sk-stopped", address) for address in ("11.0.0.1", "11.0.0.3")] == [403, 403]
        assert get_from(front, roomy, "11.0.0.1") == 200
    assert "$headcount_key" not in (tmp_path / "error.log").read_text()


def test_two_nginx_of_two_workers_each_let_no_more_through_than_the_limit(
    tmp_path: Path, sidecar: Sidecar, api: wire.Api, key: str
) -> None:
    workers = ("events {}", "worker_processes 2;\nevents {}")
    statuses: list[int] = []
    with ExitStack() as life:
        fronts = [
            life.enter_context(nginx(tmp_path / name, sidecar.check, api.port, workers)) for name in ("one", "two")
        ]
        begun = time.monotonic()
        threads = [
            threading.Thread(target=lambda front=front: statuses.extend(front.get(key).status for _ in range(15)))
            for front in fronts * 2
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        passed = statuses.count(200)
    assert set(statuses) == {200, 429}
    assert 1 <= passed <= BURST + 0.2 * (time.monotonic() - begun)


def test_the_sidecar_is_sent_the_caller_and_nothing_else(tmp_path: Path, api: wire.Api) -> None:
    """No cookie, no path, no body, no name that a client took; whatever it answers, fail-open lets it pass."""
    sent = [("Authorization", "Bearer k"), ("User-Agent", "curl/8"), ("Cookie", "secret"), ("Accept", "private")]
    spoofed = [("X-Headcount-JA4", "spoofed"), ("X-Forwarded-For", "203.0.113.9")]
    with wire.api() as stub, nginx(tmp_path, stub.port, api.port) as front:
        assert ask(front.port, [*sent, *spoofed], method="POST", path="/v1?q=1", body=b"a prompt").status == 200
    asked = stub.reached[0]
    assert (asked.method, asked.path) == ("POST", "/v1/check/batch")
    expected = {
        "tenant": "default",
        "account": {"key": "k"},
        "client": {"ip": "127.0.0.1", "user_agent": "curl/8"},
        "lease": True,
    }
    assert json.loads(asked.body) == [expected]
    assert {name.lower() for name, _ in asked.headers} == {"host", "content-type", "accept", "content-length"}


def test_behind_a_proxy_the_address_is_taken_from_the_hop_before_it(tmp_path: Path, api: wire.Api) -> None:
    with (
        wire.api() as stub,
        nginx(tmp_path, stub.port, api.port, ("-- trusted_hops = 2", "trusted_hops = 2")) as front,
    ):
        ask(front.port, [("Authorization", "Bearer k"), ("X-Forwarded-For", "198.51.100.1, 203.0.113.9")])
    assert json.loads(stub.reached[0].body)[0]["client"]["ip"] == "203.0.113.9"


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_with_the_sidecar_killed_leases_last_and_then_it_fails_as_its_page_says(
    closed: bool, tmp_path: Path, api: wire.Api
) -> None:
    """And when it is back, nginx asks again."""
    changes = [NGINX_LEASES.closed] if closed else []
    sidecar = Sidecar(free_port(), free_port())
    with ExitStack() as life:
        process = life.enter_context(serving(sidecar, tmp_path))
        sidecar.put("a", "sk-a", plan="roomy")
        front = life.enter_context(nginx(tmp_path / "nginx", sidecar.check, api.port, *changes))
        assert front.get("sk-a").status == 200
        process.send_signal(signal.SIGKILL)
        process.wait()
        on_lease = [front.get("sk-a") for _ in range(2)]
        assert [answer.status for answer in on_lease] == [200, 200]
        before = len(api.reached)
        answer = front.get("sk-b", method="POST", body=b"once")
        assert answer.status == (503 if closed else 200)
        assert answer.all("Retry-After") == (["1"] if closed else [])
        assert [one.body for one in api.reached[before:]] == ([] if closed else [b"once"])
        life.enter_context(serving(sidecar, tmp_path))
        wait_for(lambda: bool(front.get("sk-c").all("X-Headcount-Verdict")))


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_a_sidecar_that_answers_503_or_not_at_all_counts_as_away(closed: bool, tmp_path: Path, api: wire.Api) -> None:
    changes = [NGINX_LEASES.closed] if closed else []
    with wire.faulty() as stub, nginx(tmp_path, stub.port, api.port, *changes) as front:
        for silent in (False, True):
            stub.silent = silent
            before, begun = len(api.reached), time.monotonic()
            answer = front.get("k", method="POST", body=b"once")
            assert time.monotonic() - begun < 5
            assert (answer.status == 200) != closed
            assert [one.body for one in api.reached[before:]] == ([] if closed else [b"once"])


def test_a_flood_of_made_up_keys_keeps_to_the_dict_and_counts_what_it_evicts(
    tmp_path: Path, sidecar: Sidecar, api: wire.Api
) -> None:
    """The smallest dict there is; a key in use goes on, at worst with a check more."""
    with nginx(tmp_path, sidecar.check, api.port, ("headcount 32m", "headcount 64k")) as front:
        for i in range(400):
            assert front.get(f"sk-flood-{i}").status in (200, 429)
        wait_for(lambda: front.status()["evicted"] > 0)
        assert front.get("sk-probe").status == 200
