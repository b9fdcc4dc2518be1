"""Sessions that go on in another account elsewhere."""

import numpy as np
import pytest

from reputation.hydra import handed
from reputation.hydra.ledger import Ledger
from reputation.hydra.sightings import Sighting

NOW, DAY = 1_790_000_000.0, 86_400.0


def told(sightings, now=NOW):
    ledger = Ledger()
    for sighting in sightings:
        ledger.see(sighting)
    ledger.absorb()
    handed.note(ledger, now)
    return ledger


def names(ledger, now=NOW):
    return {ledger.accounts.names[number] for number in handed.over(ledger, now).tolist()}


def seen(name, net, session="s", at=NOW):
    return Sighting(at, name, net=net, session=session)


def test_a_session_that_goes_on_elsewhere_in_another_account_was_handed_over():
    assert names(told([seen("a", "n1"), seen("b", "n2"), seen("c", "n3", "own")])) == {"a", "b"}


def test_two_accounts_at_one_address_may_share_a_session():
    assert names(told([seen("a", "n1"), seen("b", "n2"), seen("b", "n1", "else")])) == set()


def test_an_account_that_was_seen_nowhere_was_not_at_the_same_place():
    assert names(told([seen("a", None), seen("b", "n2")])) == {"a", "b"}


def test_a_session_on_very_many_accounts_is_a_constant_of_some_client():
    crowd = [seen(f"a{n}", f"n{n}") for n in range(handed.HANDED_TO + 1)]
    assert names(told(crowd)) == set()
    assert len(names(told(crowd[1:]))) == handed.HANDED_TO


@pytest.mark.parametrize(("days", "known"), [(2, {"a", "b"}), (4, set())])
def test_only_a_late_session_is_looked_at(days, known):
    old = [seen("a", "n1", at=NOW - days * DAY), seen("b", "n2", at=NOW - days * DAY)]
    assert names(told(old)) == known


def test_it_is_remembered_for_a_fortnight():
    ledger = told([seen("a", "n1"), seen("b", "n2")])
    assert names(ledger, NOW + 13 * DAY) == {"a", "b"}
    assert names(ledger, NOW + 15 * DAY) == set()


def test_nothing_seen_nothing_handed():
    assert not len(handed.over(told([]), NOW))
    assert np.isnan(told([seen("a", "n1")]).column("handed")).all()
