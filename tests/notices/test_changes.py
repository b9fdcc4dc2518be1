"""Which changes of clusters and of newcomers' use are announced, and that each is announced once."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from reputation.hydra.links import Cluster, Together
from reputation.notices.changes import SURGE, Announced, changes, surge

STANDINGS = ("shared", "restricted", "challenged", "blessed")
CLUSTER = Cluster("h-1", 1e9, 12, 0.99, ("time", "load"), "restricted", (), 100.0, 1.0, purse=12.0)
TOGETHER = Together(900.0, 1000.0, 30, None, 3, 100.0, 500.0, 20.0, since=2e9)


def events(announced, *clusters):
    return [change.event for change in changes(announced, {cluster.id: cluster for cluster in clusters})]


def test_a_new_cluster_is_found_once():
    [change] = changes({}, {CLUSTER.id: CLUSTER})
    assert (change.event, change.subject, change.data["size"]) == ("cluster.found", "h-1", 12)
    assert events({"h-1": change.announced}, CLUSTER) == []


def test_growth_counts_from_tenfold_of_what_was_announced():
    announced = {"h-1": Announced(12, "restricted")}
    assert events(announced, structs.replace(CLUSTER, size=119)) == []
    [change] = changes(announced, {"h-1": structs.replace(CLUSTER, size=120)})
    assert (change.event, change.data["before"]["size"], change.announced.size) == ("cluster.grown", 12, 120)


def test_another_standing_is_announced_and_growth_still_counts_from_the_size_before():
    [change] = changes({"h-1": Announced(12, "shared")}, {"h-1": structs.replace(CLUSTER, size=60)})
    assert (change.event, change.data["before"]["standing"]) == ("cluster.status", "shared")
    assert change.announced == Announced(12, "restricted")


@given(st.lists(st.tuples(st.integers(2, 10**6), st.sampled_from(STANDINGS)), min_size=1, max_size=20))
def test_a_second_look_at_the_same_clusters_announces_nothing(story):
    announced = {}
    for size, standing in story:
        clusters = {"h-1": structs.replace(CLUSTER, size=size, standing=standing)}
        for _ in range(2):  # a status and a growth may come together; each has a notice of its own
            announced.update({change.subject: change.announced for change in changes(announced, clusters)})
        assert list(changes(announced, clusters)) == []


def test_a_surge_is_announced_once_and_a_later_one_again():
    begun = surge(None, TOGETHER, "watch")
    assert (begun.event, begun.subject, begun.data["accounts"]) == ("newcomers.surge", SURGE, 30)
    assert surge(begun.announced, TOGETHER, "watch") is None
    assert surge(begun.announced, structs.replace(TOGETHER, since=3e9), "watch") is not None
    assert surge(begun.announced, structs.replace(TOGETHER, since=0.0), "watch") is None
