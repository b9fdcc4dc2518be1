"""One log line a verdict: sampled, bounded, off the request path, without names."""

import io
import json

import pytest
from engine import NOW, ask, request, tenant

from reputation.config import LogSettings
from reputation.decision_log import DecisionLog

SECRET = b"sixteen or more bytes"


class Closed(io.StringIO):
    """Standard error after its reader has gone."""

    def write(self, _):
        raise BrokenPipeError


@pytest.fixture
def noted(addresses):
    """A function that notes verdicts of one account, of which the first twenty pass, and gives the lines."""

    def note(settings, checks=40, sink=None):
        sink = sink or io.StringIO()
        log, engine = DecisionLog(settings, SECRET, sink), tenant(addresses)
        body = request({"account": {"id": "secret-name", "key": "sk-1"}, "client": {"ip": "11.0.0.1"}})
        for _ in range(checks):
            log.note(body, ask(engine, "secret-name", "11.0.0.1"), NOW)
        log.flush()
        return log, [json.loads(line) for line in sink.getvalue().splitlines()]

    return note


def test_stops_are_logged_and_what_passes_is_not_by_default(noted):
    log, lines = noted(LogSettings())
    assert [line["decision"] for line in lines] == ["throttle"] * 20
    assert (log.written, log.dropped) == (20, 0)


@pytest.mark.parametrize(
    ("allowed", "stopped", "least", "most"), [(1.0, 1.0, 400, 400), (0.0, 0.0, 0, 0), (0.0, 0.5, 120, 260)]
)
def test_shares_are_sampled(noted, allowed, stopped, least, most):
    log, lines = noted(LogSettings(decisions=allowed, stops=stopped, per_second=1e4), 400)
    assert least <= len(lines) == log.written <= most


def test_identifiers_are_keyed_hashes_unless_configured(noted):
    _, lines = noted(LogSettings())
    assert "secret-name" not in json.dumps(lines)
    assert "11.0.0.1" not in json.dumps(lines)
    _, lines = noted(LogSettings(plain_identifiers=True))
    assert (lines[0]["account"], lines[0]["address"]) == ("secret-name", "11.0.0.1")
    assert "sk-1" not in json.dumps(lines)


def test_a_flood_costs_lines_and_they_are_counted(noted):
    log, lines = noted(LogSettings(per_second=40), 220)
    assert len(lines) == 10  # what may be written until the next flush
    assert log.dropped == 190


def test_a_reader_who_has_gone_costs_lines_and_no_check(noted):
    log, _ = noted(LogSettings(), sink=Closed())
    assert log.written == 0


def test_closing_writes_what_is_waiting(addresses):
    sink = io.StringIO()
    log, engine = DecisionLog(LogSettings(decisions=1.0), SECRET, sink), tenant(addresses)
    log.start()
    log.note(request({"account": {"id": "a"}}), ask(engine, "a"), NOW)
    log.close()
    assert json.loads(sink.getvalue())["decision"] == "allow"
