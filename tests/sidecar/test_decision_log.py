"""One log line a verdict: sampled, bounded, off the request path, without names."""

import io
import json

import pytest
from small_engine import NOW, ask, check, limiter, push, request, tenant

from reputation.config.file import LogSettings, Settings
from reputation.sidecar.build import parts_of
from reputation.sidecar.clock import Clock
from reputation.sidecar.decision_log import DecisionLog
from reputation.sidecar.running import Serving
from reputation.stores.memory import MemoryStore
from reputation.wire.ids import pseudonym

SECRET = b"sixteen or more bytes"


class Quiet:
    """A log that nobody reads."""

    def warning(self, *_, **__):
        return None


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


@pytest.mark.parametrize("plain", [True, False])
def test_a_check_by_key_is_logged_as_its_account_and_never_as_its_key(addresses, plain):
    """Else the lines of one account, asked about by id and by key, could not be put together."""
    settings = LogSettings(decisions=1.0, plain_identifiers=plain)
    sink = io.StringIO()
    engines = limiter(addresses)
    parts = parts_of(engines, MemoryStore(), Settings(log=settings), Clock(), Quiet())
    log = Serving(Settings(log=settings), parts, addresses, DecisionLog(settings, SECRET, sink), Quiet()).decisions
    engine = engines.tenant("default")
    push(engine, "acct", keys=["sk-1"])
    for account in ({"id": "acct"}, {"key": "sk-1"}, {"credentials": [{"key": "sk-1"}]}, {"key": "sk-2"}):
        log.note(request({"account": account}), check(engine, account=account), NOW)
    log.flush()
    by_id, by_key, by_credential, unknown = [json.loads(line)["account"] for line in sink.getvalue().splitlines()]
    assert by_id == by_key == by_credential == ("acct" if plain else pseudonym("acct", SECRET))
    assert unknown not in (by_id, None)
    assert "sk-" not in sink.getvalue()


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
