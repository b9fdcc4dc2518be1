"""A delta turns one snapshot into the next, whatever the two are."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from reputation.hydra.links import Budget, Cluster, Delta, Links, difference, follow

NAMES = st.sampled_from(["a", "b", "c", "d"])
CLUSTERS = st.builds(
    Cluster, NAMES, st.floats(0, 9), st.integers(2, 9), st.floats(0, 1), st.just(("session",)),
    st.sampled_from(["shared", "restricted"]), st.just(()), st.floats(0, 9), st.floats(0, 9),
)  # fmt: skip
BUDGETS = st.builds(Budget, st.floats(0, 9), st.integers(0, 9), st.floats(0, 9))
LINKS = st.builds(
    Links, st.floats(0, 9), st.dictionaries(NAMES, st.tuples(NAMES, st.floats(0, 1))), st.dictionaries(NAMES, CLUSTERS),
    st.dictionaries(st.tuples(NAMES, NAMES), BUDGETS), st.floats(0, 9), st.dictionaries(NAMES, NAMES),
)  # fmt: skip


@given(LINKS, LINKS)
def test_following_a_difference_that_crossed_a_pipe_leads_to_the_new_snapshot(old, new):
    sent = msgspec.msgpack.decode(msgspec.msgpack.encode(difference(old, new)), type=Delta)
    assert follow(old, sent) == new


@given(LINKS)
def test_nothing_changed_is_nothing_to_send(links):
    delta = difference(links, links)
    assert (delta.members, delta.clusters, delta.neighbourhoods, delta.invoices) == ([], [], [], [])
