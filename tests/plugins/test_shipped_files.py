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


def test_nginx_with_leases_maps_and_hands_on_what_nginx_without_them_does() -> None:
    """Upgrades, preflights, CORS of stops, and the headers for API and client."""
    asking, leases = "nginx/nginx.conf", "nginx/nginx-leases.conf"
    maps = [
        between(asking, "    # Browsers may read", "    upstream headcount"),
        between(leases, "    # Browsers may read", "    init_by_lua_block"),
    ]
    assert maps[0] == maps[1]
    told = [between(name, "            # For the API.", "        }") for name in (asking, leases)]
    own_stops = [line for line in told[1] if "$headcount_cors" in line]  # in a location of their own without Lua
    assert len(own_stops) == 2
    assert told[0] == [line for line in told[1] if line not in own_stops]
