"""The shipped plug-in in the real LiteLLM proxy: stops with their headers, settlements, and no sidecar at all."""

import http.client
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import gateway_wire as wire
import litellm_proxy
import pytest
from gateway_processes import binary, listening, running, wait_for
from ports import free_port

pytestmark = pytest.mark.gateway

TIERS = ("trusted", "standard", "limited", "restricted", "blocked")
FEW = {"rate": 0.01, "burst": 3, "daily": 1000}
MANY = {"rate": 0.01, "burst": 50, "daily": 1000}
TOKENS = {"rate": 0.001, "burst": 5000, "daily": 100_000}
SETTINGS = {
    "tenants": {
        "default": {
            "plans": {"free": dict.fromkeys(TIERS, FEW), "paid": dict.fromkeys(TIERS, MANY)},
            "unconfirmed": MANY,
        },
        "tokens": {"unit": "tokens", "plans": {"free": dict.fromkeys(TIERS, TOKENS)}, "unconfirmed": TOKENS},
    }
}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@contextmanager
def sidecar(directory: Path, port: int, secret: str | None = None) -> Iterator[int]:
    """The admin port of a sidecar that answers checks on `port`, and asks for a secret if there is one."""
    admin, settings = free_port(), directory / "headcount.yaml"
    (directory / "secret").write_text(secret or "")
    asked = [] if secret is None else [f"@{directory}/secret"]
    settings.write_text(json.dumps({**SETTINGS, "http": {"secrets": asked}}))
    command = [binary("headcount"), "serve", "--config", str(settings), "--state", ":memory:"]
    command += ["--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}"]
    with running(command, directory, lambda: listening(port) and listening(admin)):
        yield admin


def ask(port: int, key: str, words: str = "hello", **more: Any) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = {"model": "stub", "messages": [{"role": "user", "content": words}], **more}
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    answer = connection.getresponse()
    found = Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    connection.close()
    return found


