"""How far a newcomer has to read: the files that one check enters."""

import subprocess
import sys

MOST_FILES = 36


def test_a_check_enters_few_files():
    """With embedded state; `python -m benchmarks.check_path` lists them."""
    command = [sys.executable, "-m", "benchmarks.check_path", "--max-files", str(MOST_FILES)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "reputation.engine" in run.stdout
