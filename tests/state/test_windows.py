"""Sliding windows: right counts, bounded, any clock. A compact map: a dict's answers in less memory, with no pause."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_engine import DAY, HOUR, NOW

from reputation.state.windows import FILL, RESOLUTION, CompactMap, FanIn, name_of, number_of

SIZE = 13
# few different keys and bytes that repeat, so that a key is found across the edges of entries too
keys = st.integers(0, 40).map(lambda n: bytes(8 - n % 3) + bytes([n // 3]) * (n % 3))
steps = st.lists(st.tuples(st.sampled_from(["put", "drop"]), keys, st.integers(0, 255)), max_size=200)


def record(what: int, at: int = 1000) -> bytes:
    return bytes([what]) * (SIZE - 5) + at.to_bytes(5, "little")


@settings(max_examples=300)
@given(steps)
def test_pages_answer_as_a_dict_does(steps):
    pages, model = CompactMap(SIZE, 10_000), {}
    for what, key, value in steps:
        if what == "put":
            model[key] = record(value)
            pages.put(key, model[key], 0.0)
        else:
            model.pop(key, None)
            pages.drop(key)
        assert len(pages) == len(model)
    for key in model.keys() | {b"absent.."}:
        assert pages.get(key) == model.get(key)


def test_many_keys_are_all_found_after_many_splits():
    pages = CompactMap(SIZE, 100_000)
    for n in range(20_000):
        pages.put(n.to_bytes(8, "little"), record(n % 256), 0.0)
    assert len(pages) == 20_000
    assert pages.lost == 0
    assert all(pages.get(n.to_bytes(8, "little")) == record(n % 256) for n in range(20_000))


def test_an_entry_costs_some_25_bytes():
    """That is what pages are for."""
    pages = CompactMap(SIZE, 100_000)
    for n in range(30_000):
        pages.put(n.to_bytes(8, "little"), record(0), 0.0)
    bodies = pages._slots
    assert sum(map(sys.getsizeof, bodies)) + sys.getsizeof(bodies) < 27 * 30_000
    assert max(map(len, bodies)) < 5 * FILL * (8 + SIZE)


@pytest.mark.parametrize("many", [10, 1000])
def test_a_flood_pushes_the_oldest_out_and_is_counted(many):
    pages = CompactMap(SIZE, many)
    for n in range(20 * many):
        pages.put(n.to_bytes(8, "little"), record(0), 0.0)
    assert len(pages) <= many + many // FILL + 1
    assert pages.lost == 20 * many - len(pages)
    last = (20 * many - 1).to_bytes(8, "little")
    assert pages.get(last) is not None


def test_what_is_too_old_goes_when_its_page_is_written():
    pages = CompactMap(SIZE, 100_000)
    for n in range(1000):
        pages.put(n.to_bytes(8, "little"), record(0, at=1000), 0.0)
    for n in range(1000, 3000):
        pages.put(n.to_bytes(8, "little"), record(0, at=2000), 1500.0)
    assert 2000 <= len(pages) < 2100


WINDOW = DAY
# (seconds since the last sighting, key, member)
sightings = st.lists(
    st.tuples(st.floats(0, DAY / 3), st.integers(0, 2), st.sampled_from("abcdefgh")), min_size=1, max_size=60
)


@settings(max_examples=200)
@given(sightings)
def test_members_are_counted_as_a_list_of_all_sightings_would(seen):
    """Exact to RESOLUTION while there are fewer than the most a key can hold."""
    fan_in, last, now = FanIn(WINDOW, 1000), {}, NOW
    for later, key, member in seen:
        now += later
        count = fan_in.see(key, name_of(member), now)
        last[key, member] = now
        ages = [now - at for (met, _), at in last.items() if met == key]
        surely = sum(age <= WINDOW - RESOLUTION for age in ages)
        perhaps = sum(age <= WINDOW + RESOLUTION for age in ages)
        assert surely <= count <= perhaps


def test_the_size_counts_keys_of_one_member_and_of_several_in_both_generations():
    fan_in = FanIn(WINDOW, 1000)
    fan_in.see(1, name_of("a"), NOW)
    for key in (2, 3):
        for member in "ab":
            fan_in.see(key, name_of(member), NOW)
    assert len(fan_in) == 3
    for member in "ab":
        fan_in.see(4, name_of(member), NOW + WINDOW)
    assert len(fan_in) >= 4


def test_a_crowded_key_stays_at_the_most_and_thins_out_again():
    """Newcomers of a full key are taken up at most once a RESOLUTION, so that a crowd costs nothing."""
    fan_in = FanIn(WINDOW, 1000, 16)
    for n in range(200):
        count = fan_in.see(1, name_of(f"account {n}"), NOW + n)
        assert count == min(n + 1, 16)
    assert fan_in.see(1, name_of("late"), NOW + 2 * DAY) == 1


@given(sightings, st.lists(st.floats(-10 * DAY, 10 * DAY), max_size=60))
def test_a_jumping_clock_never_counts_somebody_twice(seen, jumps):
    fan_in, now, met = FanIn(WINDOW, 1000), NOW, set()
    for (_, key, member), jump in zip(seen, jumps, strict=False):
        now = max(now + jump, 0.0)
        met.add((key, member))
        assert 1 <= fan_in.see(key, name_of(member), now) <= sum(k == key for k, _ in met)


def test_a_member_whose_name_crosses_the_edges_of_records_is_not_found_by_mistake():
    """Eight bytes that stand at no record's beginning are somebody else's."""
    fan_in = FanIn(WINDOW, 1000)
    fan_in.see(1, b"ABCDEFGH", 0.0)
    fan_in.see(1, b"IJKLMNOP", 0.0)
    inside = b"EFGH\0\0\0\0"  # the end of the first name and its time
    assert fan_in.see(1, inside, 0.0) == 3


def test_a_flood_of_keys_is_bounded_and_counted():
    """The flood shortens the window; those who are seen all the time stay counted."""
    fan_in = FanIn(WINDOW, 1000)
    for i in range(10_000):
        fan_in.see(10 + i, name_of("flood"), NOW)
        if i % 100 == 0:
            fan_in.see(1, name_of("a"), NOW)
            assert fan_in.see(1, name_of("b"), NOW) == 2
    assert len(fan_in) <= 1000
    assert fan_in.shortened > 0


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abcd"), st.floats(0, 2 * DAY)), max_size=30))
def test_what_is_remembered_out_of_order_counts_as_if_it_had_been_seen(past):
    """Sightings that outlived a restart come account by account, not in the order of their time."""
    fan_in, last = FanIn(WINDOW, 1000), {}
    for key, member, ago in past:
        fan_in.remember(key, name_of(member), NOW - ago, NOW)
        if ago < WINDOW:
            last.setdefault((key, member), NOW - ago)
    for key in range(3):
        met = {member for met, member in last if met == key}
        assert fan_in.see(key, name_of("new"), NOW) == len(met) + 1


def test_a_flood_of_members_is_bounded():
    fan_in = FanIn(WINDOW, 1000, 64)
    assert max(fan_in.see(1, name_of(str(i)), NOW + i) for i in range(1000)) == 64


class TestFanInExactly:
    """The edges of the window and of what a key holds."""

    def test_windows_are_exact_to_half_an_hour(self):
        assert RESOLUTION == HOUR / 2

    def test_nothing_was_forgotten_at_the_beginning(self):
        fan_in = FanIn(WINDOW, 1000)
        fan_in.see(1, name_of("a"), NOW)
        fan_in.see(1, name_of("b"), NOW)
        assert fan_in.shortened == 0

    def test_keys_of_several_members_are_in_two_generations_each_a_quarter_of_all(self):
        """The last of a generation stands in both."""
        fan_in, sizes = FanIn(WINDOW, 40), {}
        for key in range(19):
            for member in "ab":
                fan_in.see(key, name_of(member), NOW)
            sizes[key] = (len(fan_in), fan_in.shortened)
        assert {key: sizes[key] for key in (8, 9, 17, 18)} == {8: (9, 0), 9: (11, 1), 17: (19, 1), 18: (11, 2)}

    def test_who_was_seen_a_window_ago_counts_no_more(self):
        for later, count in ((WINDOW - 1, 2), (WINDOW, 1)):
            fan_in = FanIn(WINDOW, 1000)
            fan_in.see(1, name_of("a"), NOW)
            assert fan_in.see(1, name_of("b"), NOW + later) == count

    def test_among_several_too(self):
        for later, count in ((WINDOW, 3), (WINDOW + 1, 1)):
            fan_in = FanIn(WINDOW, 1000)
            fan_in.see(1, name_of("a"), NOW)
            fan_in.see(1, name_of("b"), NOW)
            assert fan_in.see(1, name_of("c"), NOW + later) == count

    def test_a_member_is_written_again_after_half_an_hour(self):
        fan_in = FanIn(WINDOW, 1000)
        for name in "abc":
            fan_in.see(1, name_of(name), NOW)
        fan_in.see(1, name_of("a"), NOW + RESOLUTION - 1)
        fan_in.see(1, name_of("c"), NOW + RESOLUTION - 1)
        fan_in.see(1, name_of("b"), NOW + RESOLUTION)
        assert fan_in.see(1, name_of("d"), NOW + WINDOW + 1) == 2

    def test_an_only_member_is_written_again_after_half_an_hour(self):
        for later, count in ((RESOLUTION - 1, 1), (RESOLUTION, 2)):
            fan_in = FanIn(WINDOW, 1000)
            fan_in.see(1, name_of("a"), NOW)
            fan_in.see(1, name_of("a"), NOW + later)
            assert fan_in.see(1, name_of("b"), NOW + WINDOW) == count

    def test_a_full_key_takes_a_newcomer_up_half_an_hour_after_the_last(self):
        fan_in = FanIn(WINDOW, 1000, 3)
        for name in "abc":
            fan_in.see(1, name_of(name), NOW)
        assert fan_in.see(1, name_of("d"), NOW + RESOLUTION - 1) == 3
        assert fan_in.see(1, name_of("d"), NOW + RESOLUTION) == 3
        assert fan_in.see(1, name_of("a"), NOW + RESOLUTION + 1) == 3

    def test_a_key_holds_sixty_four_members_unless_told_otherwise(self):
        fan_in = FanIn(WINDOW, 1000)
        assert max(fan_in.see(1, name_of(str(i)), NOW + i) for i in range(100)) == 64

    def test_a_clock_set_back_by_more_than_half_an_hour_begins_anew(self):
        """Both those that one member had and those that several had: none is held for times to come."""
        for back, count in ((RESOLUTION, 3), (RESOLUTION + 1, 1)):
            fan_in = FanIn(WINDOW, 1000)
            fan_in.see(1, name_of("a"), NOW)
            fan_in.see(2, name_of("a"), NOW)
            fan_in.see(2, name_of("b"), NOW)
            before = fan_in.shortened
            assert fan_in.see(2, name_of("c"), NOW - back) == count
            assert fan_in.see(1, name_of("b"), NOW - back) == min(count, 2)
            assert fan_in.shortened - before == (count == 1)
            assert len(fan_in) == 2

    def test_a_sighting_of_a_window_ago_or_before_1970_is_not_remembered(self):
        fan_in = FanIn(WINDOW, 1000)
        fan_in.remember(1, name_of("a"), NOW - WINDOW, NOW)
        fan_in.remember(1, name_of("b"), -1.0, 5.0)
        fan_in.remember(1, name_of("c"), NOW - WINDOW + 1, NOW)
        assert fan_in.see(1, name_of("d"), NOW) == 2

    def test_what_is_remembered_keeps_its_place_in_time(self):
        fan_in = FanIn(WINDOW, 1000, 4)
        for name, ago in (("a", 3), ("b", 1), ("c", 2)):
            fan_in.remember(1, name_of(name), NOW - ago * HOUR, NOW)
        assert fan_in.see(1, name_of("d"), NOW + WINDOW - 2.5 * HOUR) == 3
        fan_in.remember(1, name_of("e"), NOW, NOW)
        fan_in.remember(1, name_of("f"), NOW, NOW)
        assert fan_in.see(1, name_of("g"), NOW + WINDOW - 2.5 * HOUR + 1) == 4


def test_the_members_of_a_key_within_the_window():
    window = FanIn(DAY, 1000)
    window.see(8, name_of("alone"), NOW)
    for n in range(3):
        window.see(7, name_of(f"a{n}"), NOW + n * HOUR)
    assert window.members(7, NOW + 2 * HOUR) == {number_of(f"a{n}") for n in range(3)}
    assert window.members(7, NOW + DAY + 1.5 * HOUR) == {number_of("a2")}
    assert window.members(8, NOW) == {number_of("alone")}
    assert window.members(8, NOW + 2 * DAY) == window.members(9, NOW) == set()
