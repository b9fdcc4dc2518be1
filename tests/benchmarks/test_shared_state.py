"""Four sidecars over one Redis at five times the limit, with faults: the runs of docs/reliability.md, made short."""

import pytest

from benchmarks.shared_load import Came, Result
from benchmarks.shared_servers import PLACES
from benchmarks.shared_state import faults, main, show

SECONDS, ACCOUNTS = 6.0, 60


@pytest.mark.gateway
def test_without_a_fault_four_sidecars_let_through_what_one_would():
    (row,) = faults(["no fault"], 4, ACCOUNTS, SECONDS)
    assert 0.8 * row.limit < row.admitted <= row.limit * 1.001
    assert row.worst <= 1.0
    assert row.failures == 0


@pytest.mark.gateway
@pytest.mark.parametrize(
    ("what", "processes"),
    [("killed, restarted empty after 2 s", 4), ("Sentinel failover", 2), ("Cluster slot migration", 2)],
)
def test_a_fault_lets_no_account_above_its_bound_and_fails_no_check(what, processes):
    """And every sidecar is back within two seconds of its end; tests/replicas has the other faults."""
    (row,) = faults([what], processes, ACCOUNTS, SECONDS)
    assert row.worst <= 1.0
    assert row.failures == 0
    assert row.recovery <= 2.0
    assert what in show([row])


def test_what_a_run_tells_is_of_its_answers():
    """Latency within a time, recovery as the last sidecar's, statuses but for 200."""
    result = Result()
    result.answers = [Came(float(i), i / 1000, 200) for i in range(100)] + [Came(50.0, 9.0, 503)]
    assert result.p99(0, 10) == pytest.approx(9.0)
    assert result.failures() == {503: 1}
    result.well.update({1: [1.0, 5.2], 2: [1.0, 5.7, 9.0]})
    assert result.recovery(5.0) == pytest.approx(0.7)


def test_every_fault_of_the_issue_has_its_run(capsys):
    assert len(PLACES) == 8
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--only" in capsys.readouterr().out
