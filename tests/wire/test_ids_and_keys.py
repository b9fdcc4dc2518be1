"""Ids that sort by time, and keys as hashes that tell nothing without the hash key."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.wire.ids import Ulids, hashed, line_id, printed, pseudonym

NOW = 1_790_812_800.0
SECRET = b"sixteen or more bytes"
CROCKFORD = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


def test_ulids_are_different_and_in_the_order_of_their_making():
    """Also many within one millisecond, and across the next one."""
    ulids = Ulids()
    ids = [ulids(NOW + i / 4_000_000) for i in range(20_000)]
    assert ids == sorted(set(ids))
    assert all(CROCKFORD.fullmatch(id_) for id_ in ids)


def test_a_ulid_begins_with_its_time():
    """As the ULID specification's example does for 1469918176.385."""
    assert Ulids()(1469918176.385).startswith("01ARYZ6S41")


def test_two_processes_do_not_name_alike():
    assert Ulids()(NOW) != Ulids()(NOW)


def test_no_id_can_be_guessed_from_another():
    """Every id has 13 characters of its own, also within one millisecond, and each of them takes all 32 values."""
    ulids = Ulids()
    drawn = [ulids(NOW)[-13:] for _ in range(4000)]
    assert len(set(drawn)) == 4000
    assert all(len(set(column)) == 32 for column in zip(*drawn, strict=True))
    for one, other in itertools.pairwise(drawn):
        assert sum(a == b for a, b in zip(one, other, strict=True)) < 9


def test_an_id_s_time_may_go_back_and_it_is_still_another():
    ulids = Ulids()
    ids = [ulids(NOW - i % 2) for i in range(1000)]
    assert len(set(ids)) == 1000


@given(st.integers(1, 10**12), st.floats(0, 253402300799))
def test_a_lines_id_is_made_of_its_time_and_number_alone(number, at):
    id_ = line_id(number, at)
    assert CROCKFORD.fullmatch(id_)
    assert id_ == line_id(number, at)
    assert id_ < line_id(number + 1, at)


@given(st.text(min_size=1), st.text(min_size=1))
def test_keys_are_hashed_apart_and_their_printed_form_is_read_back(one, other):
    stored = hashed(one, SECRET)
    assert hashed(printed(stored), SECRET) == stored
    assert hashed(printed(stored), b"another hash key!") == stored
    if one != other:
        assert stored != hashed(other, SECRET)


def test_another_hash_key_is_another_hash():
    assert hashed("sk-1", SECRET) != hashed("sk-1", b"another hash key!")


@pytest.mark.parametrize("text", ["hk1_", "hk1_short", "hk1_" + "1" * 26, "hk1_" + "a" * 40, "HK1_" + "a" * 26])
def test_what_only_looks_like_a_printed_hash_is_a_key_like_any_other(text):
    assert hashed(text, SECRET) != hashed(text, b"another hash key!")


def test_a_pseudonym_is_short_and_keyed():
    assert re.fullmatch(r"[0-9a-f]{16}", pseudonym("acct", SECRET))
    assert pseudonym("acct", SECRET) != pseudonym("acct", b"another hash key!")
    assert "acct" not in pseudonym("acct", SECRET)


@pytest.mark.parametrize("key", [" my-key", "my-key\n", "\tmy-key\r\n"])
def test_blanks_around_a_key_do_not_count(key):
    assert hashed(key, SECRET) == hashed("my-key", SECRET)
    assert hashed("my key", SECRET) != hashed("mykey", SECRET)
