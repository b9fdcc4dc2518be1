"""Latency beside an epoch is told apart from latency without, and a real sidecar is asked at the stated rate."""

import pytest

from benchmarks.hydra import beside
from benchmarks.hydra.beside import Look, Timed

LOOKS = [Look(0.0, 1.0), Look(0.1, 1.01), Look(0.2, 1.09), Look(0.3, 1.09)]


def test_a_check_counts_where_it_was_due():
    """The linker worked from 0.1 to 0.2 alone; what was due before the first look or after the last counts nowhere."""
    checks = [
        Timed(-0.05, 9.0),
        Timed(0.05, 0.001),
        Timed(0.15, 0.002),
        Timed(0.19, 0.5),
        Timed(0.25, 0.003),
        Timed(0.31, 9.0),
    ]
    assert dict(beside.split(checks, LOOKS)) == {"no epoch": [0.001, 0.003], "an epoch": [0.002, 0.5]}


def test_the_share_is_that_of_the_whole_time():
    assert any("30.0% of a core; an epoch ran in 33%" in line for line in beside.report([Timed(0.05, 0.001)], LOOKS))


@pytest.mark.gateway
def test_a_short_run_times_every_check(capsys):
    assert beside.main(["--accounts", "500", "--rate", "50", "--seconds", "2"]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if " runs | " in line]
    assert 90 <= sum(int(row[1]) for row in rows) <= 100
