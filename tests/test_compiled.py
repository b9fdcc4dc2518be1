"""The compiled heart: which modules, of which sources, and that compiling changed nothing that we rely on."""

import ast
import gc
import importlib.machinery
import importlib.metadata
import re
import runpy
from pathlib import Path

import pytest

from reputation.engine.identity import Who
from reputation.limits.bucket import Bucket, Limit
from reputation.limits.take import Ask, Charge, Taken
from reputation.scoring.risk import Score
from reputation.signals.seen import Seen
from reputation.state.crowds import Row

ROOT = Path(__file__).parents[1]
COMPILED = runpy.run_path(str(ROOT / "setup.py"), run_name="not a build")["COMPILED"]


def compiled_form(source: Path) -> Path | None:
    forms = (source.with_name(source.stem + suffix) for suffix in importlib.machinery.EXTENSION_SUFFIXES)
    return next((form for form in forms if form.exists()), None)


@pytest.mark.parametrize("module", COMPILED)
def test_a_compiled_module_is_of_its_present_source(module):
    form = compiled_form(ROOT / module)
    assert form is None or form.stat().st_mtime >= (ROOT / module).stat().st_mtime, "run make setup or make interpreted"


@pytest.mark.parametrize("module", COMPILED)
def test_a_compiled_module_gives_no_options_that_mypyc_drops(module):
    """What a class says by keyword is lost when mypyc makes it; `frozen` may be repeated for mypy's sake."""
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.ClassDef):
            assert "Struct" not in [ast.unparse(base) for base in node.bases], node.name
            assert {keyword.arg for keyword in node.keywords} <= {"frozen"}, node.name


def test_what_compiles_has_the_types_of_the_libraries_that_it_imports():
    """A fresh `make setup` and the image install no test.lock, and mypyc refuses an import without types."""
    imported = {
        name.partition(".")[0]
        for module in COMPILED
        for name in re.findall(r"^(?:from|import) (\w[\w.]*)", (ROOT / module).read_text(), re.MULTILINE)
    }
    pinned = (ROOT / "requirements" / "compile.lock").read_text()
    stubs = [found for found in importlib.metadata.distributions() if found.name.startswith("types-")]
    needed = {
        found.name.lower()
        for found in stubs
        if any(str(path).startswith(tuple(f"{name}-stubs/" for name in imported)) for path in found.files or ())
    }
    assert "types-protobuf" in needed
    assert {name for name in needed if f"\n{name}==" not in pinned} == set()


@pytest.mark.parametrize("kind", [Ask, Bucket, Charge, Limit, Row, Score, Seen, Taken, Who])
def test_plain_value_types_have_no_dict_in_either_form(kind):
    """A dict for each account would cost more than the account."""
    assert getattr(kind, "__dictoffset__", 0) == 0


def test_what_a_million_accounts_have_is_nothing_to_the_compiled_garbage_collector():
    kept = [Row(), Bucket(1.0, 0.0, Limit(1.0, 1.0)), Limit(1.0, 1.0)]
    assert compiled_form(ROOT / "reputation/limits/bucket.py") is None or not any(map(gc.is_tracked, kept))
