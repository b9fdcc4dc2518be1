"""What the process that answers requests carries along: neither numpy nor the linker."""

import subprocess
import sys
from pathlib import Path

import pytest
from sidecar_process import running_sidecar, wait_for

from geoip.lists import compile_lists

pytestmark = pytest.mark.slow

CARRIED = """
import sys
import reputation.commands.serve, reputation.replicas.checks, reputation.replicas.linking
print(*[name for name in ("numpy", "scipy", "sklearn", "reputation.hydra.linker") if name in sys.modules])
"""


def test_the_command_imports_no_numpy():
    done = subprocess.run([sys.executable, "-c", CARRIED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_sidecar_that_serves_and_links_has_no_numpy_in_its_memory(tmp_path):
    """Embedded state, an address database of the operator's own, and links: the linker's process alone has numpy."""
    (tmp_path / "vpn.txt").write_text("203.0.113.0/24\n")
    database = tmp_path / "lists.mmdb"
    compile_lists([("vpn", tmp_path / "vpn.txt")], database, 1_790_812_800.0)
    settings = {"geoip": {"databases": [str(database)]}}
    extra = {"HEADCOUNT_STATE": str(tmp_path / "state.sqlite3")}
    with running_sidecar(tmp_path, settings, extra=extra) as found:
        for number in range(50):
            found.ask({"account": {"id": f"a{number}"}, "client": {"ip": "203.0.113.7"}})

        def has_linked():
            return b"headcount_linker_epochs_total 0.0" not in found.tell("GET", "/metrics").body

        wait_for(has_linked, "no epoch was linked", found.process, found.log)
        pids = [found.process.pid, *children_of(found.process.pid)]
        maps = [Path(f"/proc/{pid}/maps").read_text() for pid in pids]
    assert "numpy" not in maps[0]
    assert any("numpy" in one for one in maps[1:])  # so that the look at the first one could have failed


def children_of(pid):
    """Processes that any thread of this one started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(one) for children in lists for one in children.read_text().split()]
