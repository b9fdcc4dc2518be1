"""Linking in a replay is repeatable: links take effect on recorded time."""

import os
import signal

import pytest
from crude_hydra import START, honest, hydra, limiter, requests

from reputation.engine.limiter import Limiter
from reputation.linking import recorded
from reputation.linking.process import LinkerDiedError, LinkerProcess
from reputation.linking.recorded import RecordedLinking
from reputation.wire.ids import Ulids

pytestmark = pytest.mark.slow


def replayed(hours: int) -> tuple[list[str], Limiter]:
    """What a replay of those checks decides, and the limiter afterwards."""
    one = limiter()
    linking = RecordedLinking(one)
    tenant = one.tenant("default")
    for n in range(300):
        tenant.push(f"good_{n}", honest(n), START)
    for n in range(100):
        tenant.push(f"head_{n}", hydra(n), START)
    decided = []
    ids = Ulids()
    for at, request in requests(hours):
        linking(at)
        verdict = tenant.check(request, at, ids)
        decided.append(f"{verdict.decision} {verdict.cluster and verdict.cluster.id}")
    linking.close()
    return decided, one


def test_a_replay_links_a_crude_hydra_the_same_way_twice() -> None:
    """Links take effect on recorded time, so the speed of the linker's process cannot be seen in the verdicts."""
    decided, one = replayed(8)
    again, _ = replayed(8)
    assert decided == again
    members = one.tenant("default").links.members
    heads = [name for name in members if name.startswith("head_")]
    assert len(heads) >= 90
    assert len(members) == len(heads)


def test_in_a_large_replay_links_wait_for_the_next_epoch_and_are_the_same_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Above that size both cores have work: an epoch's links are in force when the next one is asked for."""
    at_once, _ = replayed(8)
    monkeypatch.setattr(recorded, "SMALL", 100)
    waited, one = replayed(8)
    again, _ = replayed(8)
    assert waited == again
    assert len(one.tenant("default").links.members) >= 90
    first = [next(i for i, word in enumerate(words) if not word.endswith("None")) for words in (at_once, waited)]
    assert first[0] < first[1]


def test_notes_that_are_kept_while_the_linker_works_change_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """They reach it in their order, before the next epoch, whether it had answered by then or not."""
    monkeypatch.setattr(recorded, "SMALL", 100)
    at_once, _ = replayed(8)
    monkeypatch.setattr(recorded, "MOST_WAITING", 400)
    assert replayed(8)[0] == at_once
    monkeypatch.setattr(LinkerProcess, "answered", False)
    assert replayed(8)[0] == at_once


def test_notes_are_fed_before_any_would_be_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the next epoch is away, the linker is given what waits, and reads it."""
    monkeypatch.setattr(recorded, "SMALL", 100)
    monkeypatch.setattr(recorded, "MOST_WAITING", 200)
    monkeypatch.setattr(recorded, "NEWS", 0.01)
    _, one = replayed(4)
    assert one.tenant("default").outbox.waiting <= 200
    assert one.tenant("default").outbox.dropped == 0


def test_linked_heads_share_one_purse_of_a_few_accounts_use() -> None:
    """A hundred heads in a cluster get what a few honest accounts use, not a hundred times it."""
    decided, _ = replayed(30)
    last_day = [word for word in decided[-24 * 400 :] if not word.endswith("None")]
    allowed = sum(word.startswith("allow") for word in last_day)
    assert len(last_day) >= 24 * 90
    assert allowed <= 60


def follow_until(linking: RecordedLinking, turns: int) -> None:
    """Let recorded time pass."""
    for turn in range(turns):
        linking(START + 1000.0 * (turn + 1))


def test_a_replay_whose_linker_dies_says_so() -> None:
    """The rest of the verdicts would be those of a world without links."""
    one = limiter()
    linking = RecordedLinking(one)
    try:
        linking(START)
        assert linking.pid is not None
        os.kill(linking.pid, signal.SIGKILL)
        with pytest.raises(LinkerDiedError, match="recorded time"):
            follow_until(linking, 1000)
    finally:
        linking.close()
