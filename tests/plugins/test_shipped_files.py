"""What can be said of the shipped configurations without running them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from gateway_verdicts import verdict

from plugins.answers import for_client, for_upstream

PLUGINS = Path(__file__).parents[2] / "plugins"
CLIENT = {name.decode() for name, _ in for_client(verdict("throttle"))} | {"Content-Type"}
UPSTREAM = {name.decode() for name, _ in for_upstream(verdict())} | {"X-Headcount-Verdict"}


def shipped(name: str) -> Any:
    return yaml.safe_load((PLUGINS / name).read_text())


def test_apisix_hands_on_what_the_answer_carries_and_nothing_else() -> None:
    (route,) = shipped("apisix/apisix.yaml")["routes"]
    asked = route["plugins"]["forward-auth"]
    assert set(asked["client_headers"]) == CLIENT
    assert set(asked["upstream_headers"]) == UPSTREAM
    assert asked["uri"].endswith("/gateway/apisix/default")


def test_apisix_s_file_ends_as_it_must() -> None:
    assert (PLUGINS / "apisix/apisix.yaml").read_text().endswith("\n#END\n")


def without_tls(settings: Any) -> Any:
    """Envoy's settings with ports and all that envoy-ja4.yaml adds taken away."""
    (listener,) = settings["static_resources"]["listeners"]
    listener.pop("listener_filters", None)
    listener.pop("address")
    (chain,) = listener["filter_chains"]
    chain.pop("transport_socket", None)
    mutations = chain["filters"][0]["typed_config"]["http_filters"][0]["typed_config"]["mutations"]
    mutations["request_mutations"] = [one for one in mutations["request_mutations"] if "append" not in one]
    return settings


def test_envoy_with_and_without_tls_differ_in_nothing_else() -> None:
    assert without_tls(shipped("envoy/envoy-ja4.yaml")) == without_tls(shipped("envoy/envoy.yaml"))


@pytest.mark.parametrize("gateway", ["nginx", "envoy", "caddy", "traefik", "apisix"])
def test_each_page_says_what_a_newcomer_needs(gateway: str) -> None:
    page = (PLUGINS / gateway / "README.md").read_text()
    words = " ".join(page.replace("fail closed", "fails closed").split())
    for said in (
        "## Try it",
        "fails open",
        "fails closed",
        "trusted_hops",
        "JA4",
        "User agent",
        "Without JA4",
        "tenant",
    ):
        assert said in words, said
    assert f"/gateway/{gateway}/" in page


def between(name: str, begin: str, end: str) -> list[str]:
    """Lines of a shipped file, from the one that begins with these words to the one before those."""
    text = (PLUGINS / name).read_text()
    start = text.index(begin)
    return text[start : text.index(end, start)].splitlines()


def bare(lines: list[str]) -> list[str]:
    """Directives without their comments, in an order of their own: the two files group them differently."""
    return sorted(" ".join(line.partition("# ")[0].split()) for line in lines)


def test_nginx_with_leases_maps_and_hands_on_what_nginx_without_them_does() -> None:
    """Upgrades, preflights, origins that may read a stop, and the headers for API and client.

    The module writes the CORS headers of a stop itself. Of a key in `Authorization` nginx takes one line at most.
    """
    asking, leases = "nginx/nginx.conf", "nginx/nginx-leases.conf"
    maps = [
        set(bare(between(asking, "    # Browsers may read", "    upstream headcount"))),
        set(bare(between(leases, "    # Browsers may read", "    # What names a caller"))),
    ]
    assert {line for line in maps[0] ^ maps[1] if "headcount_cors" not in line} == {
        "~*^websocket$ websocket;",
        "websocket websocket;",
        '"" $headcount_origin;',
        'default "Retry-After, RateLimit, RateLimit-Policy, X-Headcount-Verdict";',
    }
    told = [set(bare(between(name, "            # For the API.", "        }"))) for name in (asking, leases)]
    assert told[0] - told[1] == {"proxy_set_header Authorization $http_authorization;"}
    dropped = {f'proxy_set_header X-Headcount-{name} "";' for name in ("Verdict", "Tier", "Risk", "Cluster", "Actions")}
    assert told[1] - told[0] == dropped
