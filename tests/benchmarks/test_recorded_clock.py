"""A program under a recorded clock sees the time that its driver set, on both of its clocks."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.recorded_clock import RecordedClock

ASKED = "import sys, time\nfor _ in sys.stdin: print(time.time(), time.monotonic(), flush=True)"


@pytest.mark.gateway
def test_a_running_program_follows_the_clock_forward(tmp_path: Path) -> None:
    clock = RecordedClock(tmp_path, 1_000_000.0)
    command = clock.command([sys.executable, "-c", ASKED])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin is not None
        assert program.stdout is not None

        def asked() -> tuple[float, float]:
            program.stdin.write("\n")
            program.stdin.flush()
            wall, monotonic = map(float, program.stdout.readline().split())
            return wall, monotonic

        first = asked()
        clock.reach(1_050_000.0)
        second = asked()
        program.stdin.close()
    assert 1_000_000 - 0.001 <= first[0] < 1_050_000
    assert 1_050_000 - 0.001 <= second[0] <= clock.now() + 0.001
    assert second[1] - first[1] == pytest.approx(second[0] - first[0], abs=0.1)


def test_the_clock_never_goes_back(tmp_path: Path) -> None:
    clock = RecordedClock(tmp_path, time.time())
    clock.reach(time.time() + 1000)
    there = clock.now()
    clock.reach(there - 500)
    assert clock.now() >= there
