"""What happened a short while ago: kept as long as it says, bounded, and found again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.engine.verdicts import ExpiringMap

NOW = 1_790_812_800.0


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 9)), min_size=1, max_size=60), st.floats(0, 60))
def test_a_value_is_found_for_the_whole_window_whatever_comes_after(puts, later):
    kept, now, last = ExpiringMap(60.0, 1000), NOW, {}
    for wait, key in puts:
        now += wait
        kept.put(key, now, now)
        last[key] = now
    for key, at in last.items():
        found = kept.get(key, now + later)
        assert found == (at if now + later - at <= 60.0 else None)


@pytest.mark.parametrize("start", [0.0, 1.0, NOW])
def test_it_works_from_the_first_second_of_time_on(start):
    kept = ExpiringMap(60.0, 10)
    kept.put("a", "x", start)
    kept.put("b", "y", start + 59)
    assert kept.get("a", start + 60) == "x"
    assert kept.get("a", start + 60.5) is None


def test_a_flood_is_bounded_and_what_it_pushes_out_is_counted():
    kept = ExpiringMap(60.0, 1000)
    for i in range(10_000):
        kept.put(i, i, NOW)
    assert len(kept) <= 1000
    assert kept.lost == 10_000 - len(kept)
    assert kept.get(9_999, NOW) == 9_999


def test_the_newest_come_first():
    kept = ExpiringMap(60.0, 100)
    for i in range(120):
        kept.put(i, i, NOW + i / 100)
    assert kept.newest(5) == [119, 118, 117, 116, 115]
    assert len(kept.newest(1000)) == len(kept)
    assert ExpiringMap(60.0, 100).newest(5) == []


def test_a_value_that_is_falsy_is_a_value():
    kept = ExpiringMap(60.0, 100)
    kept.put("a", 0, NOW)
    assert kept.get("a", NOW) == 0
