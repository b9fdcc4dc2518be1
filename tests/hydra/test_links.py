"""A delta turns one snapshot into the next, whatever the two are."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from reputation.hydra.links import NOTHING, Cluster, Delta, Links, difference, follow

NAMES = st.sampled_from(["a", "b", "c", "d"])
CLUSTERS = st.builds(
    Cluster, NAMES, st.floats(0, 9), st.integers(2, 9), st.floats(0, 1), st.just(("session",)),
    st.sampled_from(["shared", "restricted"]), st.just(()), st.floats(0, 9), st.floats(0, 9),
)  # fmt: skip
LINKS = st.builds(
    Links, st.floats(0, 9), st.dictionaries(NAMES, st.tuples(NAMES, st.floats(0, 1))), st.dictionaries(NAMES, CLUSTERS),
    st.floats(0, 9), st.dictionaries(NAMES, NAMES), st.dictionaries(NAMES, st.floats(0, 9)),
    st.dictionaries(NAMES, st.floats(0, 9)), st.dictionaries(NAMES, st.floats(0, 9)),
    st.dictionaries(NAMES, st.integers(0, 9)), st.dictionaries(NAMES, st.floats(0, 9)),
)  # fmt: skip


@given(LINKS, LINKS)
def test_following_a_difference_that_crossed_a_pipe_leads_to_the_new_snapshot(old, new):
    sent = msgspec.msgpack.decode(msgspec.msgpack.encode(difference(old, new)), type=Delta)
    assert follow(old, sent) == new


@given(LINKS)
def test_nothing_changed_is_nothing_to_send(links):
    delta = difference(links, links)
    assert (delta.members, delta.clusters, delta.invoices) == ([], [], [])


def test_links_that_an_older_version_stored_are_read():
    """They have budgets and residents of neighbourhoods, which mean nothing any more."""
    members, budgets, homes = [["a", ["h-1", 0.9]]], [[["net"], [1.0, 9, 2.0]]], [["c", ["net"]]]
    stored = [7.0, 3.0, members, [], budgets, [["b", "card"]], homes]
    links = follow(NOTHING, msgspec.msgpack.decode(msgspec.msgpack.encode(stored), type=Delta))
    assert links == Links(7.0, {"a": ("h-1", 0.9)}, {}, 3.0, {"b": "card"})
