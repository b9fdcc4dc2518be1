"""Clusters over time: ids stay, members stay a while, and operators' words hold until they run out."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.hydra import clusters
from reputation.hydra.book import Book
from reputation.hydra.clusters import (
    JOIN,
    SPLIT_AFTER,
    STAY,
    Found,
    apply_ruling,
    confidence,
    dissolve,
    extend,
    released,
    update,
)
from reputation.hydra.sightings import OperatorRuling
from reputation.linking.tenants import ids_of

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
    apply_ruling(made, OperatorRuling("split", name, until=NOW + 10 * HOUR), NOW)
    assert made.clusters == {} or made.home() == {}
    assert released(made, NOW + HOUR) == set("abc")
    assert released(made, NOW + 10 * HOUR) == set()
    update(made, [found("a", "b", "c")], set(), NOW + 10 * HOUR)
    assert made.splits == []
    assert sorted(made.home()) == list("abc")


def test_a_split_can_be_taken_back():
    made = book("a", "b", "c")
    (name,) = made.clusters
    apply_ruling(made, OperatorRuling("split", name), NOW)
    apply_ruling(made, OperatorRuling("forget", name), NOW)
    assert released(made, NOW) == set()


def test_a_ruling_is_taken_back_by_its_id_and_no_other_with_it():
    made = book("a", "b", "c")
    (name,) = made.clusters
    apply_ruling(made, OperatorRuling("restrain", name, id="1"), NOW)
    apply_ruling(made, OperatorRuling("bless", name, id="2"), NOW)
    apply_ruling(made, OperatorRuling("split", name, id="3"), NOW)
    apply_ruling(made, OperatorRuling("forget", name, id="1"), NOW)
    assert clusters.restrained(made, NOW) == set()
    assert clusters.allow_listed(made, NOW) == {name}
    assert released(made, NOW) == set("abc")
    apply_ruling(made, OperatorRuling("forget", name, id="3"), NOW)
    assert (released(made, NOW), clusters.allow_listed(made, NOW)) == (set(), {name})


@pytest.mark.parametrize("word", ["restrain", "deny", "bless"])
def test_a_ruled_cluster_is_not_dissolved(word):
    made = book("a", "b", "c")
    (name,) = made.clusters
    apply_ruling(made, OperatorRuling(word, name, id="1"), NOW)
    clusters.dissolve(made, [name])
    assert list(made.clusters) == [name]


def test_ids_begin_where_the_tenant_and_its_secret_say():
    first = [ids_of(tenant, key) for tenant in ("default", "acme") for key in (b"one", b"other")]
    assert len(set(first)) == 4
    assert ids_of("default", b"one") == first[0]
    assert ids_of("default", b"") == 0
    made = Book(ids=first[0])
    update(made, [found(f"b{n}", f"c{n}") for n in range(300)], set(), NOW)
    assert len(made.clusters) == 300
    assert "h-9e37" not in made.clusters


def test_a_book_of_another_secret_goes_on_without_a_second_cluster_of_one_id():
    made = book("a", "b")
    (name,) = made.clusters
    made.made, made.ids = 0, 0
    update(made, [found("x", "y")], set(), NOW)
    assert sorted(made.home()) == ["a", "b", "x", "y"]
    assert len(made.clusters) == 2
    assert name in made.clusters


def test_orders_run_out():
    made = book("a", "b", "c")
    (name,) = made.clusters
    apply_ruling(made, OperatorRuling("release", account="a", until=NOW + HOUR), NOW)
    apply_ruling(made, OperatorRuling("bless", name, until=NOW + HOUR), NOW)
    assert "a" not in made.home()
    assert clusters.allow_listed(made, NOW) == {name}
    update(made, [found("a", "b", "c")], set(), NOW + HOUR)
    assert "a" in made.home()
    assert clusters.allow_listed(made, NOW + HOUR) == set()
    assert made.rulings == []


def test_who_is_just_sure_enough_joins_and_a_member_may_be_less_sure():
    made = book("a", "b")
    update(made, [Found({"a": 0.2, "b": 1.0, "c": JOIN, "d": math.nextafter(JOIN, 0.0)}, ())], set(), NOW)
    assert sorted(made.home()) == ["a", "b", "c"]
    assert confidence(*made.clusters.values()) == pytest.approx((0.2 + 1.0 + JOIN) / 3)


def test_an_active_member_waits_exactly_two_days():
    made = book("a", "b", "c", "d")
    update(made, [found("a", "b")], {"c"}, NOW + STAY)
    assert sorted(made.home()) == ["a", "b", "c", "d"]
    update(made, [found("a", "b")], {"c"}, math.nextafter(NOW + STAY, math.inf))
    assert sorted(made.home()) == ["a", "b", "d"]
    assert STAY == 2 * 86_400.0


def test_the_largest_group_goes_on_as_the_cluster_and_the_next_one_waits_for_its_own():
    made = book(*"abcdefg")
    (name,) = made.clusters
    halves = [found("a", "b"), found("c", "d", "e", "f", "g")]
    update(made, halves, set(), NOW + HOUR)
    assert members(made) == {name: list("abcdefg")}
    begun = NOW + HOUR + SPLIT_AFTER
    update(made, halves, set(), math.nextafter(begun, 0.0))
    assert members(made) == {name: list("abcdefg")}
    update(made, halves, set(), begun)
    assert members(made)[name] == list("cdefg")
    assert sorted(map(len, members(made).values())) == [2, 5]


def test_a_second_group_inside_a_cluster_that_split_before_has_to_last_again():
    made = book(*"abcdef")
    halves = [found("a", "b", "c", "d"), found("e", "f")]
    update(made, halves, set(), NOW)
    update(made, halves, set(), NOW + SPLIT_AFTER)
    assert len(made.clusters) == 2
    quarters = [found("a", "b"), found("c", "d"), found("e", "f")]
    update(made, quarters, set(), NOW + SPLIT_AFTER + HOUR)
    assert len(made.clusters) == 2
    update(made, quarters, set(), NOW + 2 * SPLIT_AFTER + HOUR)
    assert sorted(members(made).values()) == [["a", "b"], ["c", "d"], ["e", "f"]]


def test_a_group_with_one_member_of_a_cluster_is_not_that_cluster():
    made = book("a", "b", "c")
    (name,) = made.clusters
    update(made, [found("c", "x", "y")], set(), NOW + HOUR)
    assert members(made)[name] == ["a", "b"]
    assert sorted(members(made).values())[1] == ["c", "x", "y"]


def test_of_two_clusters_with_as_many_members_in_a_group_the_older_goes_on():
    made = Book()
    update(made, [found("a", "b", "c")], set(), NOW)
    (older,) = made.clusters
    update(made, [found("a", "b", "c"), found("x", "y", "z")], set(), NOW + HOUR)
    update(made, [found("a", "b", "x", "y")], set(), NOW + 2 * HOUR)
    assert members(made) == {older: ["a", "b", "c", "x", "y"]}


def test_a_member_that_moves_is_in_its_new_cluster_alone_and_families_add_up():
    made = Book()
    update(made, [Found(dict.fromkeys("abc", 1.0), ("b",)), Found(dict.fromkeys("xyz", 1.0), ("c",))], set(), NOW)
    update(made, [Found(dict.fromkeys("abx", 1.0), ("a",)), Found(dict.fromkeys("yz", 1.0), ())], set(), NOW + HOUR)
    assert sorted(members(made).values()) == [list("abcx"), list("yz")]
    assert sorted(kept.families for kept in made.clusters.values()) == [("a", "b"), ("c",)]
    assert {kept.found for kept in made.clusters.values()} == {NOW + HOUR}
    assert {kept.since for kept in made.clusters.values()} == {NOW}


def test_groups_of_one_are_no_clusters_and_ids_differ():
    made = Book()
    update(made, [found("a"), *(found(f"b{n}", f"c{n}") for n in range(300))], set(), NOW)
    assert len(made.clusters) == 300
    assert "a" not in made.home()
    assert all(name == kept.id for name, kept in made.clusters.items())
    assert next(iter(Book().clusters), None) is None


def test_a_dissolved_cluster_is_gone_unless_an_operator_ruled_on_it():
    made = Book()
    update(made, [found("a", "b"), found("c", "d"), found("e", "f")], set(), NOW)
    plain, pinned, blest = (made.home()[name] for name in ("a", "c", "e"))
    apply_ruling(made, OperatorRuling("pin", pinned, "c"), NOW)
    apply_ruling(made, OperatorRuling("bless", blest), NOW)
    apply_ruling(made, OperatorRuling("release", account="nobody"), NOW)
    dissolve(made, [plain, pinned, blest])
    assert set(made.clusters) == {pinned, blest}


def test_pinning_puts_an_account_in_and_keeps_it_there():
    made = book("a", "b")
    (name,) = made.clusters
    apply_ruling(made, OperatorRuling("pin", name, "z"), NOW + HOUR)
    assert members(made)[name] == ["a", "b", "z"]
    assert made.clusters[name].members["z"].confidence == 1.0
    update(made, [found("a", "b")], {"z"}, NOW + HOUR + 2 * STAY)
    assert members(made)[name] == ["a", "b", "z"]
    apply_ruling(made, OperatorRuling("pin", "no such cluster", "z"), NOW)


def test_forgetting_takes_back_what_was_said_of_that_account_or_cluster_alone():
    made = book("a", "b", "c", "d")
    (name,) = made.clusters
    apply_ruling(made, OperatorRuling("release", account="a"), NOW)
    apply_ruling(made, OperatorRuling("release", account="b"), NOW)
    apply_ruling(made, OperatorRuling("bless", name), NOW)
    apply_ruling(made, OperatorRuling("forget", account="a"), NOW)
    assert released(made, NOW) == {"b"}
    assert clusters.allow_listed(made, NOW) == {name}
    apply_ruling(made, OperatorRuling("split", name), NOW)
    apply_ruling(made, OperatorRuling("forget", name, "b"), NOW)
    assert released(made, NOW) == set("bcd")
    apply_ruling(made, OperatorRuling("forget", name), NOW)
    assert released(made, NOW) == {"b"}
    assert clusters.allow_listed(made, NOW) == set()


def test_a_word_holds_until_its_time_and_not_at_it():
    made = book("a", "b", "c")
    apply_ruling(made, OperatorRuling("release", account="a", until=NOW + HOUR), NOW)
    assert released(made, math.nextafter(NOW + HOUR, 0.0)) == {"a"}
    assert released(made, NOW + HOUR) == set()


def test_splitting_a_cluster_that_is_gone_is_nothing():
    made = book("a", "b")
    apply_ruling(made, OperatorRuling("split", "h-none"), NOW)
    assert (made.splits, sorted(made.home())) == ([], ["a", "b"])


def test_between_searches_a_group_of_members_alone_makes_nothing_new():
    made = book("a", "b", "c")
    extend(made, [found("a", "b")], NOW + HOUR)
    (kept,) = made.clusters.values()
    assert (sorted(kept.members), kept.found) == (["a", "b", "c"], NOW)
    extend(made, [found("a", "b", "d"), found("x", "y", "z", "c")], NOW + 2 * HOUR)
    assert sorted(members(made).values()) == [["a", "b", "c", "d"], ["x", "y", "z"]]


def test_ids_come_from_a_counter_and_differ():
    """The same input gives the same ids, and no two of a hundred thousand are alike."""
    made = Book()
    ids = [clusters._new(made, NOW).id for _ in range(70_000)]
    assert ids[:3] == ["h-9e37", "h-3c6e", "h-daa5"]
    assert ids[65_534:65_537] == ["h-61c9", "h-10000", "h-10001"]
    assert len(set(ids)) == 70_000
    assert made.clusters[ids[0]].since == made.clusters[ids[0]].found == NOW


def test_taking_back_a_split_leaves_those_of_other_clusters():
    made = Book()
    update(made, [found("a", "b"), found("x", "y")], set(), NOW)
    one, other = made.home()["a"], made.home()["x"]
    apply_ruling(made, OperatorRuling("split", one), NOW)
    apply_ruling(made, OperatorRuling("split", other), NOW)
    apply_ruling(made, OperatorRuling("forget", one), NOW)
    assert released(made, NOW) == {"x", "y"}
