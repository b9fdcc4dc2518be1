"""Run systems on worlds: the product as a command over files, the baselines in this process; keep what they scored."""

import contextlib
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.hydra import closed_loop, scoring, truth, worlds
from benchmarks.hydra.baselines import BASELINES, replay
from benchmarks.hydra.product import Product
from benchmarks.hydra.scoring import Report
from benchmarks.hydra.world import Spec, make, stream

NO_HYDRA = "none"
PRODUCT = "headcount"


class System(Struct, frozen=True):
    """A name for the table and a command line with {world} and {verdicts} in it."""

    name: str
    command: str


class Result(Struct, frozen=True):
    """One system on one world.

    seconds: wall clock. peak_mb: largest resident set of a command, 0 in this process. reaction: how the hydra
    answered its denials, empty where it did not see them.
    """

    system: str
    world: Spec
    lines: int
    seconds: float
    peak_mb: float
    report: Report
    reaction: str = ""

    @property
    def level(self) -> str:
        return "+".join(self.world.levels) or NO_HYDRA


def load(path: Path) -> list[Result]:
    """Results as `append` wrote them, in order; none if there is no such file. A last line cut short is left out."""
    if not path.exists():
        return []
    *whole, _ = path.read_bytes().split(b"\n")
    return [msgspec.json.decode(line, type=Result) for line in whole]


def append(path: Path, results: Sequence[Result]) -> None:
    """Add results to a file of JSON lines at once, so that a run that is cut short can go on where it was."""
    with path.open("ab") as out:
        out.write(b"".join(msgspec.json.encode(result) + b"\n" for result in results))


class Failed(Exception):
    """A system's command did not end well: its name, exit status and the end of what it said."""


def default_system(config: Path | None = None) -> System:
    """The product installed next to this Python."""
    command = shlex.quote(str(Path(sys.executable).with_name("headcount")))
    options = f" --config {shlex.quote(str(config))}" if config else ""
    return System(PRODUCT, f"{command} replay{options} {{world}} --out {{verdicts}}")


def without(part: str, config: Path) -> System:
    """The product with one detector or family of evidence switched off, by a configuration file written for it."""
    config.write_text(f"tenants:\n  default:\n    linking:\n      without: [{part}]\n", encoding="utf-8")
    return System(f"without {part}", default_system(config).command)


def specs(
    levels: Sequence[str], views: Sequence[str], seeds: Sequence[int], sizes: Sequence[int], like: Spec
) -> Iterator[Spec]:
    """Every combination; a world has a fifth as many heads as honest accounts, unless `like` has its own number."""
    for size in sizes:
        heads = like.heads if size == like.honest else size // 5
        for view in views:
            for level in levels:
                for seed in seeds:
                    picked = () if level == NO_HYDRA else tuple(level.split("+"))
                    yield msgspec.structs.replace(
                        like, levels=picked, view=view, seed=seed, honest=size, heads=heads if picked else 0
                    )


def _spawn(command: str, log: Path) -> tuple[int, float]:
    """(exit status, peak memory in MB) of a command; its standard error goes to the log."""
    with log.open("wb") as errors:
        child = subprocess.Popen(shlex.split(command), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, usage.ru_maxrss / 1024


def verdicts_of(system: System, lines: Path) -> tuple[Path, float]:
    """Let a system judge a file of lines: its verdicts in the same folder, and its peak memory in MB. Raises Failed."""
    verdicts, log = lines.with_suffix(".verdicts"), lines.with_suffix(".log")
    command = system.command.format(world=shlex.quote(str(lines)), verdicts=shlex.quote(str(verdicts)))
    status, peak = _spawn(command, log)
    if status:
        raise Failed(f"{system.name} ended with {status}: {log.read_text(errors='replace')[-2000:]}")
    return verdicts, peak


def _of_command(system: System, spec: Spec, lines: Path, count: int) -> Result:
    begun = time.perf_counter()
    verdicts, peak = verdicts_of(system, lines)
    took = time.perf_counter() - begun
    with lines.open("rb") as asked, verdicts.open("rb") as answered:
        report = scoring.score(truth.read(truth.beside(lines)), asked, answered)
    verdicts.unlink()
    return Result(system.name, spec, count, took, peak, report)


def _of_baseline(name: str, spec: Spec, lines: Path, count: int) -> Result:
    begun = time.perf_counter()
    with lines.open("rb") as asked:
        judged = replay(map(msgspec.json.decode, asked), BASELINES[name]())
        report = scoring.judge(truth.read(truth.beside(lines)), judged)
    return Result(name, spec, count, time.perf_counter() - begun, 0.0, report)


def run(spec: Spec, systems: Sequence[System], baselines: Sequence[str]) -> list[Result]:
    """Write a world to a temporary folder and let every system judge it. Failed: a command did not end well."""
    with tempfile.TemporaryDirectory(prefix="hydra-") as folder:
        lines = Path(folder) / "world.jsonl"
        world = make(spec)
        truth.write(world, truth.beside(lines))
        count = worlds.write(stream(world), lines)
        del world
        found = [_of_command(system, spec, lines, count) for system in systems]
        return found + [_of_baseline(name, spec, lines, count) for name in baselines]


def run_reacting(spec: Spec, reaction: str, names: Sequence[str], config: Path | None = None) -> list[Result]:
    """Let a hydra that reacts play against the product (`headcount` among the names) and baselines, in this process."""
    return [_reacting(spec, reaction, name, config) for name in names]


def _reacting(spec: Spec, reaction: str, name: str, config: Path | None) -> Result:
    begun = time.perf_counter()
    if name == PRODUCT:
        with contextlib.closing(Product(config)) as product:
            report = closed_loop.run(make(spec), product, closed_loop.REACTIONS[reaction])
    else:
        report = closed_loop.run(make(spec), BASELINES[name](), closed_loop.REACTIONS[reaction])
    took = time.perf_counter() - begun
    return Result(name, spec, report.honest_checks + report.hydra_checks, took, 0.0, report, reaction)


def run_all(
    chosen: Sequence[Spec], systems: Sequence[System], baselines: Sequence[str], jobs: int, first: str
) -> Iterator[list[Result]]:
    """Results world by world, in order. The baselines see no facts, so they run in the `first` view alone."""
    extra = [baselines if spec.view == first else () for spec in chosen]
    if jobs == 1:
        yield from (run(spec, systems, names) for spec, names in zip(chosen, extra, strict=True))
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run, chosen, [systems] * len(chosen), extra)
