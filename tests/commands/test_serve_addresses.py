"""Address databases of a sidecar that runs for long: their age is noticed, said and weighed."""

import time

import pytest
from sidecar_process import running_sidecar, wait_for

from geoip.lists import compile_lists

DAY = 86_400
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


@pytest.fixture
def clock(tmp_path):
    """A file that says how far a process's clock is ahead, and the environment that makes it obey."""
    path = tmp_path / "clock"
    path.write_text("+0")
    return path, {
        "LD_PRELOAD": FAKETIME,
        "FAKETIME_TIMESTAMP_FILE": str(path),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def stale(found):
    return b"headcount_geoip_stale 1.0" in found.tell("GET", "/metrics").body


def proxy(found, account):
    reasons = found.ask({"account": {"id": account}, "client": {"ip": "203.0.113.7"}}).json["reasons"]
    return next(reason for reason in reasons if reason["signal"] == "proxy")


def test_a_database_that_grows_old_while_the_sidecar_runs_is_named_and_weighs_less(tmp_path, clock):
    """The clock goes on by years between two requests; a list of proxies from geoip build is good for one year."""
    path, environment = clock
    source, database = tmp_path / "proxies.txt", tmp_path / "lists.mmdb"
    source.write_text("203.0.113.0/24\n")
    compile_lists([("proxy", source)], database, time.time())
    settings = {"geoip": {"databases": [str(database)], "embedded": False}}
    with running_sidecar(tmp_path, settings, extra=environment) as found:
        assert not stale(found)
        assert proxy(found, "a") == {"signal": "proxy", "points": 0.6, "detail": "known proxy"}
        path.write_text(f"+{3 * 365 * DAY}")
        wait_for(lambda: stale(found), "nobody noticed", found.process, found.log)
        assert "geoip_stale" in found.log.read_text()
        assert proxy(found, "b") == {
            "signal": "proxy", "points": pytest.approx(0.15, abs=0.01),
            "detail": "known proxy; its database is stale, so this counts 24%",
        }  # fmt: skip
