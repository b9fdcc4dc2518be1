"""Stops that browsers may read: each gateway with the change that its page names for CORS."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import gateway_envoy as envoy
import gateway_wire as wire
import pytest
from gateway_haproxy import OLD, haproxy
from gateway_shipped import CADDY, ENVOY, NGINX, NGINX_LEASES, TRAEFIK, Shipped, gateway
from gateway_sidecar import BURST
from gateway_ways import Ports
from gateway_wire import ask
from ports import free_port

pytestmark = pytest.mark.gateway

APP, OTHER = "https://app.example", "https://other.example"
PREFLIGHT = [("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization")]
Changes = tuple[tuple[str, str], ...]


def uncommented(shipped: Shipped, begin: str, lines: int) -> Changes:
    """Take the # away from lines that follow the one with these words; each stands once in its file."""
    for name in shipped.files:
        text = (Path(__file__).parents[2] / "plugins" / (shipped.folder or shipped.name) / name).read_text()
        if begin in text:
            block = text[text.index(begin) :].split("\n", lines + 1)[1:-1]
            return tuple((line, line.replace("# ", "", 1)) for line in block)
    raise AssertionError(begin)


FIRST = '    map $http_origin $headcount_origin {\n        default  "";\n'
NAMED = (FIRST, FIRST + f'        "{APP}"  $http_origin;\n')
_CORS = f"    cors: {{headers: {{accessControlAllowOriginList: ['{APP}'], addVaryHeader: true}}}}\n"
_CHAIN = "clients-copies, no-upgrade, headcount, api-copies]"
TRAEFIK_NAMED = (("    no-upgrade:\n", f"{_CORS}    no-upgrade:\n"), (f"[{_CHAIN}", f"[cors, {_CHAIN}"))
"""What Traefik's page says in words."""


def _asking(shipped: Shipped, changes: Changes) -> Callable[[Path, Ports], AbstractContextManager[int]]:
    return lambda directory, ports: gateway(shipped, directory, ports.places.check, ports.api, *changes)


def _envoy(way: envoy.Way) -> Callable[[Path, Ports], AbstractContextManager[int]]:
    changes = uncommented(way.shipped, "# Browsers may read a stop", 6)
    return lambda directory, ports: envoy.fronted(way, directory, ports.places, ports.api, *changes)


def _haproxy(directory: Path, ports: Ports) -> AbstractContextManager[int]:
    changes = uncommented(OLD, "# Browsers may read a stop", 1)
    return haproxy(OLD, directory, ports.spoe, ports.api, *changes)


WAYS = {
    "nginx": _asking(NGINX, (NAMED,)),
    "nginx-leases": _asking(NGINX_LEASES, (NAMED,)),
    "envoy": _asking(ENVOY, uncommented(ENVOY, "# Browsers may read a stop", 6)),
    "authz-grpc": _envoy(envoy.AUTHZ),
    "rls-grpc": _envoy(envoy.RLS),
    "caddy": _asking(CADDY, uncommented(CADDY, "# Browsers may read a stop", 2)),
    "traefik": _asking(TRAEFIK, TRAEFIK_NAMED),
    "haproxy": _haproxy,
}
ANY_ORIGIN = {"caddy"}
"""Where the header is the same whoever asks; a browser compares it with the page's origin."""


@pytest.fixture(scope="module")
def ports(api: wire.Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    spoe = free_port()
    with envoy.serving(tmp_path_factory.mktemp("sidecar"), spoe=spoe) as places:
        yield Ports(places, spoe, api.port)


@pytest.fixture(scope="module", params=WAYS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def front(name: str, ports: Ports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with WAYS[name](tmp_path_factory.mktemp(name), ports) as port:
        yield port


@pytest.fixture(scope="module")
def stopped(name: str, front: int, ports: Ports) -> Callable[[str], wire.Answer]:
    """Ask from an origin, with a key that has nothing left."""
    ports.places.sidecar.put(name, f"sk-{name}", plan="free", created_at="2026-01-01T00:00:00Z")

    def asked(origin: str) -> wire.Answer:
        for _ in range(BURST + 1):
            answer = ask(front, [("Authorization", f"Bearer sk-{name}"), ("Origin", origin)])
            if answer.status == 429:
                break
        return answer

    return asked


def test_a_page_of_the_named_origin_may_read_a_stop(stopped: Callable[[str], wire.Answer], name: str) -> None:
    answer = stopped(APP)
    assert answer.status == 429
    assert answer.one("Access-Control-Allow-Origin") == APP
    if name != "traefik":  # its middleware exposes what accessControlExposeHeaders names
        assert "retry-after" in answer.one("Access-Control-Expose-Headers").lower()


def test_a_page_of_another_origin_may_not(stopped: Callable[[str], wire.Answer]) -> None:
    answer = stopped(OTHER)
    assert answer.status == 429
    assert answer.all("Access-Control-Allow-Origin") in ([], [APP])


def test_what_the_api_answers_keeps_its_own(name: str, front: int) -> None:
    """The API of these tests has none, so none is added; Traefik's middleware speaks for the API as well."""
    answer = ask(front, [("Authorization", "Bearer sk-probe"), ("Origin", APP)])
    assert answer.status == 200
    assert answer.all("Access-Control-Allow-Origin") == ([APP] if name == "traefik" else [])


def test_a_preflight_of_the_named_origin_still_passes(front: int) -> None:
    assert ask(front, [("Origin", APP), *PREFLIGHT], method="OPTIONS").status == 200
