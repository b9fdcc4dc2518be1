"""The cost of bounds and damage is shown: each counter that the program keeps of a loss has a metric, and its page."""

import sys
from pathlib import Path

import pytest

from geoip.book import AddressBook
from reputation.config.file import DEFAULT
from reputation.sidecar.build import build, empty_state, parts_of
from reputation.sidecar.clock import Clock
from reputation.sidecar.decision_log import DecisionLog
from reputation.sidecar.running import Serving
from reputation.stores.sqlite.store import SqliteStore

PAGE = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text()
LOSSES = (
    "state_damaged_total", "state_left_out_total", "windows_shortened_total", "verdicts_lost_total",
    "notes_dropped_total", "notes_unread_total", "linker_crowded",
)  # fmt: skip


class EventLog:
    def __getattr__(self, level):
        return lambda event, **_: None


@pytest.fixture
def serving(tmp_path):
    log = EventLog()
    store = SqliteStore(tmp_path / "state.sqlite3", lambda: empty_state(DEFAULT), log, lambda: 1.79e9)
    addresses = AddressBook()
    limiter = build(DEFAULT, addresses, b"a key of sixteen bytes or more", store.tenant)
    decisions = DecisionLog(DEFAULT.log, b"x" * 16, sys.stderr)
    return Serving(DEFAULT, parts_of(limiter, store, DEFAULT, Clock(), log), addresses, decisions, log)


def value(serving, name):
    lines = serving.metrics().decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"headcount_{name} "))


def test_each_loss_is_0_at_first_and_has_a_line_in_the_docs(serving):
    assert {name: value(serving, name) for name in LOSSES} == dict.fromkeys(LOSSES, 0.0)
    assert [name for name in LOSSES if f"`headcount_{name}`" not in PAGE] == []


def test_each_loss_is_counted(serving):
    tenant = next(iter(serving.limiter.tenants.values()))
    serving.store.damage.note(b"key")
    serving.store.left_out += 2
    tenant.state.accounts_on_card._rotations += 3
    tenant.state.accounts_on_device._single.lost += 1
    tenant.verdicts._kept.lost += 5
    serving.linking.dropped += 6
    serving.linking.unread += 7
    serving.linking.crowded["default"] = 8
    assert [value(serving, name) for name in LOSSES] == [1, 2, 4, 5, 6, 7, 8]
