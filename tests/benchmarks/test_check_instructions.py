"""The count of a check's instructions does the same work each time."""

import subprocess
import sys

import pytest

from benchmarks.check_instructions import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_counted_process_says_when_it_is_ready_and_when_it_is_done(scenario):
    command = [sys.executable, "-m", "benchmarks.check_instructions", "--work", scenario]
    done = subprocess.run(
        [*command, "--accounts", "20", "--checks", "10"], input="\n\n", capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["ready", "done"]
