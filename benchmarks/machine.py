"""Which machine the figures are from, and when: printed before them by `make bench` and `make hydra`."""

import datetime
import os
import platform
from pathlib import Path


def describe() -> str:
    """One line: processor, cores, memory, Python, date, and how busy the machine was."""
    information = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    processor = next((line.split(":")[1].strip() for line in information.splitlines() if "model name" in line), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        f"{processor}, {os.cpu_count()} logical cores, {memory:.0f} GiB, Python {platform.python_version()}, {today}, "
        f"load before the run {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    print(describe())
