"""The benchmark of a hydra through nginx in short: a small world played on a recorded clock through both ways."""

from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.hydra.clock import HOUR, START
from benchmarks.hydra.world import Spec
from benchmarks.nginx_hydra import Call, Push, configured, entries, parser, run

SMALL = ["--level", "L0", "--honest", "150", "--heads", "60", "--days", "1", "--hours", "8", "--link-every", "1800"]


@pytest.mark.gateway
def test_a_hydra_gets_no_more_through_nginx_with_leases_than_through_v1_check(tmp_path: Path) -> None:
    came = run(tmp_path, parser().parse_args(SMALL))
    assert came.check.hydra_checks == came.nginx.hydra_checks > 60
    assert came.check.leak is not None
    assert came.check.leak < 0.9
    assert came.points < 2
    assert abs(came.nginx.honest_stopped - came.check.honest_stopped) < 0.02
    assert came.gate["passed_on_lease"] > 0
    assert came.gate["failures"] == came.gate["passed_unasked"] == came.gate["dropped"] == 0


def test_a_world_is_told_in_order_of_time_and_facts_of_an_account_come_before_its_requests() -> None:
    told = list(entries(Spec(1, 30, 10, ("L0",), days=1), START + 6 * HOUR))
    assert all(before.at <= after.at for before, after in pairwise(told))
    known: set[str] = set()
    for entry in told:
        if isinstance(entry, Push):
            known.add(entry.account)
        assert entry.account in known
    assert sum(isinstance(entry, Call) for entry in told) > 10


def test_nginx_is_configured_with_its_clock_a_ja4_and_one_proxy_before_it() -> None:
    """Else it would live by another time than the sidecars, and linking would see less through it."""
    text, gate = configured(18080, 18470, 18000)
    shown = [f"listen 127.0.0.1:{gate};", 'ja4_header = "X-JA4"', "trusted_hops = 2,", "env FAKETIME_TIMESTAMP_FILE;"]
    assert [line for line in shown if line not in text] == []
