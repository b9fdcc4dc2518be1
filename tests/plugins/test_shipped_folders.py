"""A gateway's folder without `read` or `answer` ends the program at its start, with the folder and the fault."""

import importlib
import subprocess
import sys

import pytest

from plugins.shipped import load_folders
from reputation.wire.errors import ConfigError

START = """
import plugins.caddy
del plugins.caddy.answer
from reputation.commands.cli import main
main()
"""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "has no function read and answer"),
        ("def read(message, tenant, settings): ...\n", "has no function answer"),
        ("answer = 1\ndef read(message, tenant, settings): ...\n", "has no function answer"),
        ("import no_such_module\n", "cannot be imported: No module named 'no_such_module'"),
    ],
)
def test_the_error_names_the_folder_and_what_is_missing(tmp_path, monkeypatch, text, fault):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "shelf" / "broken").mkdir(parents=True)
    (tmp_path / "shelf" / "broken" / "__init__.py").write_text(text)
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, "shelf.broken", raising=False)
    monkeypatch.delitem(sys.modules, "shelf", raising=False)
    with pytest.raises(ConfigError) as caught:
        load_folders(["broken"], "shelf")
    assert str(caught.value) == f"the gateway in the folder shelf/broken {fault}"


def test_the_program_ends_with_one_line():
    run = subprocess.run(
        [sys.executable, "-c", START, "serve"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "Error: the gateway in the folder plugins/caddy has no function answer\n"
