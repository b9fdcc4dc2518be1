"""Columns: names as numbers within a bound, and pairs that do not depend on how their sightings were batched."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reputation.hydra.columns import (
    Interner,
    PairTable,
    distinct,
    joined,
    numbered,
    rank_in_group,
    run_starts,
    sorted_together,
    spans,
    stable_order,
    tallied,
)

SEEN = st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 5), st.integers(0, 50)), max_size=60)


def table(batches, keep=100):
    made = PairTable(keep)
    for batch in batches:
        accounts, values, at = (np.array(column, np.int64) for column in zip(*batch, strict=True))
        made.add(accounts, values, at.astype(float))
    return made


def rows(made):
    return [made.keys.tolist(), made.count.tolist(), made.first.tolist(), made.last.tolist()]


@given(SEEN, st.integers(1, 10))
def test_a_table_is_the_same_however_its_sightings_are_batched_and_ordered(seen, size):
    batches = [seen[i : i + size] for i in range(0, len(seen), size)]
    assert rows(table(batches)) == rows(table([seen[::-1]] if seen else []))


@given(SEEN, st.integers(1, 3), st.integers(0, 50))
def test_an_account_keeps_its_latest_values_and_none_from_before_the_window(seen, keep, since):
    made = table([seen] if seen else [], keep)
    before = {(a, v): last for a, v, last in zip(made.accounts, made.values, made.last, strict=True)}
    made.trim(since)
    for account in set(made.accounts.tolist()):
        kept = made.last[made.accounts == account].tolist()
        fresh = sorted((t for (a, _), t in before.items() if a == account and t >= since), reverse=True)
        assert sorted(kept, reverse=True) == fresh[:keep]


@given(SEEN, st.integers(1, 3), st.integers(0, 50))
def test_a_table_of_origins_keeps_where_an_account_was_first_seen_within_the_same_bound(seen, keep, since):
    made = PairTable(keep, origins=True)
    for account, value, at in seen:
        made.add(np.array([account]), np.array([value]), np.array([float(at)]))
    first = {a: made.first[made.accounts == a].min() for a in made.accounts.tolist()}
    made.trim(since)
    assert {a: made.first[made.accounts == a].min() for a in made.accounts.tolist()} == first
    assert all((made.accounts == account).sum() <= keep or ties(made, account) for account in first)


def ties(made, account):
    """Whether several values were met at the same first moment: all of them are origins."""
    first = made.first[made.accounts == account]
    return (first == first.min()).sum() > 1


@given(st.lists(st.integers(0, 3)))
def test_runs_begin_where_a_value_differs_from_the_one_before(values):
    expected = [i for i, value in enumerate(values) if not i or value != values[i - 1]]
    assert run_starts(np.array(values, np.int64)).tolist() == expected


@given(st.lists(st.integers(0, 9)))
def test_a_tally_has_each_value_and_how_often_it_comes(values):
    held, counts = tallied(np.array(values, np.int64), 10)
    assert dict(zip(held.tolist(), counts.tolist(), strict=True)) == {v: values.count(v) for v in sorted(set(values))}


@given(st.sets(st.integers(0, 30)), st.lists(st.integers(0, 30)))
def test_joined_keys_are_those_of_both_each_once(keys, more):
    found = joined(np.array(sorted(keys), np.int64), np.array(more, np.int64))
    assert found.tolist() == sorted(keys | set(more))


@given(st.lists(st.integers(0, 9)))
def test_an_order_is_that_of_a_stable_sort(values):
    column = np.array(values, np.int64)
    assert stable_order(column).tolist() == np.argsort(column, kind="stable").tolist()


def test_accounts_that_are_gone_leave_no_pairs():
    made = table([[(1, 1, 0), (2, 1, 0)]])
    made.trim(0.0, np.array([False, True, False]))
    assert made.accounts.tolist() == [2]


def test_a_name_beyond_the_bound_has_no_number_and_a_freed_number_is_used_again():
    names = Interner(2)
    assert names.numbers(["a", "b", None, "c", "a"]).tolist() == [0, 1, -1, -1, 0]
    names.release([0])
    assert len(names) == 1
    assert names.number("c") == 0
    assert names.number("a") == -1


def test_names_that_nothing_uses_are_let_go():
    names = Interner(10)
    names.numbers(["a", "b", "c"])
    names.keep_only(np.array([1, -1]))
    assert [name for name in names.names if name] == ["b"]


@given(st.lists(st.integers(0, 3)))
def test_ranks_count_within_runs(groups):
    groups.sort()
    expected = [groups[:i].count(group) for i, group in enumerate(groups)]
    assert rank_in_group(np.array(groups, np.int64)).tolist() == expected


ROWS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2**31 - 1)))


@given(ROWS, st.sampled_from([1, 2**40]))
def test_rows_are_sorted_by_key_and_value_however_large_the_keys_are(rows, scale):
    keys = np.array([key * scale for key, _ in rows], np.int64)
    keys, values = sorted_together(keys, np.array([value for _, value in rows], np.int32))
    assert list(zip(keys.tolist(), values.tolist(), strict=True)) == sorted((key * scale, value) for key, value in rows)
    assert values.dtype == np.int32


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5))))
def test_spans_are_ranges_one_after_the_other(ranges):
    begin, count = (np.array([pair[end] for pair in ranges], np.int64) for end in (0, 1))
    assert spans(begin, count).tolist() == [n for start, many in ranges for n in range(start, start + many)]


@given(st.lists(st.integers(0, 30)))
def test_different_values_and_their_numbers_are_those_of_numpy(values):
    values = np.array(values, np.int64)
    held, number = np.unique(values, return_inverse=True)
    assert distinct(values).tolist() == held.tolist()
    assert [part.tolist() for part in numbered(values)] == [held.tolist(), number.tolist()]
