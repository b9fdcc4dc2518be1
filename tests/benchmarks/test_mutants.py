"""Small changes to the core: each compiles, each kind is there, and those known as harmless are in the sources."""

from pathlib import Path

import pytest

from benchmarks.mutants import __main__ as mutants
from benchmarks.mutants.__main__ import Copy, Mutant, candidates, harmless
from benchmarks.mutants.changes import changes
from benchmarks.mutants.selection import TESTS

ROOT = Path(__file__).parents[2]
SOURCE = b'''"""Words 1."""
LEAST: float = 3.0
__slots__ = ("a", "b")


class C(Struct, frozen=True, gc=False):
    __slots__ = ("a",)


def f(x: int = 2) -> bool:
    """Words 2."""
    if x < LEAST and not x == 1:
        x += 1
        print(x)
        return x is None
    return x in (4, -5)
'''


def test_each_kind_of_change_is_made_and_nothing_else_is_touched():
    said = [f"{change.before} -> {change.after}" for change in changes(SOURCE)]
    assert said == [
        "3.0 -> (3.75)",
        "False -> (True)",
        "2 -> (1)",
        "2 -> (3)",
        "x < LEAST -> (x <= LEAST)",
        "x < LEAST -> (x > LEAST)",
        "x < LEAST and not x == 1 -> (not (x < LEAST and (not x == 1)))",
        "x < LEAST and not x == 1 -> (x < LEAST or not x == 1)",
        "not x == 1 -> (x == 1)",
        "x == 1 -> (x != 1)",
        "1 -> (0)",
        "1 -> (2)",
        "x += 1 -> pass",
        "1 -> (0)",
        "1 -> (2)",
        "print(x) -> pass",
        "return x is None -> return None",
        "x is None -> (x is not None)",
        "return x in (4, -5) -> return None",
        "x in (4, -5) -> (x not in (4, -5))",
        "4 -> (3)",
        "4 -> (5)",
        "-5 -> (5)",
        "5 -> (4)",
        "5 -> (6)",
    ]


@pytest.mark.parametrize("module", TESTS)
def test_every_change_to_the_core_compiles_and_differs(module):
    source = (ROOT / module).read_bytes()
    found = changes(source)
    assert len(found) > 10
    for change in found:
        changed = change.apply(source)
        assert changed != source
        compile(changed, module, "exec")


def test_the_tests_that_are_run_exist():
    assert [name for names in TESTS.values() for name in names if not (ROOT / name).is_file()] == []


def test_what_is_known_as_harmless_is_a_change_that_could_be_drawn_and_has_its_reason():
    drawn = {(mutant.module, mutant.change.name) for mutant in candidates([*TESTS])}
    known = {(module, name): why for module, names in harmless().items() for name, why in names.items()}
    assert set(known) - drawn == set()
    assert all(known.values())


CORE = "def f():\n    return max(3, 1)\n"
STARTED = """import subprocess, sys


def test_f():
    subprocess.run([sys.executable, "-c", "import core; assert core.f() == 3"], cwd="/", check=True)
"""


def test_a_program_that_a_test_starts_runs_the_change_and_not_the_one_before(tmp_path, monkeypatch):
    """Changes of one size: the compiled form of one must not pass for the next."""
    tree, copy = tmp_path / "tree", tmp_path / "copy"
    (tree / "tests").mkdir(parents=True)
    (tree / "core.py").write_text(CORE)
    (tree / "tests" / "test_core.py").write_text(STARTED)
    copy.mkdir()
    monkeypatch.setattr(mutants, "COPIED", ("core.py", "tests"))
    monkeypatch.setattr(mutants, "TESTS", {"core.py": ("tests/test_core.py",)})
    copied = Copy(copy, tree)
    numbers = [change for change in reversed(changes(CORE.encode())) if change.before in ("1", "3")]
    results = {(one.before, one.after): copied.result(Mutant("core.py", one), 60.0) for one in numbers}
    assert results == {("1", "(0)"): 0, ("1", "(2)"): 0, ("3", "(2)"): 1, ("3", "(4)"): 1}
