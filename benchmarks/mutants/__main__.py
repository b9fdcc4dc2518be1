"""Change the core a little, one change at a time, and see whether the tests notice: `make mutants`.

    python -m benchmarks.mutants [--count 300] [--seed 1] [--jobs 2] [MODULE …]

It works on copies of the tree, without compiled modules, so the checkout stays as it is. A run of the unchanged copy
comes first. Programs that a test starts run the change too. Changes that were looked at and cannot be noticed are in
harmless.toml, with the reason, and do not count.

Written for this: mutmut 3 leaves module-level constants and statements alone and draws no sample; cosmic-ray works on
the checkout itself, leaves no statement out, and starts the whole of pytest again for each change, which takes longer
than most of the runs here.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from benchmarks.mutants.changes import Change, changes
from benchmarks.mutants.selection import TESTS

ROOT = Path(__file__).parents[2]
COPIED = ("reputation", "geoip", "plugins", "benchmarks", "tests", "examples", "pyproject.toml", "setup.py")
PATIENCE = 5.0
"""A change that makes the tests take so many times longer has been noticed."""
LEAST = 60.0
HARMLESS = Path(__file__).with_name("harmless.toml")
OPTIONS = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore", "-m", "not long")


class Mutant(NamedTuple):
    """A change to one module."""

    module: str
    change: Change


def candidates(modules: Sequence[str]) -> Iterator[Mutant]:
    for module in modules:
        for change in changes((ROOT / module).read_bytes()):
            yield Mutant(module, change)


def harmless() -> dict[str, dict[str, str]]:
    """Read the harmless changes: by module, the change's name and the reason."""
    return tomllib.loads(HARMLESS.read_text(encoding="utf-8")) if HARMLESS.exists() else {}


class Copy:
    """A copy of the tree, to make and undo one change at a time."""

    def __init__(self, place: Path, of: Path = ROOT) -> None:
        self.root = place
        self._tried = 0
        skipped = shutil.ignore_patterns("*.so", "node_modules", ".venv*", *(["*.pyc"] if of == ROOT else []))
        for name in COPIED:
            if (of / name).is_dir():
                shutil.copytree(of / name, place / name, ignore=skipped)
            else:
                shutil.copy2(of / name, place / name)

    def result(self, mutant: Mutant, within: float) -> int:
        """Run the tests with a change; 0: none of them notices it, -1: they take too long, and count as noticed."""
        path = self.root / mutant.module
        source = path.read_bytes()
        kept = path.stat()
        try:
            path.write_bytes(mutant.change.apply(source))
            self._tried += 1  # a time of its own, so that no compiled form of another change is taken for this one's
            os.utime(path, (kept.st_atime, kept.st_mtime + 1000 + self._tried))
            return self.run(mutant.module, within)
        finally:
            path.write_bytes(source)
            os.utime(path, (kept.st_atime, kept.st_mtime))

    def run(self, module: str, within: float, *, cached: bool = True) -> int:
        """Run the tests of a module; 0 if they pass, -1 if they take too long."""
        child = os.fork()
        if child == 0:
            self._be_pytest(module, cached=cached)
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return -1

    def _be_pytest(self, module: str, *, cached: bool) -> None:
        """Run in the child; the parent has imported third-party modules already."""
        os.setpgid(0, 0)
        os.chdir(self.root)
        with (self.root / "output.txt").open("wb") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        sys.dont_write_bytecode = cached
        os.environ["PYTHONPATH"] = str(self.root)  # programs that the tests start are of this copy too
        for name in [name for name in sys.modules if name.partition(".")[0] in ("benchmarks", "reputation", "geoip")]:
            del sys.modules[name]
        sys.path[:] = [str(self.root), *[entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]]
        import pytest  # noqa: PLC0415 - the parent has it

        files = [name for name in TESTS[module] if (self.root / name).exists()]
        os._exit(int(pytest.main([*OPTIONS, "--rootdir", str(self.root), *files])))


def warm() -> None:
    """Import the third-party modules of every test."""
    import hypothesis  # noqa: F401, PLC0415
    import msgspec  # noqa: F401, PLC0415
    import numpy as np  # noqa: F401, PLC0415
    import prometheus_client  # noqa: F401, PLC0415
    import pytest  # noqa: F401, PLC0415


def baselines(copy: Copy, modules: Sequence[str]) -> dict[str, float]:
    """Seconds of each module's tests without a change; their imports are compiled meanwhile."""
    found = {}
    for module in modules:
        begun = time.monotonic()
        status = copy.run(module, 1000.0, cached=False)
        found[module] = time.monotonic() - begun
        if status:
            words = (copy.root / "output.txt").read_text(encoding="utf-8", errors="replace")
            sys.exit(f"{module}: its tests fail without any change:\n{words[-3000:]}")
        print(f"{module}: {found[module]:.1f} s", file=sys.stderr, flush=True)
    return found


def judge(mutants: Sequence[Mutant], copies: Sequence[Copy], within: dict[str, float]) -> list[int]:
    """Return the result of each mutant, several at a time."""
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def one(mutant: Mutant) -> int:
        copy = free.get()
        try:
            result = copy.result(mutant, within[mutant.module])
        finally:
            free.put(copy)
        shown = f"\n{mutant.module}:{mutant.change.line} {mutant.change.name}\n"
        mark = "." if result > 0 else "t" if result < 0 else shown
        print(mark, end="", file=sys.stderr, flush=True)
        return result

    with ThreadPoolExecutor(len(copies)) as pool:
        return list(pool.map(one, mutants))


def report(mutants: Sequence[Mutant], results: Sequence[int]) -> None:
    """Print the share noticed by module and in all, and each unnoticed change."""
    noticed = [result != 0 for result in results]
    print(f"\n{results.count(-1)} of those noticed took too long")
    print("\n| module | changes | noticed |\n| --- | --- | --- |")
    for module in sorted({mutant.module for mutant in mutants}):
        shown = [one for mutant, one in zip(mutants, noticed, strict=True) if mutant.module == module]
        print(f"| {module} | {len(shown)} | {sum(shown)} |")
    print(f"| all | {len(mutants)} | {sum(noticed)}, {sum(noticed) / max(len(mutants), 1):.1%} |\n")
    for mutant, one in zip(mutants, noticed, strict=True):
        if not one:
            print(f"{mutant.module}:{mutant.change.line} {mutant.change.name}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__.splitlines()[0])
    parser.add_argument(
        "modules", nargs="*", default=[*TESTS], metavar="MODULE", help="modules to change; default: all"
    )
    parser.add_argument("--count", type=int, default=300, help="changes that are tried; 0: all")
    parser.add_argument("--seed", type=int, default=1, help="which of them")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    wanted = parser.parse_args()
    known = harmless()
    every = [m for m in candidates(wanted.modules) if m.change.name not in known.get(m.module, {})]
    chosen = sorted(random.Random(wanted.seed).sample(every, min(wanted.count or len(every), len(every))))
    left_out = sum(map(len, known.values()))
    print(f"{len(chosen)} of {len(every)} changes, seed {wanted.seed}; {left_out} are known as harmless")
    warm()
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        first = Copy(Path(place) / "0")
        took = baselines(first, sorted({mutant.module for mutant in chosen}))
        copies = [first, *[Copy(Path(place) / str(number), first.root) for number in range(1, wanted.jobs)]]
        within = {module: max(LEAST, PATIENCE * seconds) for module, seconds in took.items()}
        report(chosen, judge(chosen, copies, within))


if __name__ == "__main__":
    main()
