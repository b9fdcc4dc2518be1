"""The sidecar of a recorded clock is the one that ships, with another time between epochs."""

import runpy
import sys

import pytest

from reputation.linking import exchange, live


def test_it_links_as_often_as_it_is_told_and_takes_the_commands_of_headcount(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(live, "EPOCH_EVERY", live.EPOCH_EVERY)
    monkeypatch.setattr(exchange, "SHARE_OF_CORE", exchange.SHARE_OF_CORE)
    monkeypatch.setattr(exchange, "SILENT", exchange.SILENT)
    monkeypatch.setattr(sys, "argv", ["headcount", "900", "serve", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("benchmarks.recorded_sidecar", run_name="__main__")
    assert ended.value.code == 0
    assert "--state" in capsys.readouterr().out
    assert live.EPOCH_EVERY == 900.0
