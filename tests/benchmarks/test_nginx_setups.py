"""The nginx configurations that are measured are those that are shipped, or the same without Headcount."""

import subprocess
from pathlib import Path

import pytest

from benchmarks import nginx_setups as setups

pytestmark = pytest.mark.gateway


@pytest.mark.parametrize("name", ["plain", "idle", "leases", "lean", "auth_request"])
def test_nginx_takes_each_configuration_that_is_measured(name: str, tmp_path: Path) -> None:
    text = setups.configured(setups.texts()[name], listen=setups.free_port(), sidecar=1, api=2)
    command = setups.nginx(tmp_path, name, text)
    done = subprocess.run([*command, "-t"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_plain_one_has_no_trace_of_headcount_and_the_idle_one_asks_nothing() -> None:
    texts = setups.texts()
    told = [line for line in texts["plain"].splitlines() if not line.lstrip().startswith("#")]
    assert not [line for line in told if "headcount" in line.lower()]
    assert "headcount_access()" not in texts["idle"]
    assert 'proxy_set_header Connection      "";' in texts["plain"]


def test_the_lean_one_tells_nothing_and_still_drops_what_a_client_or_the_api_writes() -> None:
    lean = setups.texts()["lean"]
    assert "$headcount_verdict" not in lean
    assert "add_header" not in lean
    assert 'proxy_set_header X-Headcount-Tier    "";' in lean
    assert "proxy_hide_header X-Headcount-Tier;" in lean
