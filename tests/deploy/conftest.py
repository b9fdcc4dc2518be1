"""The metrics of a sidecar that runs."""

import urllib.request

import pytest
from sidecar_process import running_sidecar


@pytest.fixture(scope="session")
def metrics(tmp_path_factory):
    with (
        running_sidecar(tmp_path_factory.mktemp("metrics")) as running,
        urllib.request.urlopen(f"http://127.0.0.1:{running.admin}/metrics", timeout=20) as answer,
    ):
        return answer.read().decode()
