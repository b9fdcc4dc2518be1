"""The benchmark of the bound in short: several nginx with leases, more asked than allowed, the sidecar killed."""

from pathlib import Path

import pytest

from benchmarks.nginx_bound import parser, run
from benchmarks.nginx_setups import keys, texts

SHORT = ["--seconds", "8", "--keys", "10", "--gateways", "2", "--away", "2"]


@pytest.mark.gateway
def test_gateways_that_fail_closed_keep_to_the_limits_while_the_sidecar_dies_and_comes_back(tmp_path: Path) -> None:
    came = run(tmp_path, parser().parse_args([*SHORT, "--fail", "closed"]))
    assert came.most <= 1.01
    assert came.total >= 0.4
    assert set(came.statuses) == {200, 429, 503}
    assert came.statuses[200] < came.asked / 3


def test_the_nginx_to_compare_with_knows_nothing_of_headcount() -> None:
    """Else a part of what Headcount costs would be on both sides."""
    plain = texts()["plain"]
    assert "proxy_pass http://api;" in plain
    assert not [word for word in ("lua", "$headcount", "X-Headcount", "load_module", "127.0.0.1:8470") if word in plain]


def test_the_nginx_that_shows_what_lua_costs_at_least_has_every_line_and_decides_nothing() -> None:
    """Else what is said of leases beside it would be too kind or too harsh."""
    leases, idle = texts()["leases"], texts()["idle"]
    assert (
        idle.replace("access_by_lua_block { local nothing }", "access_by_lua_block { headcount_access() }").replace(
            "init_worker_by_lua_block { local nothing }", "init_worker_by_lua_block { headcount:start() }"
        )
        == leases
    )
    assert idle.count("local nothing") == 2


@pytest.mark.parametrize("how", ["uniform", "measured"])
def test_keys_have_an_address_each_and_weights_as_they_are_asked_for(how: str) -> None:
    drawn = keys(2000, how)
    assert len({key.key for key in drawn}) == len({key.address for key in drawn}) == 2000
    assert all(key.weight > 0 for key in drawn)
    assert (len({key.weight for key in drawn}) == 1) == (how == "uniform")
