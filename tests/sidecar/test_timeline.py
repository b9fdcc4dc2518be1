"""The rings behind the console's charts: what was added between samples, bounded, whatever counters do."""

from collections import Counter

from reputation.sidecar.timeline import COUNTED, MOST_TENANTS, POINTS, STOOD, WINDOWS, Ring, Timeline, sample_of


def sample(n=0.0, **stood):
    return dict.fromkeys(COUNTED, n) | dict.fromkeys(STOOD, 0.0) | stood


def test_a_point_tells_what_was_added_since_the_sample_before_and_what_stood_then():
    ring = Ring(10.0)
    ring.add(sample(5), 100.0)
    ring.add(sample(12, clusters=3.0), 110.0)
    columns = ring.columns()
    assert (columns["at"], columns["seconds"]) == ([110.0], [10.0])
    assert (columns["standard"], columns["clusters"]) == ([7.0], [3.0])


def test_a_counter_that_fell_began_anew():
    ring = Ring(10.0)
    ring.add(sample(500), 0.0)
    ring.add(sample(4), 10.0)
    assert ring.columns()["deny"] == [4.0]


def test_samples_closer_than_a_step_are_left_out_and_a_ring_keeps_the_newest():
    ring = Ring(10.0)
    for i in range(10 * (POINTS + 50)):
        ring.add(sample(i), float(i))
    columns = ring.columns()
    assert len(columns["at"]) == POINTS
    assert columns["at"][-1] - columns["at"][0] >= (POINTS - 1) * 9.0


def test_time_that_stands_still_or_runs_backwards_adds_nothing():
    ring = Ring(10.0)
    ring.add(sample(1), 100.0)
    ring.add(sample(2), 100.0)
    ring.add(sample(3), 50.0)
    assert ring.columns()["at"] == []


def test_every_window_of_every_tenant_and_no_more_tenants_than_stated():
    found = {f"tenant-{n:03}": sample() for n in range(MOST_TENANTS + 5)}
    timeline = Timeline(lambda: found)
    timeline.sample(0.0)
    timeline.sample(1000.0)
    assert all(len(timeline.columns("tenant-000", window)["at"]) == 1 for window in WINDOWS)
    assert timeline.columns(f"tenant-{MOST_TENANTS:03}", "hour")["at"] == []
    del found["tenant-000"]
    timeline.sample(2000.0)
    assert timeline.columns("tenant-000", "hour")["at"] == []


def test_counts_of_both_modes_are_one_sample():
    verdicts = Counter({("enforce", "standard", "allow"): 5, ("shadow", "limited", "throttle"): 2})
    found = sample_of(verdicts, {"cluster": 2}, clusters=1.0, linked=4.0, degraded=0.0)
    assert (found["standard"], found["limited"], found["allow"], found["throttle"]) == (5, 2, 5, 2)
    assert (found["cluster"], found["linked"], found["deny"]) == (2, 4.0, 0)
    assert set(found) == {*COUNTED, *STOOD}
