"""The same engine on recorded time: one verdict line for each check line, whatever else is between."""

import json

import pytest
from small_engine import NOW, PROVEN, limiter

from reputation.engine.replay import BadLine, Replay


@pytest.fixture
def replay(addresses):
    """A function from lines (objects, or bytes as they are) to verdicts; keeps the last run as `replay.last`."""

    def run(*lines, skip_bad=False, reasons=True, ticks=None, tenants=None):
        tick = ticks.append if ticks is not None else lambda _: None
        run.last = Replay(limiter(addresses, **(tenants or {})), tick, reasons=reasons, skip_bad=skip_bad)
        encoded = (line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
        return [json.loads(line) for line in run.last.run(encoded)]

    return run


def at(seconds, account="a", **members):
    return {"at": NOW + seconds, "account": {"id": account}, **members}


def test_only_checks_get_a_verdict_and_in_order(replay):
    found = replay(
        at(0, "a"),
        {"kind": "account", "at": NOW, "id": "b", **PROVEN},
        {"kind": "check", **at(1, "b")},
        {"kind": "outcome", "at": NOW + 2, "account": "b", "outcome": "good"},
        b"\n",
        at(3, "b"),
    )
    signals = [{reason["signal"] for reason in verdict["reasons"]} for verdict in found]
    assert signals[0] == {"prior"}
    assert "settled" in signals[1]
    assert "outcomes_for" in signals[2]
    summary = replay.last.summary
    assert (summary.lines, summary.checks, summary.accounts, summary.outcomes) == (6, 3, 1, 1)
    assert summary.decisions == {"allow": 3}


def test_the_clock_is_each_lines_own(replay):
    """Twenty at once, none left; an hour later as many again."""
    found = replay(*[at(0)] * 21, *[at(3600)] * 21)
    assert [verdict["decision"] for verdict in found].count("throttle") == 2
    assert found[20]["retry_after"] == 0.5


def test_time_that_goes_backwards_stands_still(replay):
    ticks = []
    found = replay(*[at(10)] * 20, at(5), at(10.5), ticks=ticks)
    assert [verdict["decision"] for verdict in found[-2:]] == ["throttle", "allow"]
    assert ticks == [NOW + 10, NOW + 10.5]


def test_ids_come_from_the_lines(replay):
    """Two runs name their verdicts alike, in the order of their lines, and each differently."""
    lines = [at(i) for i in range(50)]
    first, second = replay(*lines), replay(*lines)
    ids = [verdict["id"] for verdict in first]
    assert first == second
    assert ids == sorted(ids)
    assert len(set(ids)) == 50


def test_reasons_are_left_out_unless_they_are_wanted(replay):
    assert replay(at(0), reasons=False)[0]["reasons"] == []
    assert replay(at(0))[0]["reasons"] != []


def test_tenants_are_apart(replay):
    lines = [at(0, tenant="one")] * 21 + [at(0, tenant="two")]
    found = replay(*lines, tenants={"one": {}, "two": {}})
    assert [verdict["decision"] for verdict in found[-2:]] == ["throttle", "allow"]


def test_seconds_and_rfc_3339_are_the_same_time(replay):
    first = replay(*[{"at": "2026-10-01T00:00:00Z", "account": {"id": "a"}}])
    second = replay(*[{"at": 1790812800, "account": {"id": "a"}}])
    assert first == second


BAD = {
    "no JSON": (b"{\n", None, ""),
    "no time": ({"account": {"id": "a"}}, "needs a time", "/at"),
    "nobody": ({"at": NOW}, "account.id", "/account"),
    "an unknown kind": ({"kind": "acount", "at": NOW, "id": "a"}, "known are check, account, outcome", "/kind"),
    "facts of nobody": ({"kind": "account", "at": NOW}, "`id`", "/id"),
    "facts without time": ({"kind": "account", "id": "a"}, "`at`", "/at"),
    "an unknown outcome": (
        {"kind": "outcome", "at": NOW, "account": "a", "outcome": "fine"},
        "chargeback, declined, abuse, good, challenge_passed, challenge_failed",
        "/outcome",
    ),
    "an outcome without time": ({"kind": "outcome", "account": "a", "outcome": "good"}, "needs a time", "/at"),
    "an unknown tenant": (at(0, tenant="x"), "no tenant is called", "/tenant"),
    "a line of 2 MB": (b'{"x": "' + b"x" * (2 << 20) + b'"}\n', "1048576 bytes", None),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_line_stops_with_its_number_or_has_an_error_in_its_place(replay, what):
    line, words, pointer = BAD[what]
    with pytest.raises(BadLine, match=r"^line 3") as refused:
        replay(at(0), at(1), line, at(2))
    assert refused.value.number == 3
    found = replay(at(0), at(1), line, at(2), skip_bad=True)
    assert ["error" in answer for answer in found] == [False, False, True, False]
    error = found[2]["error"]
    assert error["line"] == 3
    assert error.get("pointer") == pointer
    assert words is None or words in error["detail"]
    assert replay.last.summary.bad == 1


def test_a_key_of_another_account_is_a_bad_line_that_changes_nothing(replay):
    owner = {"kind": "account", "at": NOW, "id": "a", "keys": ["sk-1"], **PROVEN}
    thief = {"kind": "account", "at": NOW, "id": "b", "keys": ["sk-1"]}
    by_key = {"at": NOW, "account": {"key": "sk-1"}}
    found = replay(owner, thief, by_key, skip_bad=True)
    assert found[0]["error"]["pointer"] == "/keys/0"
    assert "settled" in {reason["signal"] for reason in found[1]["reasons"]}


@pytest.mark.parametrize("start", [0.0, 0.001])
def test_recorded_time_may_begin_at_zero(replay, start):
    """As simulated worlds do."""
    client = {"ip": "11.0.0.1", "device": "d"}
    lines = [{"at": start + i / 10, "account": {"id": "a", "plan": "free"}, "client": client} for i in range(30)]
    assert {verdict["decision"] for verdict in replay(*lines)} == {"allow", "throttle"}
