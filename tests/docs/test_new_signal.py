"""docs/architecture.md, "Add a family of evidence": a newcomer with the page alone succeeds."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import structs

from reputation.config.families import DECLARATIONS
from reputation.signals.seen import Seen

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## Add a family of evidence\n(.*?)^## ", PAGE, re.DOTALL | re.MULTILINE)[1]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE)
TABLE_ROW = re.compile(r"^\| `(\w+)` \| (.*)$", re.MULTILINE)


@pytest.fixture
def folder(tmp_path):
    """A folder outside the tree with the files of the page, and `headcount` on the path."""
    for kind, block in BLOCKS:
        if kind != "sh":
            file = tmp_path / block.partition("\n")[0].removeprefix("# ")
            file.parent.mkdir(exist_ok=True)
            file.write_text(block, encoding="utf-8")
    (tmp_path / "programs").mkdir()
    for name, options in (("python", ""), ("headcount", "-m reputation")):
        program = tmp_path / "programs" / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {options} "$@"\n')
        program.chmod(0o755)
    return tmp_path


def run(folder, script):
    env = {**os.environ, "PATH": f"{folder / 'programs'}:{os.environ['PATH']}"}
    shell = ["sh", "-e", "-c", script]
    return subprocess.run(shell, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_the_page_s_module_test_and_configuration_work_as_they_are(folder):
    (script,) = [block for kind, block in BLOCKS if kind == "sh"]
    done = run(folder, script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert re.search(r"scripted_mail \S \+0\.500 ", done.stdout), done.stdout


def test_the_page_s_test_can_fail(folder):
    module = folder / "acme" / "scripted_mail.py"
    module.write_text(module.read_text().replace("curl/", "wget/"))
    done = run(folder, "PYTHONPATH=. python -m pytest -q test_scripted_mail.py")
    assert "1 failed, 1 passed" in done.stdout


def test_the_page_says_what_each_field_and_constant_is():
    names = [name for name, _ in TABLE_ROW.findall(SECTION)]
    assert names == [*DECLARATIONS, *(field.name for field in structs.fields(Seen))]
    rows = dict(TABLE_ROW.findall(SECTION))
    for name in ("client", "request", "marks"):
        members = re.search(r": (`.*?`)(?: \(|;| \|)", rows[name])[1].replace("`", "").split(", ")
        kind = next(field.type for field in structs.fields(Seen) if field.name == name)
        assert tuple(members) == (getattr(kind, "__struct_fields__", None) or kind._fields), name
