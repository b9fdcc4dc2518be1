"""What Envoy's page shows beside the shipped files, on the real Envoy: its YAML, put into a shipped file."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gateway_wire as wire
import grpc
import pytest
from gateway_envoy import AUTHZ, BRIDGED_RLS, RLS, Places, Way, fronted, serving
from gateway_processes import wait_for
from gateway_sidecar import BURST
from gateway_wire import ask

from plugins.envoy.messages_pb2 import RateLimitRequest, RateLimitResponse

pytestmark = pytest.mark.gateway

FOLDER = Path(__file__).parents[2] / "plugins" / "envoy"
BLOCKS = re.findall(
    r"```yaml\n((?:rate_limits|typed_per_filter_config):.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL
)
INDENT = " " * 22
LAST_OF_FILTER = "                        initial_metadata: [{key: x-headcount-tenant, value: default}]\n"
FILTER = """\
                  - name: envoy.filters.http.ratelimit
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit
                      domain: groups
                      rate_limit_service:
                        transport_api_version: V3
                        grpc_service: {envoy_grpc: {cluster_name: groups}}
"""
SERVICE = """
  clusters:
    - name: groups
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: {http2_protocol_options: {}}
      load_assignment:
        cluster_name: groups
        endpoints:
          - lb_endpoints:
              - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: PORT}}}
"""
ROUTES = f"{INDENT}routes:\n"


def indented(block: str) -> str:
    return "".join(f"{INDENT}{line}\n" for line in block.splitlines())


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with serving(tmp_path_factory.mktemp("sidecar")) as found:
        yield found


@pytest.mark.parametrize("way", [RLS, BRIDGED_RLS], ids=lambda way: way.name)
def test_tokens_are_held_and_settled_when_the_answer_is_complete(
    way: Way, tmp_path: Path, places: Places, api: wire.Api
) -> None:
    """Held 1 and settled at 2, the length of the API's answer: half as many pass as with the estimate alone."""
    _, block = BLOCKS
    block = block.replace("number: 500", "number: 1").replace("x-tokens", "content-length")
    old = re.search(rf"{INDENT}rate_limits:\n.*?(?={ROUTES})", (FOLDER / way.file).read_text(), re.DOTALL)[0]
    places.sidecar.put(way.name, f"sk-{way.name}", plan="free")
    with fronted(way, tmp_path, places, api.port, (old, indented(block))) as port:
        statuses = []

        def asked(status: int) -> bool:
            statuses.append(ask(port, [("Authorization", f"Bearer sk-{way.name}")]).status)
            return statuses[-1] == status

        wait_for(lambda: asked(429))
    assert statuses == [200] * (BURST // 2) + [429]


class Others(grpc.GenericRpcHandler):
    """Somebody else's rate limit service: keeps what it is asked and lets everything pass."""

    def __init__(self) -> None:
        self.asked: list[RateLimitRequest] = []
        self.reached = threading.Event()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, body: bytes, _: grpc.ServicerContext) -> bytes:
        self.asked.append(RateLimitRequest.FromString(body))
        return RateLimitResponse(overall_code=RateLimitResponse.OK, statuses=[{"code": "OK"}]).SerializeToString()


@pytest.fixture
def others() -> Iterator[tuple[Others, int]]:
    handler = Others()
    server = grpc.server(ThreadPoolExecutor(1), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield handler, port
    server.stop(None).wait()


def test_another_rate_limit_service_gets_our_number_for_our_group(
    others: tuple[Others, int], tmp_path: Path, places: Places, api: wire.Api
) -> None:
    """With the tier in the place of the cluster, which takes days of traffic to find; its number: tests/plugins."""
    handler, port = others
    block, _ = BLOCKS
    block = block.replace("path: [{key: cluster}]", "path: [{key: tier}]")
    service = SERVICE.replace("PORT", str(port))
    changes = [
        (f"{INDENT}# kept here, since the API's own copies are removed above\n", indented(block)),
        (LAST_OF_FILTER, LAST_OF_FILTER + FILTER),
        ("\n  clusters:\n", service),
    ]
    places.sidecar.put("grouped", "sk-grouped", plan="free", created_at="2026-01-01T00:00:00Z")
    with fronted(AUTHZ, tmp_path, places, api.port, *changes) as front:
        assert ask(front, [("Authorization", "Bearer sk-grouped")]).status == 200
    (descriptor,) = handler.asked[-1].descriptors
    (entry,) = descriptor.entries
    assert entry.key == "cluster"
    assert entry.value in {"trusted", "standard", "limited", "restricted"}
    minute = 2
    assert (descriptor.limit.requests_per_unit, descriptor.limit.unit) == (12, minute)
