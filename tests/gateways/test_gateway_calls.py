"""gRPC clients through the shipped Envoy files: calls pass, and a stop has a status that they understand."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gateway_envoy as envoy
import gateway_wire as wire
import grpc
import pytest
from gateway_sidecar import BURST, DISPUTED, Sidecar
from gateway_ways import WAYS, Ports, Way
from ports import free_port

pytestmark = pytest.mark.gateway

NO_TIME_OUT = 0.2
CALLING = [way for way in WAYS if way.calls]
Code = grpc.StatusCode


class Echo(grpc.GenericRpcHandler):
    """An API that sends back what it gets, and keeps the metadata of its calls."""

    def __init__(self) -> None:
        self.reached: list[dict[str, str]] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, body: bytes, context: grpc.ServicerContext) -> bytes:
        self.reached.append(dict(context.invocation_metadata()))
        return body


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[Echo, int]]:
    handler = Echo()
    server = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield handler, port
    server.stop(None).wait()


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[envoy.Places]:
    with envoy.serving(tmp_path_factory.mktemp("sidecar")) as found:
        yield found


@pytest.fixture(scope="module", params=CALLING, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    return request.param


@pytest.fixture(scope="module")
def front(
    way: Way, places: envoy.Places, echo: tuple[Echo, int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    with way.start(tmp_path_factory.mktemp(way.name), Ports(places, 0, echo[1])) as port:
        yield port


def call(port: int, key: str, body: bytes = b"hello", **metadata: str) -> tuple[Code, str, dict[str, str]]:
    """The status of one unary call, its message, and the metadata of the answer; it takes no time-out."""
    lines = [("authorization", f"Bearer {key}"), *metadata.items()]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        grpc.channel_ready_future(channel).result(20)
        begun = time.monotonic()
        method = channel.unary_unary("/api.Echo/Say")
        try:
            answer, done = method.with_call(body, metadata=lines, timeout=20)
        except grpc.RpcError as error:
            code, told = error.code(), error.details()
            seen = [*(error.initial_metadata() or ()), *(error.trailing_metadata() or ())]
        else:
            assert answer == body
            code, told, seen = Code.OK, "", [*done.initial_metadata()]
        took = time.monotonic() - begun
    assert took < NO_TIME_OUT or code is Code.OK, (code, took)
    return code, told, dict(seen)


def account(sidecar: Sidecar, **facts: object) -> str:
    name = f"acct-{uuid.uuid4().hex}"
    sidecar.put(name, f"sk-{name}", **{"plan": "free", "created_at": "2026-01-01T00:00:00Z", **facts})
    return f"sk-{name}"


def test_calls_pass_judged_until_the_limit_and_then_are_resource_exhausted(
    front: int, places: envoy.Places, echo: tuple[Echo, int]
) -> None:
    """Not UNAVAILABLE, which gRPC clients retry at once."""
    key = account(places.sidecar)
    for _ in range(BURST):
        code, _, seen = call(front, key)
        assert code is Code.OK
        assert seen["x-headcount-verdict"] == echo[0].reached[-1]["x-headcount-verdict"]
    before = len(echo[0].reached)
    code, _, seen = call(front, key)
    assert code is Code.RESOURCE_EXHAUSTED
    assert int(seen["retry-after"]) >= 1
    assert len(echo[0].reached) == before


def test_a_large_call_passes(front: int, places: envoy.Places) -> None:
    assert call(front, account(places.sidecar, plan="roomy"), b"a" * 1_100_000)[0] is Code.OK


def test_a_denied_account_s_call_is_permission_denied(way: Way, front: int, places: envoy.Places) -> None:
    """Or over the limit, from a rate limit service, which knows nothing else."""
    key = account(places.sidecar, plan="roomy", payment=DISPUTED)
    expected = Code.PERMISSION_DENIED if way.denied == 403 else Code.RESOURCE_EXHAUSTED
    assert call(front, key)[0] is expected


def test_a_call_cannot_name_its_own_tier(front: int, places: envoy.Places, echo: tuple[Echo, int]) -> None:
    key = account(places.sidecar, plan="roomy")
    assert call(front, key, **{"x-headcount-tier": "spoofed", "x-headcount-actions": "spoofed"})[0] is Code.OK
    assert "spoofed" not in echo[0].reached[-1].values()


def test_a_stop_of_plain_http_says_nothing_of_grpc(front: int, places: envoy.Places) -> None:
    key = account(places.sidecar, plan="roomy", payment=DISPUTED)
    answer = wire.ask(front, [("Authorization", f"Bearer {key}")])
    assert answer.all("grpc-status") == []


def test_a_call_that_fails_closed_is_unavailable(tmp_path: Path, echo: tuple[Echo, int]) -> None:
    """That one a client may retry."""
    nobody = envoy.Places(free_port(), 0, free_port())
    change = envoy.CLOSED[envoy.AUTHZ.file]
    with envoy.fronted(envoy.AUTHZ, tmp_path, nobody, echo[1], change) as port:
        assert call(port, "sk-any")[0] is Code.UNAVAILABLE


def test_a_call_over_its_quota_is_resource_exhausted(
    tmp_path: Path, places: envoy.Places, echo: tuple[Echo, int]
) -> None:
    """Envoy enforces it alone, once Headcount has told it the number."""
    with envoy.fronted(envoy.RLQS, tmp_path, places, echo[1]) as port:
        deadline = time.monotonic() + 30
        codes = {Code.OK}
        while Code.RESOURCE_EXHAUSTED not in codes and time.monotonic() < deadline:
            codes.add(call(port, "sk-any", **{"x-organisation": "calling"})[0])
    assert codes == {Code.OK, Code.RESOURCE_EXHAUSTED}
