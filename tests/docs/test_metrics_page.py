"""docs/metrics.md lists every metric that a sidecar has, and no other."""

import re

from sidecar_process import running_sidecar

from tools.metrics_page import render
from tools.rooms import ROOT

PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_the_page_is_up_to_date():
    assert render() == PAGE, "run: python -m tools.metrics_page > docs/metrics.md"


def test_every_metric_of_a_running_sidecar_is_on_the_page(tmp_path):
    with running_sidecar(tmp_path) as sidecar:
        sidecar.ask({"account": {"id": "a"}, "client": {"ip": "203.0.113.7"}})
        text = sidecar.tell("GET", "/metrics").body.decode()
    found = set(re.findall(r"^# TYPE (headcount_\w+)", text, re.MULTILINE))
    assert 'headcount_check_seconds_bucket{le="+Inf"} 1.0' in text
    assert re.search(r'headcount_build_info\{compiled="\w+",python="3[\d.]+",version="[\w.]+"\} 1.0', text)
    assert 'headcount_checks_total{decision="allow",mode="enforce",tenant="default",tier="standard"} 1.0' in text
    assert "process_resident_memory_bytes" in text
    assert len(found) > 60
    assert {name for name in found if f"`{name}`" not in PAGE} == set()
