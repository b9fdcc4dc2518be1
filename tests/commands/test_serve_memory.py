"""What an empty sidecar and its linker carry along: each module that only one of them needs is in that one alone."""

import subprocess
import sys
from pathlib import Path

import pytest
from sidecar_process import running_sidecar, wait_for

from geoip.lists import compile_lists

pytestmark = pytest.mark.slow

CARRIED = """
import importlib, sys
for name in sys.argv[1].split():
    importlib.import_module(name)
print(*[name for name in sys.argv[2].split() if name in sys.modules])
"""
ALL_REPLICAS = "reputation.commands.serve reputation.replicas.checks reputation.replicas.linking"


@pytest.mark.parametrize(
    ("modules", "without"),
    [
        (ALL_REPLICAS, "numpy scipy sklearn reputation.hydra.linker rich pygments netaddr mmdb_writer"),
        ("reputation.commands.serve", "reputation.replicas.checks redis"),
        (
            "reputation.linking.worker reputation.linking.host",
            "reputation.engine reputation.config reputation.state geoip plugins yaml asyncio ssl click",
        ),
    ],
    ids=["sidecar", "without replicas", "linker"],
)
def test_a_process_imports_nothing_that_only_others_need(modules, without):
    done = subprocess.run([sys.executable, "-c", CARRIED, modules, without], capture_output=True, text=True, check=True)
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
    assert ["numpy" in one for one in maps[1:]] == [True]  # the linker's process, and no third one


def children_of(pid):
    """Processes that any thread of this one started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(one) for children in lists for one in children.read_text().split()]
