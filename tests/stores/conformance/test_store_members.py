"""Every part of a store has all members of its contract; a skeleton's failures name what is still to write."""

import pytest
from store_place import TENANT, lacking, require

from reputation.stores.contract import Heartbeat, NoteStream, SharedAccounts, SharedLinks, SharedStore, Takes

PARTS = {
    "listen": (Heartbeat, lambda store: store.listen(TENANT, lambda _, __: None)),
    "accounts": (SharedAccounts, lambda store: store.accounts(TENANT)),
    "takes": (Takes, lambda store: store.takes(TENANT, 2.0, pytest.fail)),
    "links": (SharedLinks, lambda store: store.links(TENANT, "r1")),
    "notes": (NoteStream, lambda store: store.notes(TENANT, "notes")),
}


def test_a_shared_store_has_every_member_of_its_contract(shared_place):
    (store,) = shared_place.shared()
    require(store, SharedStore)


@pytest.mark.parametrize("part", PARTS)
async def test_a_part_of_a_shared_store_has_every_member_of_its_contract(shared_place, part):
    contract, made = PARTS[part]
    (store,) = shared_place.shared()
    require(made(store), contract)


def test_what_is_lacking_is_named_also_what_a_contract_inherits():
    class Begun:
        def tenant(self, name):
            return name

    lacks = lacking(Begun(), SharedStore)
    assert "tenant" not in lacks
    assert {"commit", "records", "turns", "clock", "takes"} <= set(lacks)