def decisions(admin: int, tenant: str) -> list[dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", admin, timeout=20)
    connection.request("GET", f"/v1/decisions?tenant={tenant}")
    found: list[dict[str, Any]] = json.loads(connection.getresponse().read())["decisions"]
    connection.close()
    return found


@pytest.fixture(scope="module")
def model() -> Iterator[int]:
    with litellm_proxy.model() as port:
        yield port


class Running(NamedTuple):
    proxy: int
    admin: int


@pytest.fixture(scope="module")
def by_requests(tmp_path_factory: pytest.TempPathFactory, model: int) -> Iterator[Running]:
    """A proxy whose calls cost 1 each, failing open as shipped."""
    directory, port = tmp_path_factory.mktemp("requests"), free_port()
    with (
        sidecar(directory, port) as admin,
        litellm_proxy.proxy(directory, model, url=f"http://127.0.0.1:{port}", content_key="a secret") as proxy,
    ):
        yield Running(proxy, admin)


@pytest.fixture(scope="module")
def by_tokens(tmp_path_factory: pytest.TempPathFactory, model: int) -> Iterator[Running]:
    """A proxy whose calls hold what they may use. Its sidecar asks for a secret."""
    directory, port = tmp_path_factory.mktemp("tokens"), free_port()
    settings = {"url": f"http://127.0.0.1:{port}", "tenant": "tokens", "unit": "tokens", "output_tokens": "1000"}
    settings["secret"] = "a-secret-of-the-gateways"
    with (
        sidecar(directory, port, settings["secret"]) as admin,
        litellm_proxy.proxy(directory, model, **settings) as proxy,
    ):
        yield Running(proxy, admin)


SHAPES = """
import json, sys
from headcount_litellm import shapes
print(json.dumps([shapes(data, b"a secret") for data in json.load(sys.stdin)]))
"""


def test_a_conversation_shows_what_it_began_with_in_every_turn() -> None:
    """The beginning's shape alone at first, then with that of the whole, whoever asks and in whichever form."""
    asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How tall is the tower of Pisa?"}]
    more = [{"role": "assistant", "content": "56 metres."}, {"role": "user", "content": "And how old is it by now?"}]
    other = [asked[0], {"role": "user", "content": "Write a poem about rain in autumn."}]
    calls = [{"messages": asked}, {"messages": asked + more}, {"messages": other}, {"input": asked + more + more}]
    calls += [{"prompt": "How tall is the tower of Pisa?"}, {}]
    python = litellm_proxy.LITELLM.with_name("python")
    command = ["env", "LITELLM_LOCAL_MODEL_COST_MAP=True", str(python), "-c", SHAPES]
    answer = subprocess.run(
        command, cwd=litellm_proxy.SHIPPED, input=json.dumps(calls), capture_output=True, text=True, check=True
    )
    first, second, another, third, *single = json.loads(answer.stdout)
    assert [len(found) for found in (first, second, another, third, *single)] == [1, 2, 1, 2, 1, 1]
    assert first[0] == second[0] == third[0] != another[0]
    assert len({first[0], second[1], third[1]}) == 3


def test_calls_pass_until_the_limit_and_then_get_429(by_requests: Running) -> None:
    """With Retry-After and the account's own limits, and nothing of tier, risk or cluster."""
    passing = [ask(by_requests.proxy, "sk-free-1") for _ in range(3)]
    stopped = ask(by_requests.proxy, "sk-free-1")
    assert [answer.status for answer in passing] == [200] * 3
    assert stopped.status == 429
    assert int(stopped.headers["retry-after"]) >= 1
    assert "ratelimit" in passing[0].headers
    assert "ratelimit-policy" in stopped.headers
    for answer in (*passing, stopped):
        assert not {"x-headcount-tier", "x-headcount-risk", "x-headcount-cluster"} & set(answer.headers)


CALL = {"model": "stub", "messages": [{"role": "user", "content": "hello"}]}
LONG = {"model": "stub", "messages": [{"role": "user", "content": "word " * 40_000}]}
LONGER = {"model": "stub", "messages": [{"role": "user", "content": "word " * 220_000}]}


@pytest.mark.parametrize(
    ("call", "chunked"), [(CALL, False), (CALL, True), (LONG, False), (LONG, True), (LONGER, False)]
)
def test_a_call_of_any_length_is_judged(by_requests: Running, call: dict[str, Any], chunked: bool) -> None:
    """Whether its body comes whole or in chunks: it passes with a verdict, and over the limit it is 429."""
    key = f"sk-length-{len(json.dumps(call))}-{chunked}"
    sent = [("Authorization", f"Bearer {key}"), ("Content-Type", "application/json")]
    body = json.dumps(call).encode()
    answers = [
        wire.ask(by_requests.proxy, sent, method="POST", path="/v1/chat/completions", body=body, chunked=chunked)
        for _ in range(4)
    ]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert all(answer.one("X-Headcount-Verdict") for answer in answers)


def test_what_asks_no_model_is_not_judged(by_requests: Running) -> None:
    """As its page says."""
    for _ in range(5):
        answer = wire.ask(by_requests.proxy, [("Authorization", "Bearer sk-models")], path="/v1/models")
        assert (answer.status, answer.all("X-Headcount-Verdict")) == (200, [])


def test_a_preflight_is_answered_by_litellm_and_a_page_may_read_a_stop(by_requests: Running) -> None:
    """As its page says: LiteLLM has a CORS middleware of its own, outside of its hooks."""
    preflight = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST")]
    for _ in range(5):
        answer = wire.ask(by_requests.proxy, preflight, method="OPTIONS", path="/v1/chat/completions")
        assert (answer.status, answer.all("X-Headcount-Verdict")) == (200, [])
    sent = [
        ("Authorization", "Bearer sk-page"),
        ("Content-Type", "application/json"),
        ("Origin", "https://app.example"),
    ]
    body = json.dumps(CALL).encode()
    for _ in range(4):
        answer = wire.ask(by_requests.proxy, sent, method="POST", path="/v1/chat/completions", body=body)
    assert answer.status == 429
    assert answer.one("Access-Control-Allow-Origin") in ("*", "https://app.example")


def test_a_virtual_keys_own_metadata_brings_facts(by_requests: Running) -> None:
    """The operator wrote the plan into the key; the plan's limit holds."""
    assert [ask(by_requests.proxy, "sk-paid-1").status for _ in range(6)] == [200] * 6


def test_a_client_cannot_bring_a_verdict_of_its_own(by_requests: Running) -> None:
    """What a body says in `metadata` is not what the plug-in noted there."""
    told = {"headcount_verdict": {"id": "x", "headers": {"X-Forged": "1"}, "actions": []}}
    answer = ask(by_requests.proxy, "sk-free-2", metadata=told)
    assert answer.status == 200
    assert "x-forged" not in answer.headers
    assert answer.headers["x-headcount-verdict"] != "x"


def left(running: Running, key: str) -> float:
    """Tokens that an account has left, by the verdict of a call that asks for more than it can have."""
    answer = ask(running.proxy, key, max_tokens=100_000)
    assert answer.status == 429
    found = answer.headers["ratelimit"].split(",")[0]
    return float(found.split("r=")[1].split(";")[0])


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_is_settled_by_the_tokens_it_used(by_tokens: Running, stream: bool) -> None:
    """Held is the prompt and the output asked for; charged in the end is what the model said."""
    key = f"sk-settle-{stream}"
    assert ask(by_tokens.proxy, key, "used 321", stream=stream).status == 200
    wait_for(lambda: left(by_tokens, key) == 5000 - 321)


def test_what_a_failed_call_held_comes_back(by_tokens: Running) -> None:
    assert ask(by_tokens.proxy, "sk-fails", "fail").status == 500
    wait_for(lambda: left(by_tokens, "sk-fails") == 5000)


def test_a_hold_bounds_what_runs_at_once(by_tokens: Running) -> None:
    """More output asked for than the account has: stopped before the model is asked."""
    assert ask(by_tokens.proxy, "sk-greedy", max_tokens=6000).status == 429


def test_without_a_sidecar_open_passes_and_closed_gets_503(tmp_path: Path, model: int) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    for fail, status in (("open", 200), ("closed", 503)):
        directory = tmp_path / fail
        directory.mkdir()
        with litellm_proxy.proxy(directory, model, url=nobody, fail=fail) as proxy:
            assert ask(proxy, "sk-any").status == status


def test_custom_auth_stops_by_the_key_alone(tmp_path: Path, model: int) -> None:
    """For a proxy without virtual keys: the second way in the same file."""
    port = free_port()
    with (
        sidecar(tmp_path, port),
        litellm_proxy.proxy(
            tmp_path, model, auth="headcount_litellm.custom_auth", url=f"http://127.0.0.1:{port}"
        ) as proxy,
    ):
        statuses = [ask(proxy, "sk-unknown").status for _ in range(4)]
    assert statuses == [200] * 3 + [429]
