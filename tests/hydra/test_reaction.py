"""Trials of how accounts react: drawn with a key, a third of each free, and people's habits prove nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.hydra.linker import Linker
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.reaction import BLOCK, SITTING, Trials, reacting
from reputation.hydra.sightings import Sighting
from tests.hydra.crowd import NOW, honest, hydra

HOUR = 3600.0
KEY = b"a key of ours"
ALWAYS = Trials(KEY, 1.0)


@given(st.floats(0, 4e9), st.floats(0, 1), st.binary(max_size=64))
def test_a_time_is_free_or_held_or_in_no_trial_and_both_ways_to_ask_agree(at, share, key):
    trials = Trials(key, share)
    (held,), (free,) = trials.sort_out(np.array([at]))
    assert free == trials.is_free(at)
    assert not (held and free)
    assert (held or free) == (trials.free_hour(int(at // BLOCK)) is not None)


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_the_share_of_blocks_that_are_trials_is_the_one_asked_for(share):
    drawn = [Trials(KEY, share).free_hour(block) for block in range(3000)]
    trials = [hour for hour in drawn if hour is not None]
    assert len(trials) / 3000 == pytest.approx(share, abs=0.02)
    assert all(trials.count(hour) == pytest.approx(len(trials) / 3, rel=0.25, abs=1) for hour in range(3))


def test_another_key_draws_other_hours():
    other = Trials(b"another", 1.0)
    assert [ALWAYS.free_hour(n) for n in range(50)] != [other.free_hour(n) for n in range(50)]


def test_who_is_busy_in_held_hours_alone_reacts_and_habits_do_not():
    held, free = np.array([60.0, 40.0, 8.0, 0.0]), np.array([0.0, 20.0, 0.0, 0.0])
    assert reacting(held, free).tolist() == [0]


def test_the_linker_lets_clusters_go_in_a_free_hour_and_takes_them_back():
    linker = Linker(LinkerSettings(trials=1.0, key=KEY))
    honest(linker)
    hydra(linker)
    hours = [NOW + n * HOUR for n in range(6)]
    members = [bool(linker.epoch(at).members) for at in hours]
    assert members == [not ALWAYS.is_free(at) for at in hours]


def test_a_sibling_that_takes_over_in_held_hours_shows_it_and_its_neighbour_does_not():
    linker = Linker(LinkerSettings(trials=1.0, key=KEY))
    for at in np.arange(NOW, NOW + 72 * HOUR, 2 * SITTING).tolist():
        linker.see(Sighting(at, "neighbour"))
        if not ALWAYS.is_free(at):
            linker.see(Sighting(at, "sibling"))
    linker.epoch(NOW + 72 * HOUR)
    ledger = linker.ledger
    found = reacting(ledger.sittings[0], ledger.sittings[1]).tolist()
    assert [ledger.accounts.names[n] for n in found] == ["sibling"]
