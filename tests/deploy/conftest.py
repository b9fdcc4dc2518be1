"""The metrics of a sidecar that runs."""

import urllib.request
from contextlib import contextmanager

import pytest
from sidecar_process import running_sidecar


@contextmanager
def asked(sidecar):
    """A sidecar that has answered a check has every series of it."""
    assert sidecar.ask({"account": {"id": "a"}, "client": {"ip": "203.0.113.7"}}).status == 200
    yield


@pytest.fixture(scope="session")
def metrics(tmp_path_factory):
    with (
        running_sidecar(tmp_path_factory.mktemp("metrics")) as running,
        asked(running),
        urllib.request.urlopen(f"http://127.0.0.1:{running.admin}/metrics", timeout=20) as answer,
    ):
        return answer.read().decode()
