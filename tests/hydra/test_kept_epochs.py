"""What a linker keeps between epochs changes no link: one that saw the same without any epoch before finds the same."""

import random

import msgspec
import pytest

from reputation.hydra.linker import FULL_SEARCH_EVERY, Linker
from reputation.hydra.sightings import Known, Sighting
from tests.hydra.crowd import NOW, application, honest, hydra, room

EPOCHS = 7
QUARTER = 900.0


class Notes:
    """Takes what a linker would, and deals it out in slices."""

    def __init__(self):
        self.noted = []

    def know(self, known):
        self.noted.append(known)

    def see(self, sighting):
        self.noted.append(sighting)

    def see_many(self, sightings):
        self.noted.extend(sightings)

    def dealt(self, dice):
        """Slices in which facts and sightings of one account come at different times."""
        slices = [[] for _ in range(EPOCHS)]
        for note in self.noted:
            slices[min(int(dice.expovariate(0.6)), EPOCHS - 1)].append(note)
        return slices


def world(dice):
    notes = Notes()
    for people, count in ((honest, 150), (hydra, 40), (room, 20), (application, 30)):
        people(notes, dice.randrange(count // 2, count), seed=dice.randrange(1000))
    return notes.dealt(dice)


def take(linker, notes):
    for note in notes:
        if isinstance(note, Known):
            linker.know(note)
    linker.see_many(note for note in notes if isinstance(note, Sighting))
    linker.ledger.absorb()


def fresh(slices, linker):
    """A linker that saw all of this and made no epoch, with the clusters of another."""
    other = Linker()
    for notes in slices:
        take(other, notes)
    other.restore(linker.export())
    other.tidied, other.searched = linker.tidied, linker.searched
    return other


@pytest.mark.parametrize("seed", range(6))
def test_an_epoch_finds_what_one_that_kept_nothing_finds(seed):
    dice = random.Random(seed)
    slices, linker, linked, now = world(dice), Linker(), 0, NOW
    for number, notes in enumerate(slices):
        take(linker, notes)
        other = fresh(slices[: number + 1], linker)
        links = linker.epoch(now)
        assert msgspec.msgpack.encode(links) == msgspec.msgpack.encode(other.epoch(now))
        assert linker.export() == other.export()
        linked = max(linked, len(links.members))
        now += FULL_SEARCH_EVERY if number == EPOCHS // 2 else QUARTER
    assert linked >= 10
