"""Coverage-guided fuzzing of each parser: `python -m benchmarks.fuzz_parsers check --seconds 600`.

Atheris (libFuzzer) changes the kept inputs of tests/corpora and the target's seeds, and keeps what reaches new code in
var/fuzz/TARGET. Where atheris cannot be had, the inputs are changed at random. A finding is printed with its bytes and
ends the run with exit code 1. `--keep` writes some of the kept inputs back to tests/corpora.
"""

import base64
import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).parents[1]
CORPORA = ROOT / "tests" / "corpora"
SCRATCH = ROOT / "var" / "fuzz"
GUIDED_BY: dict[str, tuple[str, ...]] = {
    "check": ("reputation.wire",),
    "batch": ("reputation.wire", "reputation.checkapi"),
    "settle": ("reputation.wire", "reputation.checkapi", "reputation.engine.leases"),
    "adapters": ("plugins", "reputation.wire"),
    "http1": ("reputation.listeners",),
    "http2": ("reputation.listeners.http2",),
    "hpack": ("reputation.listeners.http2",),
    "spoe": ("plugins",),
    "envoy": ("plugins",),
    "configuration": ("reputation.config",),
    "replay": ("reputation.engine", "reputation.wire"),
    "lists": ("geoip",),
    "databases": ("geoip",),
    "webhooks": ("reputation.admin.stripe", "reputation.wire"),
}
"""The packages of which a search follows the coverage, by target."""
LONGEST = 4096
MOST_KEPT = 60
"""Inputs of a target that are kept in the tree."""
MOST_BYTES = 700
"""Bytes of such an input."""


def guide() -> Any:
    """Return atheris; None where it cannot be had."""
    try:
        return importlib.import_module("atheris")
    except ImportError:
        return None


def kept(name: str) -> list[bytes]:
    """Inputs of a target that are kept in the tree."""
    file = CORPORA / f"{name}.json"
    return [base64.b64decode(one) for one in json.loads(file.read_text())] if file.exists() else []


def keep(name: str, inputs: list[bytes]) -> int:
    """Write inputs of a target into the tree: short and less short ones, as many as may be. Return how many."""
    fitting = sorted({one for one in inputs if len(one) <= MOST_BYTES}, key=lambda one: (len(one), one))
    chosen = fitting[:: max(-(-len(fitting) // MOST_KEPT), 1)]
    CORPORA.mkdir(exist_ok=True)
    lines = json.dumps([base64.b64encode(one).decode() for one in chosen], indent=0)
    (CORPORA / f"{name}.json").write_text(lines + "\n")
    return len(chosen)


def _laid_out(name: str, seeds: tuple[bytes, ...]) -> Path:
    """Write what is kept and the seeds as files, where the search finds them."""
    folder = SCRATCH / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate([*kept(name), *seeds]):
        (folder / f"kept-{number}").write_bytes(one)
    return folder


def _guided(atheris: Any, name: str, seconds: float, seed: int) -> None:
    """Search by coverage; ends the process."""
    with atheris.instrument_imports(include=list(GUIDED_BY[name])):
        target = importlib.import_module("benchmarks.fuzz_targets").TARGETS[name]
    folder = _laid_out(name, target.seeds)
    options = [f"-max_total_time={int(seconds)}", f"-seed={seed}", f"-max_len={LONGEST}", "-timeout=20"]
    options += [f"-artifact_prefix={SCRATCH}/{name}-", "-print_final_stats=1", "-verbosity=0", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], str(folder), *options], target.run)
    atheris.Fuzz()


def _unguided(name: str, seconds: float, seed: int) -> None:
    """Change inputs at random; a finding ends the process with code 1."""
    from benchmarks.fuzzing import Dice, mutated  # noqa: PLC0415 - not under instrumentation

    target = importlib.import_module("benchmarks.fuzz_targets").TARGETS[name]
    dice, inputs, runs, end = Dice(seed), [*kept(name), *target.seeds], 0, time.monotonic() + seconds
    while time.monotonic() < end:
        data = bytes(mutated(dice, dice.choice(inputs), dice.randint(0, 6)))[:LONGEST]
        try:
            target.run(data)
        except Exception as error:  # noqa: BLE001 - whatever comes out is a finding
            print(f"{name}: found after {runs:,} inputs (seed {seed}): {error!r}\n{data!r}")
            sys.exit(1)
        runs += 1
    print(f"{name}: {runs:,} inputs in {seconds:g} s, seed {seed}, without coverage; nothing found")


@click.command()
@click.argument("target")
@click.option("--seconds", default=30.0, show_default=True, help="How long to look.")
@click.option("--seed", default=1, show_default=True, help="Start of the random numbers.")
@click.option("--keep", "keeps", is_flag=True, help="Only write some of the inputs found so far into tests/corpora.")
def main(target: str, seconds: float, seed: int, *, keeps: bool) -> None:
    """Look for bytes that a parser cannot bear."""
    atheris = guide()
    if keeps:
        found = [one.read_bytes() for one in (SCRATCH / target).iterdir()]
        print(f"{target}: {keep(target, found)} of {len(found)} inputs are kept")
    elif atheris is None:
        _unguided(target, seconds, seed)
    else:
        _guided(atheris, target, seconds, seed)


if __name__ == "__main__":
    main()
