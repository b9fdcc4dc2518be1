"""Ranges laid over each other, held against the same done address by address."""

from hypothesis import given
from hypothesis import strategies as st

from geoip.ranges import Range, coarsened, flattened, joined, overlay, prefixes

SPACE = 64
VALUES = st.sampled_from("abc")


@st.composite
def any_ranges(draw):
    """Ranges in any order that may overlap."""
    pairs = draw(st.lists(st.tuples(st.integers(0, SPACE - 1), st.integers(0, SPACE - 1), VALUES), max_size=8))
    return [Range(min(a, b), max(a, b), value) for a, b, value in pairs]


@st.composite
def layers(draw):
    """Ranges in order and apart from each other."""
    return spread(draw(st.lists(VALUES | st.none(), max_size=SPACE)))


def spread(values):
    """The layer that has values[i] at address i."""
    return list(joined(Range(at, at, value) for at, value in enumerate(values) if value is not None))


def by_address(ranges):
    """Address -> value; an address that stands in two ranges fails."""
    found = {}
    for first, last, value in ranges:
        for address in range(first, last + 1):
            assert address not in found
            found[address] = value
    return found


@given(st.lists(layers(), min_size=1, max_size=3))
def test_overlay_has_every_layers_value_at_every_address(given_layers):
    """What lies over an address is the tuple of what each layer has there."""
    expected = {}
    for at in range(SPACE):
        values = tuple(by_address(layer).get(at) for layer in given_layers)
        if any(value is not None for value in values):
            expected[at] = values
    assert by_address(overlay(given_layers)) == expected


@given(st.lists(layers(), min_size=1, max_size=3))
def test_overlay_is_in_order_and_joined(given_layers):
    """No two neighbours of the result could be one range."""
    result = list(overlay(given_layers))
    assert result == list(joined(sorted(result)))


@given(any_ranges())
def test_the_narrowest_of_overlapping_ranges_wins(ranges):
    """A /32 in a /8 keeps its own value; of equally wide ranges the later one counts."""
    expected = {}
    for number, (first, last, value) in enumerate(ranges):
        for at in range(first, last + 1):
            key = (first - last, number)
            expected[at] = max(expected.get(at, (key, value)), (key, value))
    assert by_address(flattened(ranges)) == {at: value for at, (_, value) in expected.items()}


@given(layers(), st.sampled_from([1, 2, 4, 8]))
def test_coarse_edges_stand_at_multiples_of_the_block(layer, block):
    """Each block that had something has one value, and no other value covers more of the block."""
    fine, coarse = by_address(layer), by_address(coarsened(layer, block))
    for start in range(0, SPACE, block):
        inside = [fine[at] for at in range(start, start + block) if at in fine]
        found = {coarse.get(at) for at in range(start, start + block)}
        assert len(found) == 1
        chosen = found.pop()
        assert (chosen is None) == (not inside)
        assert all(inside.count(chosen) >= inside.count(other) for other in inside)


@given(st.integers(0, SPACE - 1), st.integers(0, SPACE - 1))
def test_prefixes_cover_exactly_the_range(one, other):
    """Networks made of a range hold its addresses and no others."""
    first, last = min(one, other), max(one, other)
    covered = []
    for start, length in prefixes(first, last, 6):
        size = 1 << (6 - length)
        assert start % size == 0
        covered += range(start, start + size)
    assert covered == list(range(first, last + 1))


def test_a_whole_address_space_is_one_prefix():
    """The edge case where no bit is fixed."""
    assert list(prefixes(0, 2**128 - 1, 128)) == [(0, 0)]
