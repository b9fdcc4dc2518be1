"""A gateway of the operator's own, with a listener of its own: the module that docs/gateways.md shows."""

import json
import re
import signal
import socket
from contextlib import contextmanager
from pathlib import Path

import pytest
from ports import free_ports
from sidecar_process import call, headcount, running_sidecar

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "gateways.md"
TWO = {"rate": 0.01, "burst": 2, "daily": 100}
SETTINGS = {"gateways": {"lines": "acme.lines"}, "tenants": {"default": {"unconfirmed": TWO}}}


@pytest.fixture
def module(tmp_path):
    """The page's module, in a place where Python finds it."""
    code = re.search(r"```python\n# acme/lines.py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "lines.py").write_text(code)
    return {"PYTHONPATH": str(tmp_path)}


def said(connection, line):
    connection.sendall(line)
    return connection.makefile("rb").readline()


@contextmanager
def connected(path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        yield connection


def test_the_module_on_the_page_serves_its_protocol(tmp_path, module):
    path = tmp_path / "lines.sock"
    extra = {**module, "HEADCOUNT_GATEWAY_LISTENER": f"lines=unix:{path}"}
    with running_sidecar(tmp_path, SETTINGS, extra=extra) as sidecar:
        assert call(sidecar.check, "GET", "/gateway/lines/default").status == 404, "it asks on its own listener alone"
        for no_line in (b"one\n", b"x" * 5000 + b"\n"):
            with connected(path) as connection:
                assert said(connection, no_line) == b"400\n"
        with connected(path) as connection:
            answers = [said(connection, b"default k1 203.0.113.9\n") for _ in range(3)]
            assert answers == [b"200\n", b"200\n", b"429\n"]
            assert said(connection, b"nobody k1 203.0.113.9\n") == b"404\n"
            sidecar.process.send_signal(signal.SIGTERM)
            assert connection.recv(1) == b"", "the end of the program ends the connection"
        assert sidecar.process.wait(15) == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("line", "instead", "fault"),
    [
        ("    return lines\n", "    return None\n", "has no function drain and metrics"),
        ("    def metrics(self)", "    def figures(self)", "has no function metrics"),
    ],
)
def test_a_listener_that_is_not_whole_is_refused(tmp_path, module, line, instead, fault):
    file = tmp_path / "acme" / "lines.py"
    file.write_text(file.read_text().replace(line, instead))
    (tmp_path / "headcount.json").write_text(json.dumps(SETTINGS))
    check, admin = free_ports(2)
    places = (f"--listen=127.0.0.1:{check}", f"--admin=127.0.0.1:{admin}", "--state=:memory:")
    given = (f"--config={tmp_path / 'headcount.json'}", f"--gateway-listener=lines=unix:{tmp_path / 'lines.sock'}")
    run = headcount("serve", *places, *given, extra=module)
    assert (run.returncode, fault in run.stderr.decode(), b"Traceback" in run.stderr) == (1, True, False), run.stderr


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("lines", "expected NAME=HOST:PORT"),
        ("lines=127.0.0.1:8474", "no gateway of this name has a listener"),
        ("caddy=127.0.0.1:8474", "caddy ships"),
    ],
)
def test_a_listener_that_cannot_be_is_refused(given, fault):
    check, admin = free_ports(2)
    places = (f"--listen=127.0.0.1:{check}", f"--admin=127.0.0.1:{admin}", "--state=:memory:")
    run = headcount("serve", *places, "--gateway-listener", given)
    assert (run.returncode, fault in run.stderr.decode(), b"Traceback" in run.stderr) == (1, True, False), run.stderr
