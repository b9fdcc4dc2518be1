"""What can be said of Envoy's files and page without running them."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.answers import problem
from plugins.envoy.settings import DESCRIPTORS
from reputation.config.file import from_text

FOLDER = Path(__file__).parents[2] / "plugins" / "envoy"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
ASKING = ("envoy-authz.yaml", "envoy-rls.yaml")


def connection_manager(file: str) -> Any:
    """The settings of the listener that clients call."""
    listener = yaml.safe_load((FOLDER / file).read_text())["static_resources"]["listeners"][0]
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


def filters(file: str) -> dict[str, Any]:
    return {one["name"]: one["typed_config"] for one in connection_manager(file)["http_filters"]}


def besides_asking(file: str) -> Any:
    """What a file does beside asking: the filter itself is left out, and what a descriptor is made of."""
    manager = connection_manager(file)
    by_name = {one["name"]: one["typed_config"] for one in manager.pop("http_filters")}
    mutations = by_name["headcount_own_headers"]["mutations"]
    manager["route_config"]["virtual_hosts"][0].pop("rate_limits", None)
    clusters = yaml.safe_load((FOLDER / file).read_text())["static_resources"]["clusters"]
    api = [one for one in clusters if one["name"].startswith("api")]
    return manager, list(by_name), mutations["request_mutations"][:2], mutations["response_mutations"], api


@pytest.mark.parametrize("file", ASKING)
def test_every_file_that_asks_is_the_first_but_for_the_way_it_asks(file: str) -> None:
    """Headers, upgrades, preflights, answers to gRPC clients and the API's own limits are the same in all of them."""
    assert besides_asking(file) == besides_asking("envoy.yaml")


def test_ext_authz_is_told_the_same_headers_over_grpc_as_over_http() -> None:
    assert (
        filters("envoy-authz.yaml")["headcount"]["allowed_headers"]
        == filters("envoy.yaml")["headcount"]["allowed_headers"]
    )


def test_a_quota_s_stop_has_the_body_of_every_stop() -> None:
    matcher = filters("envoy-rlqs.yaml")["headcount"]["bucket_matchers"]
    for on_match in (matcher["matcher_list"]["matchers"][0]["on_match"], matcher["on_no_match"]):
        denied = on_match["action"]["typed_config"]["deny_response_settings"]
        assert base64.b64decode(denied["http_body"]["value"]) == problem(429)


def test_the_page_s_table_of_descriptors_is_the_default_one() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (.*?) \|$", PAGE, re.MULTILINE)
    told = {key: what for keys, what in rows for key in re.findall(r"`(\w+)`", keys)}
    assert set(told) >= set(DESCRIPTORS)
    assert all(f"`{member}`" in told[key] for key, member in DESCRIPTORS.items() if "headcount" not in key)


def test_the_page_s_quotas_are_a_valid_configuration() -> None:
    (block,) = re.findall(r"```yaml\n(tenants:.*?)```", PAGE, re.DOTALL)
    quotas = from_text(block).tenants["default"].gateway.envoy.quotas["organisation"]
    assert (quotas["*"].rate, quotas["big.example"].burst) == (20, 5000)
