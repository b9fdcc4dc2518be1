"""Clusters over time: ids stay, members stay a while, and operators' words hold until they run out."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from reputation.hydra import clusters
from reputation.hydra.book import Book
from reputation.hydra.clusters import JOIN, SPLIT_AFTER, STAY, Found, extend, order, released, update
from reputation.hydra.sightings import Order

NOW, HOUR = 1_790_000_000.0, 3600.0
GROUPS = st.lists(st.dictionaries(st.sampled_from("abcdefghij"), st.floats(0, 1), min_size=1), max_size=4)


def found(*names, sure=0.99):
    return Found(dict.fromkeys(names, sure), ("payment", "network", "software"))


def book(*names):
    made = Book()
    update(made, [found(*names)], set(), NOW)
    return made


def members(made):
    return {name: sorted(kept.members) for name, kept in made.clusters.items()}


@given(st.lists(GROUPS, max_size=6))
def test_nobody_is_in_two_clusters_and_none_has_less_than_two_members(epochs):
    made = Book()
    for number, groups in enumerate(epochs):
        fold = extend if number % 2 else lambda *given: update(*given[:2], set(), given[2])
        fold(made, [Found(group, ("session",)) for group in groups], NOW + number * HOUR)
        homes = [account for kept in made.clusters.values() for account in kept.members]
        assert len(homes) == len(set(homes))
        assert all(len(kept.members) >= 2 for kept in made.clusters.values())


@given(GROUPS)
def test_a_book_is_the_same_after_a_restart(groups):
    made = Book()
    update(made, [Found(group, ("session",)) for group in groups], set(), NOW)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=Book)
    update(made, [], set(), NOW + HOUR)
    update(again, [], set(), NOW + HOUR)
    assert members(again) == members(made)


def test_a_group_goes_on_as_the_cluster_that_most_of_its_members_are_in():
    made = book("a", "b", "c")
    update(made, [found("b", "c", "d", "e", "f")], set(), NOW + HOUR)
    assert members(made) == {next(iter(made.clusters)): list("abcdef")}


def test_who_is_not_sure_enough_does_not_join():
    made = book("a", "b")
    update(made, [Found({"a": 1.0, "b": 1.0, "c": JOIN - 0.01}, ())], set(), NOW)
    assert "c" not in made.home()


def test_a_second_group_gets_an_id_of_its_own_once_it_has_lasted():
    made = book(*"abcdef")
    halves = [found("a", "b", "c"), found("d", "e", "f")]
    update(made, halves, set(), NOW + HOUR)
    assert len(made.clusters) == 1
    update(made, halves, set(), NOW + HOUR + SPLIT_AFTER)
    assert sorted(members(made).values()) == [list("abc"), list("def")]


def test_an_active_member_that_nothing_links_is_free_after_two_days_and_a_quiet_one_waits():
    made = book("a", "b", "c", "d")
    update(made, [found("a", "b")], {"c"}, NOW + STAY + 1)
    assert sorted(made.home()) == ["a", "b", "d"]


def test_between_searches_accounts_join_but_nobody_is_renewed_or_moved():
    made = book("a", "b", "c")
    (name,) = made.clusters
    extend(made, [found("a", "b", "c", "d"), found("x", "y")], NOW + HOUR)
    assert members(made)[name] == list("abcd")
    assert made.clusters[name].members["a"].found == NOW
    assert sorted(map(len, members(made).values())) == [2, 4]


def test_a_split_cluster_stays_apart_until_the_order_runs_out():
    made = book("a", "b", "c")
    (name,) = made.clusters
    order(made, Order("split", name, until=NOW + 10 * HOUR), NOW)
    assert made.clusters == {} or made.home() == {}
    assert released(made, NOW + HOUR) == set("abc")
    assert released(made, NOW + 10 * HOUR) == set()
    update(made, [found("a", "b", "c")], set(), NOW + 10 * HOUR)
    assert made.splits == []
    assert sorted(made.home()) == list("abc")


def test_a_split_can_be_taken_back():
    made = book("a", "b", "c")
    (name,) = made.clusters
    order(made, Order("split", name), NOW)
    order(made, Order("forget", name), NOW)
    assert released(made, NOW) == set()


def test_orders_run_out():
    made = book("a", "b", "c")
    (name,) = made.clusters
    order(made, Order("release", account="a", until=NOW + HOUR), NOW)
    order(made, Order("bless", name, until=NOW + HOUR), NOW)
    assert "a" not in made.home()
    assert clusters.blessed(made, NOW) == {name}
    update(made, [found("a", "b", "c")], set(), NOW + HOUR)
    assert "a" in made.home()
    assert clusters.blessed(made, NOW + HOUR) == set()
    assert made.orders == []
