"""Three-way surprise: each of three values must be surprising given the other two."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.hydra.divergence import divergence
from reputation.hydra.surprise import Pools, surprising
from tests.hydra.crowd import items

SHARES = st.floats(0, 1)


def population(marked, size=400, browsers=8):
    """`size` accounts with everybody's browsers, networks and issuers by turns; the first ones as `marked` says."""
    held = {}
    for n in range(size):
        held[n] = [("ja4", n % browsers), ("asn", n % 31), ("iin", n % 23), ("signup_day", n % 29)]
    for n, values in marked.items():
        kinds = {kind for kind, _ in values}
        held[n] = [pair for pair in held[n] if pair[0] not in kinds] + values
    suspects = np.arange(size) < size // 2
    everybody = np.ones(size, bool)
    return items(held, size), Pools(suspects, everybody, suspects, ~suspects)


def test_a_cell_that_nobody_else_is_near_is_found_with_its_members():
    heads = {n: [("ja4", 90), ("asn", 91), ("iin", 92)] for n in range(20)}
    cells = list(surprising(*population(heads)))
    assert cells
    assert cells[0].members.tolist() == list(range(20))
    assert min(cells[0].lift, cells[0].nats / 25) >= 1


def test_a_room_shares_a_network_and_a_day_but_its_browsers_are_everybodys():
    room = {n: [("asn", 91), ("signup_day", 92)] for n in range(20)}
    assert list(surprising(*population(room))) == []


@pytest.mark.parametrize(("share", "surprising_"), [(1 / 8, True), (7 / 8, False)])
def test_what_is_known_of_few_is_compared_among_these(share, surprising_):
    """Of one account in four is known whether it sleeps. That all of a group do not is news only if the others do."""
    heads = {n: [("asn", 91), ("signup_day", 92), ("sleepless", 0)] for n in range(20)}
    heads |= {n: [("sleepless" if n % 32 < 32 * share else "sleeps", 0)] for n in range(20, 400, 4)}
    assert bool(list(surprising(*population(heads)))) is surprising_


def test_what_a_third_of_those_above_suspicion_have_is_nobodys_mark():
    heads = {n: [("asn", 91), ("iin", 92)] for n in range(20)}
    assert list(surprising(*population(heads, browsers=2))) == []


def test_nobody_suspect_is_no_cell():
    held, pools = population({})
    assert list(surprising(held, pools._replace(suspects=np.zeros(400, bool)))) == []


@given(SHARES, SHARES)
def test_divergence_is_never_negative_and_nothing_below_what_is_expected(share, expected):
    (nats,) = divergence(np.array([share]), np.array([expected]))
    assert nats >= 0
    if share <= expected:
        assert nats < 1e-9


def test_divergence_is_that_of_the_formula():
    (nats,) = divergence(np.array([0.5]), np.array([0.1]))
    assert nats == pytest.approx(0.5 * np.log(5) + 0.5 * np.log(0.5 / 0.9))
