"""Names of keys: one slot a tenant, no two things with one name, and no name that a client can make long."""

from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from reputation.stores.redis.names import LONGEST, Names

texts = st.text(max_size=300)
parts = st.tuples(texts | st.integers(-(2**70), 2**70), texts)


@given(texts, parts, parts)
def test_all_keys_of_a_tenant_are_in_one_slot_of_a_cluster(tenant, one, other):
    """Whatever it is called, braces and nothing at all included."""
    names = Names(tenant)
    slots = {key_slot(key) for key in (names.of("b", *one), names.of("q", *other), names.single("owners"))}
    assert len(slots) == 1


@given(parts, parts)
def test_different_things_have_different_names(one, other):
    names = Names("acme")
    assert (names.of("b", *one) == names.of("b", *other)) == (one == other)
    assert names.of("b", "a", "b") != names.of("b", "a,b")
    assert names.of("b", 12) != names.of("b", "12")


def test_a_short_name_can_be_read_and_a_long_one_is_a_hash():
    names = Names("acme")
    assert names.of("b", "own", "acct_42", "burst") == b'hc1:{acme}:b["own","acct_42","burst"]'
    assert len(names.of("b", "own", "x" * 10_000, "burst")) < LONGEST
    assert Names("a}b").single("owners") == b"hc1:{a%7Db}:owners"
