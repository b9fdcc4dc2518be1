"""Each real gateway before a sidecar that asks for the gateways' secret: with it, and without it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import gateway_wire as wire
import pytest
from gateway_haproxy import OLD, haproxy
from gateway_shipped import CADDY, ENVOY, NGINX, NGINX_LEASES, TRAEFIK, Shipped, gateway
from gateway_sidecar import SETTINGS
from gateway_wire import ask
from ports import free_port
from sidecar_process import Sidecar, running_sidecar

pytestmark = pytest.mark.gateway

SECRET = "a-secret-of-the-gateways-0123456789"
KEY = ("Authorization", "Bearer sk-1")
NGINX_LINE = 'proxy_set_header X-Headcount-Secret "{}";'
LUA_LINE = '-- secret = io.open("/etc/nginx/secrets/headcount"):read("*l"),'
GRPC = ENVOY._replace(name="envoy-grpc", folder="envoy", files=("envoy-authz.yaml",))
TENANT = "initial_metadata: [{key: x-headcount-tenant, value: default}"
WAYS: tuple[tuple[Shipped, int, tuple[tuple[str, str], ...]], ...] = (
    (NGINX, 401, (("# " + NGINX_LINE.format("the secret"), NGINX_LINE.format(SECRET)),)),
    (NGINX_LEASES, 200, ((LUA_LINE, f'secret = "{SECRET}",'),)),
    (CADDY, 401, (("# header_up X-Headcount-Secret {$HEADCOUNT_SECRET}", f"header_up X-Headcount-Secret {SECRET}"),)),
    (
        ENVOY,
        401,
        (
            (
                "# authorization_request: {headers_to_add: [{key: x-headcount-secret, value: the-secret}]}",
                f"authorization_request: {{headers_to_add: [{{key: x-headcount-secret, value: {SECRET}}}]}}",
            ),
        ),
    ),
    (GRPC, 200, ((TENANT, f"{TENANT}, {{key: x-headcount-secret, value: {SECRET}}}"),)),
    (
        TRAEFIK,
        401,
        (
            ("# middlewares: [headcount-secret]", "middlewares: [headcount-secret]"),
            (
                "# headcount-secret: {headers: {customRequestHeaders: {X-Headcount-Secret: the-secret}}}",
                f"headcount-secret: {{headers: {{customRequestHeaders: {{X-Headcount-Secret: {SECRET}}}}}}}",
            ),
        ),
    ),
)
"""A shipped gateway, what a client gets while the gateway sends no secret, and the change that its page names."""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar that asks for the secret."""
    directory = tmp_path_factory.mktemp("guarded")
    (directory / "secret").write_text(SECRET + "\n")
    settings = {**SETTINGS, "http": {"secrets": [f"@{directory}/secret"]}}
    with running_sidecar(directory, settings) as found:
        yield found


def judged(sidecar: Sidecar) -> float:
    """How many checks the sidecar has judged."""
    lines = sidecar.tell("GET", "/metrics").body.decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("headcount_checks_total{"))


@pytest.mark.parametrize(("shipped", "without", "changes"), WAYS, ids=lambda value: getattr(value, "name", ""))
def test_a_gateway_is_answered_with_the_secret_alone(
    shipped: Shipped,
    without: int,
    changes: tuple[tuple[str, str], ...],
    guarded: Sidecar,
    api: wire.Api,
    tmp_path: Path,
) -> None:
    """A client cannot send it, and never sees it; without it no account is judged."""
    key = ("Authorization", f"Bearer sk-{shipped.name}")
    guarded.tell("PUT", f"/v1/accounts/{shipped.name}", {"keys": [f"sk-{shipped.name}"], "plan": "roomy"})
    with ExitStack() as stack:
        port = stack.enter_context(gateway(shipped, tmp_path / "with", guarded.check, api.port, *changes))
        bare = stack.enter_context(gateway(shipped, tmp_path / "without", guarded.check, api.port))
        answer = ask(port, [key])
        assert (answer.status, len(answer.all("X-Headcount-Verdict"))) == (200, 1 if shipped is not TRAEFIK else 0)
        before = judged(guarded)
        assert before > 0
        for headers in ([key], [key, ("X-Headcount-Secret", SECRET)]):
            refused = ask(bare, headers)
            assert (refused.status, refused.all("X-Headcount-Verdict")) == (without, [])
        assert judged(guarded) == before
        assert SECRET.encode() not in answer.raw + refused.raw


def test_haproxy_sends_it_as_an_argument(api: wire.Api, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    agent = free_port()
    settings = {**SETTINGS, "http": {"secrets": [f"@{tmp_path}/secret"]}}
    sent = ("args tenant=", f"args x-headcount-secret=str({SECRET}) tenant=")
    with (
        running_sidecar(tmp_path, settings, extra={"HEADCOUNT_SPOE": f"127.0.0.1:{agent}"}) as sidecar,
        haproxy(OLD, tmp_path / "with", agent, api.port, sent) as port,
        haproxy(OLD, tmp_path / "without", agent, api.port) as bare,
    ):
        assert ask(port, [KEY]).all("X-Headcount-Verdict") != []
        before = judged(sidecar)
        refused = ask(bare, [KEY, ("X-Headcount-Secret", SECRET)])
        assert (refused.status, judged(sidecar)) == (400, before)
        assert json.dumps(SECRET) not in sidecar.log.read_text()
