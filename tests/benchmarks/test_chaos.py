"""`make chaos`, a short sample: two sidecars over one real server, and a judge that notices what is wrong."""

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import chaos
from benchmarks.chaos import ACCOUNTS, BURST, RATE, Row, Tally, Window, bound_of, judged, line, order, possible, summary
from benchmarks.chaos_world import FAULTS, Fault


async def _nothing(_):
    """A fault that nothing happens in."""


QUIET = Fault("nothing", _nothing)
OUTAGE = Fault("an outage", _nothing, 1)


def window(seconds, held=0.0):
    """One that began so many seconds ago, with so much in each bucket."""
    return Window(time.monotonic() - seconds, Counter(), [held] * ACCOUNTS, 0, 0)


def after(**passed):
    """What came back since: requests let through, by account."""
    tally = Tally()
    tally.admitted.update({int(name[1:]): count for name, count in passed.items()})
    return tally


@pytest.mark.gateway
async def test_a_sample_of_the_faults_lets_no_account_above_its_bound(tmp_path: Path) -> None:
    """A sidecar is killed, or the server loses its data; nothing but verdicts comes back."""
    some = possible(["a sidecar killed", "again empty"])
    assert len(some) == 2
    shown: list[Row] = []
    rows = await chaos.play(tmp_path, 4.0, 1, some, shown.append, patience=5.0)  # a busy machine is no absent server
    assert rows == shown != []
    assert [row.faults for row in rows] == [[]] * len(rows), "\n".join(map(line, rows))


def test_an_account_that_got_more_than_its_bound_is_named():
    most = int(bound_of(0.0, 10.0, 0))
    fine = judged(QUIET, window(10.0), after(a3=most, a4=1), 0.0)
    assert (fine.faults, fine.worst <= 1) == ([], True)
    wrong = judged(QUIET, window(10.0), after(a3=most + 2, a4=1), 0.0)
    assert "account 3 got" in wrong.faults[0]
    assert "WRONG: account 3" in line(wrong)
    assert judged(OUTAGE, window(10.0), after(a3=most + 2), 0.0).faults == []


def test_what_a_bucket_held_counts_and_a_burst_is_allowed_for_an_outage_alone():
    assert bound_of(5.0, 10.0, 0) == pytest.approx((5 + 10 * RATE) * chaos.SLACK + 2)
    assert bound_of(0.0, 10.0, 1) - bound_of(0.0, 10.0, 0) == pytest.approx((BURST + RATE * 0.2) * chaos.SLACK)


def test_an_answer_that_is_no_verdict_and_a_standstill_are_faults():
    tally = after(a1=1)
    tally.note(1, 503, b"{}")
    assert judged(QUIET, window(1.0), tally, 0.0).faults == ["503 b'{}'"]
    assert judged(QUIET, window(1.0), after(), 0.0).faults == ["no request passed"]


def test_the_order_is_drawn_from_the_seed_and_has_each_fault_once_a_round():
    def first(seed):
        coming = order(random.Random(seed), FAULTS)
        return [next(coming).what for _ in range(2 * len(FAULTS))]

    assert first(1) == first(1) != first(2)
    for part in (first(1)[: len(FAULTS)], first(1)[len(FAULTS) :]):
        assert sorted(part) == sorted(fault.what for fault in FAULTS)


def test_a_summary_has_the_worst_of_each_kind():
    figures = [(1.0, 10, 0.5, 3, []), (2.0, 10, 0.9, 4, ["bad"])]
    rows = [*(Row("x", 5.0, *one) for one in figures), Row("y", 5.0, 0.0, 1, 0.1, 0, [])]
    assert summary(rows).splitlines()[2:] == ["| x | 2 | 2.0 | 90% | 7 | 1 |", "| y | 1 | 0.0 | 10% | 0 | 0 |"]
    assert {fault.what for fault in possible(["Redis"])} < {fault.what for fault in FAULTS}
