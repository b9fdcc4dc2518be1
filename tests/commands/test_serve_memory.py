"""What an empty sidecar and its linker carry along: each module that only one of them needs is in that one alone."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sidecar_process import running_sidecar, wait_for
from small_engine import limiter

from geoip.lists import compile_lists
from reputation.hydra.sightings import Known, Sighting
from reputation.linking.batches import batch_of
from reputation.linking.process import LinkerProcess
from reputation.linking.tenants import linker_settings

pytestmark = pytest.mark.slow

NOW = 1_790_000_000.0

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


def test_near_its_bound_a_sidecar_keeps_the_size_of_its_tables_and_still_answers(tmp_path):
    """The bound is as low as it may be beside what may fill up in a moment, so a few thousand accounts reach it."""
    settings = {"memory": {"sidecar": 536_870_912}, "http": {"buffered": 201_326_592}}
    with running_sidecar(tmp_path, settings) as found:
        number = 0

        def flooded():
            nonlocal number
            number += 500
            keys = [{"account": {"key": f"sk-{one}"}, "client": client(one)} for one in range(number - 500, number)]
            assert all(verdict["decision"] for verdict in found.ask(keys, "/v1/check/batch").json)
            return figure(found, "headcount_memory_full") == 1

        wait_for(flooded, "it is not full", found.process, found.log)
        before, crowded = figure(found, "headcount_strangers"), figure(found, "headcount_crowded_total")
        for _ in range(4):
            flooded()
        assert figure(found, "headcount_strangers") <= before + 1
        assert figure(found, "headcount_crowded_total") >= crowded + 1900
        assert figure(found, "headcount_memory_bound_bytes") == 536_870_912
        assert found.log.read_text().count('"memory_full"') == 1


def test_a_flood_of_notes_leaves_the_process_of_the_linker_within_its_bytes(addresses):
    """Accounts with facts, each with names of its own as long as they may be, and an epoch over them."""
    most, tenant = 268_435_456, limiter(addresses).tenant("default")
    process = LinkerProcess(memory=most)
    try:
        settings = linker_settings(tenant)
        for start in range(0, 30_000, 5000):
            notes = [note for number in range(start, start + 5000) for note in long_notes(number)]
            process.send(batch_of("default", settings, notes, NOW))
        process.send(batch_of("default", settings, [], NOW + 60, epoch=True))
        answer = process.receive()
        status = Path(f"/proc/{process.pid}/status").read_text()
        highest = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
    finally:
        process.close()
    assert answer.left_out > 10_000
    assert answer.used > 20_000_000
    assert highest < most


def long_notes(number):
    names = {name: f"{name}-{number}".ljust(250, "x") for name in ("device", "session", "user_agent")}
    content = tuple(f"{number:08x}{place:08x}" for place in range(8))
    host = f"11.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    sighting = Sighting(NOW, f"a{number}", host=host, net=f"{host}/24", asn=number, content=content, **names)
    return Known(f"a{number}", created_at=NOW - 60, card=f"card-{number}".ljust(250, "x")), sighting


def client(number):
    return {"ip": f"11.{number >> 8}.{number & 255}.1"}


def figure(sidecar, name):
    """The sum of a metric over its labels."""
    text = sidecar.tell("GET", "/metrics").body.decode()
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


def children_of(pid):
    """Processes that any thread of this one started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(one) for children in lists for one in children.read_text().split()]
