"""Which machine the figures are from, and when: printed before them by `make bench` and `make hydra`."""

import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

MEASURE = Path(__file__).parent.parent / "requirements" / "python"


def describe() -> str:
    """One line: processor, cores, memory, Python with its build and speed, date, and how busy the machine was."""
    information = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    processor = next((line.split(":")[1].strip() for line in information.splitlines() if "model name" in line), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    today = datetime.datetime.now(datetime.UTC).date()
    load = os.getloadavg()[0]
    speed = subprocess.run([sys.executable, MEASURE, "--measure"], check=True, capture_output=True, text=True).stdout
    python = f"Python {platform.python_version()} ({platform.python_compiler()}, {speed.strip()} ms)"
    return (
        f"{processor}, {os.cpu_count()} logical cores, {memory:.0f} GiB, {python}, {today}, "
        f"load before the run {load:.1f}"
    )


if __name__ == "__main__":
    print(describe())
