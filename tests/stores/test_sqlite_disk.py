"""A real sidecar on a real small disk: it fills up, checks go on and say so, and what cannot be kept is refused."""

import json
import os
import shutil
import signal
import subprocess

import pytest
from ports import free_ports
from sidecar_process import HEADCOUNT, call, end, environment, is_ready, wait_for

pytestmark = pytest.mark.gateway

ACCOUNTS = 500


@pytest.fixture
def small_disk(tmp_path):
    """Start sidecars in a mount namespace of their own with a disk of 12 MB; its files are seen through /proc."""
    unshare = shutil.which("unshare")
    assert unshare, "util-linux is not installed"
    place, log = tmp_path / "disk", tmp_path / "sidecar.log"
    place.mkdir()
    check, admin = free_ports(2)
    command = (
        f"mount -t tmpfs -o size=12m none {place} && "
        f"exec {HEADCOUNT} serve --listen 127.0.0.1:{check} --admin 127.0.0.1:{admin} --state {place}/state.sqlite3"
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            [unshare, "--user", "--map-root-user", "--mount", "sh", "-c", command],
            env=environment(), stdout=output, stderr=output,
        )  # fmt: skip
    try:
        wait_for(lambda: is_ready(check), "no start", process, log)
        yield process, check, admin, log, f"/proc/{process.pid}/root{place}"
    finally:
        end(process)


def readiness(port):
    return call(port, "GET", "/readyz").json["degraded"]


def ask(port, account="a"):
    return call(port, "POST", "/v1/check", {"account": {"id": account}})


def put(port, number):
    return call(port, "PUT", f"/v1/accounts/pushed_{number}", {"plan": "paid"}).status


def test_a_full_disk_costs_no_check_and_what_it_cannot_keep_is_refused_and_not_kept_by_half(small_disk):
    process, check, admin, log, place = small_disk
    assert ask(check).json["degraded"] is False
    with open(f"{place}/ballast", "wb") as ballast:  # noqa: PTH123 - a place in another namespace
        room = os.statvfs(place).f_bavail * 4096
        ballast.write(b"\0" * (room - 40_960))
    statuses = [put(admin, number) for number in range(ACCOUNTS)]
    assert set(statuses) == {204, 503}
    refused = [number for number, status in enumerate(statuses) if status == 503]
    assert {call(admin, "GET", f"/v1/accounts/pushed_{number}").status for number in refused} == {404}
    wait_for(lambda: readiness(check), "never degraded", process, log)
    answer = ask(check)
    assert (answer.status, answer.json["decision"], answer.json["degraded"]) == (200, "allow", True)
    assert 'headcount_degraded{tenant="default"} 1.0' in call(admin, "GET", "/metrics").body.decode()
    away = [json.loads(line) for line in log.read_text().splitlines() if '"state_away"' in line]
    assert len(away) == 1
    assert away[0]["fix"] == "the disk is full; free some space"
    os.unlink(f"{place}/ballast")  # noqa: PTH108 - a place in another namespace
    wait_for(lambda: not readiness(check), "never recovered", process, log)
    assert ask(check).json["degraded"] is False
    assert {put(admin, number) for number in refused} == {204}
    os.kill(process.pid, signal.SIGSTOP)  # so that its disk stays there while the file is looked at
    try:
        shutil.copy(f"{place}/state.sqlite3", log.with_name("copy.sqlite3"))
        shutil.copy(f"{place}/state.sqlite3-wal", log.with_name("copy.sqlite3-wal"))
    finally:
        os.kill(process.pid, signal.SIGCONT)
    found = subprocess.run(
        [HEADCOUNT, "state", "check", "--json", "--state", str(log.with_name("copy.sqlite3"))],
        env=environment(), capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    assert json.loads(found.stdout)["tenants"]["default"]["accounts"] == ACCOUNTS + 1
