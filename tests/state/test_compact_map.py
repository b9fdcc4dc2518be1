"""Pages: a dict's answers in less memory, bounded, with no pause."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation.state.compact_map import FILL, Pages

SIZE = 13
# few different keys and bytes that repeat, so that a key is found across the edges of entries too
keys = st.integers(0, 40).map(lambda n: bytes(8 - n % 3) + bytes([n // 3]) * (n % 3))
steps = st.lists(st.tuples(st.sampled_from(["put", "drop"]), keys, st.integers(0, 255)), max_size=200)


def record(what: int, at: int = 1000) -> bytes:
    return bytes([what]) * (SIZE - 5) + at.to_bytes(5, "little")


@settings(max_examples=300)
@given(steps)
def test_pages_answer_as_a_dict_does(steps):
    pages, model = Pages(SIZE, 10_000), {}
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
    pages = Pages(SIZE, 100_000)
    for n in range(20_000):
        pages.put(n.to_bytes(8, "little"), record(n % 256), 0.0)
    assert len(pages) == 20_000
    assert pages.lost == 0
    assert all(pages.get(n.to_bytes(8, "little")) == record(n % 256) for n in range(20_000))


def test_an_entry_costs_some_25_bytes():
    """That is what pages are for."""
    pages = Pages(SIZE, 100_000)
    for n in range(30_000):
        pages.put(n.to_bytes(8, "little"), record(0), 0.0)
    bodies = pages._pages
    assert sum(map(sys.getsizeof, bodies)) + sys.getsizeof(bodies) < 27 * 30_000
    assert max(map(len, bodies)) < 5 * FILL * (8 + SIZE)


@pytest.mark.parametrize("many", [10, 1000])
def test_a_flood_pushes_the_oldest_out_and_is_counted(many):
    pages = Pages(SIZE, many)
    for n in range(20 * many):
        pages.put(n.to_bytes(8, "little"), record(0), 0.0)
    assert len(pages) <= many + many // FILL + 1
    assert pages.lost == 20 * many - len(pages)
    last = (20 * many - 1).to_bytes(8, "little")
    assert pages.get(last) is not None


def test_what_is_too_old_goes_when_its_page_is_written():
    pages = Pages(SIZE, 100_000)
    for n in range(1000):
        pages.put(n.to_bytes(8, "little"), record(0, at=1000), 0.0)
    for n in range(1000, 3000):
        pages.put(n.to_bytes(8, "little"), record(0, at=2000), 1500.0)
    assert 2000 <= len(pages) < 2100
