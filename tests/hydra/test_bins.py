"""Ten-minute bins of the last day: 18 bytes an account, the oldest first, and nothing older than a day."""

import numpy as np
import pytest

from reputation.hydra.bins import BIN, BINS, Bins
from reputation.hydra.forgetting import forget
from reputation.hydra.ledger import Ledger
from reputation.hydra.sightings import Sighting
from tests.hydra.crowd import DAY, NOW

LAST = NOW // BIN * BIN


def noted(*at):
    bins = Bins()
    for one in at:
        bins.add(np.array([0]), np.array([one]))
    return bins


def test_an_account_takes_eighteen_bytes():
    assert Bins().kept[0].nbytes == 18


@pytest.mark.parametrize("ago", [0, 1, 7, 8, 143])
def test_the_newest_bin_is_the_last_one(ago):
    bins = noted(LAST - ago * BIN, LAST + BIN - 1)
    expected = np.zeros(BINS, bool)
    expected[[BINS - 1 - ago, BINS - 1]] = True
    assert (bins.of(np.array([0]))[0] == expected).all()
    assert bins.count(2).tolist() == [1 + (ago > 0), 0]


def test_what_is_a_day_old_is_forgotten_and_what_comes_late_is_kept_for_a_day():
    bins = noted(LAST - DAY, LAST, LAST - DAY, LAST - 5 * BIN)
    assert np.flatnonzero(bins.of(np.array([0]))[0]).tolist() == [BINS - 6, BINS - 1]
    bins.turn(int(LAST // BIN) + BINS - 5)
    assert bins.count(1).tolist() == [1]
    bins.turn(int(LAST // BIN) + 10 * BINS)
    assert bins.count(1).tolist() == [0]


def test_slots_are_those_of_a_day_in_utc():
    bins = noted(LAST)
    assert bins.slots()[-1] == LAST % DAY // BIN
    assert sorted(bins.slots()) == list(range(BINS))


def test_an_account_that_is_forgotten_leaves_no_bins_to_the_next_one():
    ledger = Ledger()
    ledger.see(Sighting(NOW, "a"))
    ledger.absorb()
    forget(ledger, NOW + 40 * DAY)
    ledger.see(Sighting(NOW + 40 * DAY, "b"))
    ledger.absorb()
    assert ledger.bins.count(ledger.size).tolist() == [1]
