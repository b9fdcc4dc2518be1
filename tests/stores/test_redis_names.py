"""Names of keys: one slot a tenant, no two things with one name, and no name that a client can make long."""

from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from reputation.stores.redis.names import LONGEST, Names
from reputation.stores.redis.slot_groups import GROUPS, SLOTS, group_of, names_of_groups

texts = st.text(max_size=300)
parts = st.tuples(texts | st.integers(-(2**70), 2**70), texts)


@given(texts, parts, parts)
def test_all_keys_with_a_tenant_s_tag_are_in_one_slot_of_a_cluster(tenant, one, other):
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


@given(texts)
def test_the_slots_of_a_tenant_s_accounts_lie_evenly_over_all_slots(tenant):
    """Each in the middle of its twelfth, so that nodes with equal ranges have the same number of them."""
    slots = [key_slot(names.single("x")) for names in names_of_groups(tenant)]
    assert [slot * GROUPS // SLOTS for slot in slots] == [*range(GROUPS)]
    for nodes in (2, 3, 4, 6, 12):
        assert {[slot * nodes // SLOTS for slot in slots].count(node) for node in range(nodes)} == {GROUPS // nodes}


@given(texts, texts)
def test_no_tenant_has_the_slots_of_another(one, other):
    tags = [{names.single("x") for names in (Names(tenant), *names_of_groups(tenant))} for tenant in (one, other)]
    assert len(tags[0]) == GROUPS + 1
    assert one == other or not tags[0] & tags[1] or {one, other} == {"", "*"}


def test_accounts_spread_evenly_over_the_groups():
    found = [group_of(f"acct_{i}") for i in range(12_000)]
    counts = [found.count(group) for group in range(GROUPS)]
    assert max(counts) < 1.15 * min(counts)
