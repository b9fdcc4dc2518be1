"""Lines a second of `headcount replay`, without and with linking: `python -m benchmarks.replay_speed`.

The lines are the recorded day in examples/, repeated with shifted times until there are enough of them.
"""

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

DAY = 86_400.0
EXAMPLE = Path(__file__).parent.parent / "examples" / "day.jsonl.gz"
WITHOUT = "tenants:\n  default:\n    linking: {enabled: false}\n"


def lengthened(days: int, out: Path) -> int:
    """Write the recorded day so many times, each a day later; return the number of lines."""
    with gzip.open(EXAMPLE) as packed:
        lines = [msgspec.json.decode(line) for line in packed]
    with out.open("wb") as plain:
        for day in range(days):
            for line in lines:
                plain.write(msgspec.json.encode({**line, "tenant": "default", "at": line["at"] + day * DAY}) + b"\n")
    return len(lines) * days


def speed(world: Path, config: Path | None) -> float:
    """Lines a second of one replay, start-up included."""
    command = [sys.executable, "-m", "reputation", "replay", str(world), "--out", "/dev/null", "--json"]
    if config is not None:
        command += ["--config", str(config)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    summary = json.loads(printed.splitlines()[-1])
    return float(summary["lines"] / summary["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world, without = Path(folder) / "days.jsonl", Path(folder) / "without.yaml"
        without.write_text(WITHOUT, encoding="ascii")
        lines = lengthened(options.days, world)
        found: dict[str, list[float]] = {"without linking": [], "with linking": []}
        for _ in range(options.rounds):
            found["without linking"].append(speed(world, without))
            found["with linking"].append(speed(world, None))
    for name, speeds in found.items():
        print(f"replay {name}: {statistics.median(speeds):,.0f} lines/s (best {max(speeds):,.0f}), {lines:,} lines")


if __name__ == "__main__":
    main()
