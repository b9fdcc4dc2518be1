"""requirements/python: the environment is made from a Python that is measured to be fast."""

import stat
import subprocess
import sys

import pytest

from tools.rooms import ROOT

CHOOSE = ROOT / "requirements" / "python"


def python(folder, speed, *, new=True, headers=True):
    """A program that answers as a Python of that many milliseconds does."""
    folder.mkdir()
    path = folder / "python3"
    path.write_text(
        f'#!/bin/sh\ncase "$2" in --measure) echo {speed} ;; *) printf "%s\\n" {new} {path} {headers} ;; esac\n',
        encoding="utf-8",
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def chosen(*paths):
    search = ":".join(str(path.parent) for path in paths)
    done = subprocess.run(
        [sys.executable, CHOOSE], env={"PATH": search}, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip(), done.stderr


def test_a_python_that_is_clearly_faster_is_taken_and_said(tmp_path):
    slow, fast = python(tmp_path / "a", 5.0), python(tmp_path / "b", 3.0)
    path, said = chosen(slow, fast)
    assert path == str(fast)
    assert f"{slow}: 5.0 ms for a fixed piece of work; not taken" in said
    assert f"{fast}: 3.0 ms for a fixed piece of work; taken" in said


def test_the_first_of_two_alike_is_taken(tmp_path):
    first, second = python(tmp_path / "a", 5.0), python(tmp_path / "b", 4.8)
    assert chosen(first, second)[0] == str(first)


@pytest.mark.parametrize("lacks", [{"new": False}, {"headers": False}])
def test_a_fast_python_that_is_too_old_or_cannot_compile_is_not_taken(tmp_path, lacks):
    fast, slow = python(tmp_path / "a", 3.0, **lacks), python(tmp_path / "b", 5.0)
    assert chosen(fast, slow)[0] == str(slow)


def test_without_any_the_name_is_left_to_fail_with_its_own_message(tmp_path):
    assert chosen(python(tmp_path / "a", 3.0, new=False))[0] == "python3"


def test_this_python_is_measured():
    done = subprocess.run([sys.executable, CHOOSE, "--measure"], check=True, capture_output=True, text=True, timeout=60)
    assert float(done.stdout) > 0
