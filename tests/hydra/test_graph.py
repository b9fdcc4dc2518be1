"""Rings: accounts connected by what strangers do not share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.hydra.counting import FEWEST
from reputation.hydra.families import FAMILIES, INDEX
from reputation.hydra.graph import (
    IDENTITIES,
    candidates,
    components,
    fingerprint_components,
    identity_components,
    meeting_components,
)
from reputation.hydra.items import collect
from reputation.hydra.ledger import Ledger
from reputation.hydra.sightings import Known, Sighting
from tests.hydra.crowd import NOW, items

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


@given(st.dictionaries(st.integers(0, 29), st.sets(st.integers(0, 9), max_size=3), max_size=30))
def test_accounts_are_connected_by_the_values_that_any_two_of_them_share(cards):
    (card,) = (identity for identity in IDENTITIES if identity.kind == "card")
    held = items({n: [("card", value) for value in some] for n, some in cards.items()} | {29: [("card", 99)]}, 30)
    edges = [(a, b) for a in cards for b in cards if a < b and cards[a] & cards[b] and 29 not in (a, b)]
    found = identity_components(held, np.arange(30) < 29, card)
    assert sorted(part.tolist() for part in found) == by_hand(edges)


def test_a_chain_of_two_hundred_thousand_accounts_settles_in_a_few_rounds():
    chain = np.arange(200_000)
    (found,) = components(chain[1:], chain[:-1])
    assert np.array_equal(found, chain)


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


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity.kind)
def test_a_value_identifies_on_as_many_accounts_as_it_may_and_on_no_more(identity):
    for count, found in ((identity.most, [identity.most]), (identity.most + 1, [])):
        held = items({n: [(identity.kind, 1)] for n in range(count)}, count)
        assert [len(part) for part in identity_components(held, np.ones(count, bool), identity)] == found
    assert {one.kind: one.most for one in IDENTITIES} == {"session": 64, "device": 64, "card": 128}


def test_values_connect_those_who_share_any_of_them_and_other_kinds_do_not():
    (card,) = (identity for identity in IDENTITIES if identity.kind == "card")
    chain = {n: [("card", n), ("card", n + 1), ("asn", 7)] for n in range(6)} | {9: [("asn", 7)], 8: [("card", 77)]}
    held = items(chain, 10)
    assert [part.tolist() for part in identity_components(held, np.ones(10, bool), card)] == [[0, 1, 2, 3, 4, 5]]


def meeting(hosts, operators, size=6):
    """Rings among accounts whose hosts are given, the operator of each host by its number."""
    held = items({n: [("host", host) for host in some] for n, some in hosts.items()}, size)
    at = held.kind == INDEX["host"]
    operator = np.where(at, np.array([operators.get(int(value), -1) for value in held.value]), -1)
    return [part.tolist() for part in meeting_components(held, np.ones(size, bool), operator)]


def test_two_meet_on_three_operators_and_on_two_they_do_not():
    on = dict.fromkeys(range(5), (1, 2, 3))
    assert meeting(on, {1: 0, 2: 1, 3: 2}) == [[0, 1, 2, 3, 4]]
    assert meeting(on, {1: 0, 2: 1, 3: 1}) == []
    assert meeting(dict.fromkeys(range(5), (1, 2)), {1: 0, 2: 1}) == []
    assert meeting({n: (n,) for n in range(5)}, {}) == []


def test_two_rings_that_never_met_stay_two():
    """Whatever the numbers of their accounts: the last of one is not taken for the first of another."""
    on = dict.fromkeys(range(5), (1, 2, 3)) | dict.fromkeys(range(5, 10), (4, 5, 6))
    assert meeting(on, {n: n for n in range(1, 7)}, 10) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_an_address_where_nobody_lives_is_no_meeting():
    assert meeting(dict.fromkeys(range(5), (1, 2, 3)), {1: 0, 2: 1}) == []


def test_pairs_that_meet_elsewhere_are_one_ring_by_those_in_between():
    hosts = {0: (1, 2, 3), 1: (1, 2, 3, 4, 5, 6), 2: (4, 5, 6, 7, 8, 9), 3: (7, 8, 9, 10, 11, 12), 4: (10, 11, 12)}
    assert meeting(hosts, {n: n for n in range(1, 13)}) == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize(("count", "found"), [(12, [list(range(12))]), (13, [])])
def test_an_address_of_more_than_twelve_suspects_is_busy_and_not_rare(count, found):
    assert meeting(dict.fromkeys(range(count), (1, 2, 3)), {1: 0, 2: 1, 3: 2}, count) == found


def test_only_suspects_meet_and_only_they_make_an_address_busy():
    held = items({n: [("host", host) for host in (1, 2, 3)] for n in range(20)}, 20)
    operator = np.where(held.kind == INDEX["host"], np.arange(len(held.kind)), -1)
    found = meeting_components(held, np.arange(20) < 6, operator)
    assert [part.tolist() for part in found] == [list(range(6))]


@pytest.mark.parametrize(
    ("trusted", "users", "found"), [(48, 0, True), (47, 0, False), (98, 1, True), (97, 1, False), (98, 2, False)]
)
def test_a_handshake_is_strange_where_less_than_a_fiftieth_of_established_accounts_show_it(trusted, users, found):
    """By the rule of succession: one of fifty at most, so that fewer than forty-eight can say so of none."""
    table, new = worn(trusted, users)
    assert bool(fingerprint_components(table, new, ~new)) == found


@pytest.mark.parametrize(("count", "found"), [(4, 0), (5, 1)])
def test_five_newcomers_with_a_strange_handshake_are_a_ring(count, found):
    held = {n: [("ja4", 1)] for n in range(count)} | {n: [("ja4", 2)] for n in range(count, 100)}
    assert len(fingerprint_components(items(held, 100), np.arange(100) < count, np.arange(100) >= count)) == found


def test_each_strange_handshake_draws_a_ring_of_its_own_and_other_kinds_none():
    held = {n: [("ja4", n % 2), ("asn", 5)] for n in range(12)} | {n: [("ja4", 9)] for n in range(12, 80)}
    found = fingerprint_components(items(held, 80), np.arange(80) < 12, np.arange(80) >= 12)
    assert [part.tolist() for part in found] == [list(range(0, 12, 2)), list(range(1, 12, 2))]


PEOPLE = "residential"


def seen_at(hosts, *, device=None, session="s", **given):
    """A ledger of accounts seen once at each of their addresses."""
    ledger = Ledger()
    for name, some in hosts.items():
        ledger.know(Known(name, 1e9, **given))
        for host in some:
            ledger.see(
                Sighting(
                    NOW, name, host, host.rpartition(".")[0] + ".0/24", 7, "US", PEOPLE, session=session, device=device
                )
            )
    ledger.absorb()
    ledger.turn(NOW)
    return ledger


def rings(ledger, *, trusted=False, without=()):
    everybody = np.ones(ledger.size, bool)
    suspects = ~everybody if trusted else everybody
    found = candidates(collect(ledger, everybody, NOW), ledger, (suspects, everybody, ~everybody), without)
    return [(FAMILIES[family], len(part)) for family, part in found]


def test_what_draws_rings_is_told_and_can_be_switched_off():
    hosts = {f"a{n}": ("10.1.0.7", "10.2.0.7", "10.3.0.7") for n in range(6)}
    ledger = seen_at(hosts)
    assert rings(ledger) == [("session", 6), ("network", 6)]
    assert rings(ledger, without=("session_rings",)) == [("network", 6)]
    assert rings(ledger, without=("meetings",)) == [("session", 6)]


def test_a_strange_handshake_draws_a_ring_unless_that_is_switched_off():
    ledger = Ledger()
    for n in range(60):
        ledger.see(Sighting(NOW, f"a{n}", ja4="sdk" if n < 6 else "browser"))
    ledger.absorb()
    ledger.turn(NOW)
    new = np.arange(60) < 6
    table = collect(ledger, np.ones(60, bool), NOW)
    found = candidates(table, ledger, (new, new, ~new))
    assert [(FAMILIES[family], part.tolist()) for family, part in found] == [("software", list(range(6)))]
    assert candidates(table, ledger, (new, new, ~new), ("fingerprints",)) == []


def test_a_session_draws_rings_of_proven_accounts_too_and_a_card_does_not():
    ledger = seen_at({f"a{n}": ("10.1.0.7",) for n in range(6)}, card="c")
    assert rings(ledger) == [("session", 6), ("payment", 6)]
    assert rings(ledger, trusted=True) == [("session", 6)]


def test_a_device_draws_rings_of_proven_accounts_too():
    ledger = seen_at({f"a{n}": ("10.1.0.7",) for n in range(6)}, device="d", session=None)
    assert rings(ledger, trusted=True) == [("device", 6)]
    assert rings(ledger, trusted=True, without=("device_rings",)) == []


def test_addresses_of_one_16_or_32_are_one_operators():
    for hosts in (("10.1.0.7", "10.1.1.7", "10.2.0.7"), ("2001:db8:1::/64", "2001:db8:2::/64", "2001:dead::/64")):
        assert ("network", 6) not in rings(seen_at({f"a{n}": hosts for n in range(6)}))
    apart = ("2001:db8:1::/64", "2001:dba:1::/64", "2001:dbc:1::/64")
    assert ("network", 6) in rings(seen_at({f"a{n}": apart for n in range(6)}))


def test_a_machine_in_a_data_centre_is_of_no_operator_not_even_of_another_one():
    homes = {f"b{n}": (f"10.{n % 2}.0.1",) for n in range(4)}
    ledger = seen_at(homes | {f"a{n}": ("10.3.0.7", "10.4.0.7", "10.5.0.7") for n in range(6)})
    assert rings(ledger, without=("session_rings",)) == [("network", 6)]
    ledger.lived_in["host"][ledger.names["host"].ids["10.3.0.7"]] = 0
    assert rings(ledger, without=("session_rings",)) == []


def test_machines_in_data_centres_are_no_meeting_place():
    ledger = seen_at({f"a{n}": ("10.1.0.7", "10.2.0.7", "10.3.0.7") for n in range(6)})
    ledger.lived_in["host"][:] = 0
    assert rings(ledger) == [("session", 6)]
