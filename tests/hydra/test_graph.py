"""Rings: accounts connected by what strangers do not share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.hydra.counting import FEWEST
from reputation.hydra.families import INDEX
from reputation.hydra.graph import (
    IDENTITIES,
    components,
    fingerprint_components,
    identity_components,
    meeting_components,
)
from tests.hydra.crowd import items

EDGES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60)


def by_hand(edges):
    groups = [{a, b} for a, b in edges]
    for edge in edges:
        touching = [group for group in groups if set(edge) & group]
        groups = [group for group in groups if group not in touching] + [set().union(*touching)]
    return sorted(sorted(group) for group in groups if len(group) >= FEWEST)


@given(EDGES)
def test_components_are_those_that_merging_by_hand_gives(edges):
    first, second = (np.array([edge[i] for edge in edges], np.int64) for i in (0, 1))
    assert sorted(part.tolist() for part in components(first, second)) == by_hand(edges)


def test_a_value_on_too_many_accounts_identifies_nobody():
    (card,) = (identity for identity in IDENTITIES if identity.kind == "card")
    everybody = np.ones(200, bool)
    few = items({n: [("card", 1)] for n in range(10)}, 200)
    many = items({n: [("card", 1)] for n in range(card.most + 1)}, 200)
    assert [part.tolist() for part in identity_components(few, everybody, card)] == [list(range(10))]
    assert identity_components(many, everybody, card) == []


def test_a_ring_is_drawn_among_those_asked_for_alone():
    (card,) = (identity for identity in IDENTITIES if identity.kind == "card")
    suspects = np.arange(10) < 6
    held = items({n: [("card", 1)] for n in range(10)}, 10)
    assert [part.tolist() for part in identity_components(held, suspects, card)] == [[0, 1, 2, 3, 4, 5]]


def test_meeting_on_three_operators_draws_a_ring_and_on_one_does_not():
    met = {n: [("host", address) for address in range(3)] for n in range(5)}
    held = items(met, 5)
    addresses = np.flatnonzero(held.kind == INDEX["host"])
    apart, same = np.full(len(held.kind), -1), np.full(len(held.kind), -1)
    apart[addresses], same[addresses] = np.arange(len(addresses)), 7
    everybody = np.ones(5, bool)
    assert [part.tolist() for part in meeting_components(held, everybody, apart)] == [[0, 1, 2, 3, 4]]
    assert meeting_components(held, everybody, same) == []


def test_a_household_is_no_ring():
    (device,) = (identity for identity in IDENTITIES if identity.kind == "device")
    assert identity_components(items({n: [("device", 1)] for n in range(4)}, 4), np.ones(4, bool), device) == []


def worn(trusted, users=0):
    """Six newcomers with one handshake, and established accounts, of whom some have it too."""
    held = {n: [("ja4", 1)] for n in range(6 + users)} | {n: [("ja4", 2)] for n in range(6 + users, 6 + trusted)}
    return items(held, 6 + trusted), np.arange(6 + trusted) < 6


def test_newcomers_with_a_handshake_that_no_established_account_has_are_a_ring():
    table, new = worn(60)
    assert [part.tolist() for part in fingerprint_components(table, new, ~new)] == [list(range(6))]


@pytest.mark.parametrize(("trusted", "users"), [(60, 3), (40, 0)])
def test_a_handshake_that_established_accounts_have_or_too_few_could_have_draws_no_ring(trusted, users):
    table, new = worn(trusted, users)
    assert fingerprint_components(table, new, ~new) == []


def test_established_accounts_that_show_no_handshake_say_nothing_of_any():
    held = items({n: [("ja4", 1)] for n in range(6)} | {n: [("asn", 1)] for n in range(6, 66)}, 66)
    assert fingerprint_components(held, np.arange(66) < 6, np.arange(66) >= 6) == []
