"""The folder of examples does what its page says: the generator makes the day, the commands print what is shown."""

import gzip
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PAGE = (EXAMPLES / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```(?:\n```text\n(.*?)```)?", PAGE, re.DOTALL)
TIMING = re.compile(r"in [\d.]+ s \([\d,]+/s\)")
HEADS = re.compile(r"^(acme head .* )([\d.]+)%$", re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that looks like the repository's root to the page's commands."""
    here = tmp_path_factory.mktemp("root")
    (here / "examples").symlink_to(EXAMPLES)
    (here / ".venv").symlink_to(sys.prefix)
    return here


def run(folder: Path, commands: str) -> str:
    """Run a block of the page as a shell would; both streams together."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HEADCOUNT_")}
    done = subprocess.run(
        ["sh", "-euc", commands], cwd=folder, env=environment, check=False, timeout=300,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def heads_stopped(text: str) -> float:
    found = HEADS.search(text)
    return float(found[2]) if found else 0.0


def test_the_day_is_what_the_generator_makes():
    made = "".join(runpy.run_path(str(EXAMPLES / "generate.py"))["day"]())
    assert made == gzip.decompress((EXAMPLES / "day.jsonl.gz").read_bytes()).decode()
    assert made.count("\n") == 20_000


def test_the_commands_of_the_page_print_what_the_page_shows(folder):
    """Blocks in order, as a reader runs them. Times are masked; what linking stops is a sum that libraries round."""
    assert len(BLOCKS) >= 4
    for commands, shown in BLOCKS:
        printed = run(folder, commands)
        if shown:
            assert heads_stopped(printed) == pytest.approx(heads_stopped(shown), abs=0.2)
            assert masked(printed) == masked(shown)


def masked(text: str) -> str:
    return HEADS.sub(r"\1…", TIMING.sub("in …", text))


def test_a_second_replay_gives_the_same_bytes(folder):
    command = ".venv/bin/headcount replay examples/day.jsonl.gz --config examples/linked.yaml --out "
    for name in ("one", "two"):
        run(folder, command + name)
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()
