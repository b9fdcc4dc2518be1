"""What /readyz says of the linker is so: it runs, it was stopped, it was killed."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis_process import running_redis, until
from sidecar_process import running_sidecar


def linker_of(found):
    """The linker's process: the child whose command names its module."""
    tasks = Path(f"/proc/{found.process.pid}/task").glob("*/children")
    children = [int(pid) for one in tasks for pid in one.read_text().split()]
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    return next((pid for pid, line in lines.items() if b"reputation.linking.worker" in line), None)


def says(found, expected):
    return found.tell("GET", "/readyz").json["linker"] is expected


@pytest.mark.gateway
@pytest.mark.parametrize("shared", [False, True], ids=["embedded", "shared"])
def test_a_linker_that_is_stopped_or_killed_is_not_there_and_comes_back(tmp_path, shared):
    with ExitStack() as stack:
        state = stack.enter_context(running_redis(tmp_path)).url if shared else ":memory:"
        found = stack.enter_context(running_sidecar(tmp_path, extra={"HEADCOUNT_STATE": state}))
        until(lambda: linker_of(found) is not None and says(found, True), "no linker")
        first = linker_of(found)
        os.kill(first, signal.SIGSTOP)
        until(lambda: says(found, False), "a stopped linker is said to be there")
        assert found.ask({"account": {"id": "a"}}).status == 200
        os.kill(first, signal.SIGCONT)
        until(lambda: says(found, True), "a linker that goes on is not seen")
        assert linker_of(found) == first
        os.kill(first, signal.SIGKILL)
        until(lambda: says(found, True) and linker_of(found) not in (None, first), "no new linker")
        assert b"headcount_linker_restarts_total 1.0" in found.tell("GET", "/metrics").body


def test_a_sidecar_with_a_stopped_linker_ends_in_time(tmp_path):
    with running_sidecar(tmp_path, {"http": {"drain": 1}}) as found:
        until(lambda: linker_of(found) is not None and says(found, True), "no linker")
        linker = linker_of(found)
        os.kill(linker, signal.SIGSTOP)
        until(lambda: says(found, False), "a stopped linker is said to be there")
        found.process.send_signal(signal.SIGTERM)
        assert found.process.wait(15) == 0
        assert not Path(f"/proc/{linker}").exists()
