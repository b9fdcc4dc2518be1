"""The table of kinds says all that others read from it."""

from typing import get_args

from reputation.hydra.families import FAMILIES, FAMILY, INDEX, KINDS, SEEN, TALKS
from reputation.hydra.sightings import Part, Sighting


def test_every_kind_has_a_name_of_its_own_and_a_family():
    assert len(INDEX) == len(KINDS)
    assert [FAMILIES[number] for number in FAMILY] == [kind.family for kind in KINDS]


def test_what_is_seen_is_bounded_in_number_and_time():
    assert all(kind.keep and kind.window for kind in SEEN)
    assert {kind.name for kind in SEEN} - TALKS <= set(Sighting.__struct_fields__)


def test_every_family_can_be_switched_off():
    assert set(FAMILIES) <= set(get_args(Part))
