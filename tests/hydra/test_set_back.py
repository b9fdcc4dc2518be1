"""A linker whose clock was ahead and is right now: nobody stays linked until that time comes."""

import pytest

from reputation.hydra.clusters import STAY
from reputation.hydra.linker import Linker
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.sightings import Sighting
from reputation.linking.batches import Batch
from reputation.linking.host import LinkerHost
from tests.hydra.crowd import DAY, HOUR, NOW, honest, hydra

YEAR = 365 * DAY


@pytest.mark.parametrize("back", [DAY, YEAR])
def test_members_without_evidence_are_free_after_two_days_of_the_right_time(back):
    linker = Linker()
    people, heads = honest(linker), hydra(linker)
    assert set(heads) <= linker.epoch(NOW).members.keys()
    kept, linker, now = linker.export(), Linker(), NOW - back
    linker.restore(kept)
    for later in range(0, int(2 * STAY), int(6 * HOUR)):
        linker.see_many(Sighting(now + later, name, net=f"10.0.{n}.0/24") for n, name in enumerate(people + heads))
        links = linker.epoch(now + later)
    assert not set(heads) & links.members.keys()


def test_use_of_the_last_day_is_that_of_the_last_day():
    linker = Linker()
    linker.see_many([Sighting(NOW, "a")] * 500)
    linker.epoch(NOW)
    for hour in range(30):
        linker.see(Sighting(NOW - YEAR + hour * HOUR, "a"))
        linker.epoch(NOW - YEAR + hour * HOUR)
    assert linker.ledger.demand()[0] <= 25


def test_a_replica_whose_clock_is_ahead_saw_what_it_saw_now():
    host = LinkerHost()
    host.take(Batch("acme", LinkerSettings(), sightings=[Sighting(NOW + YEAR, "a"), Sighting(NOW, "b")], at=NOW))
    host.take(Batch("acme", LinkerSettings(), at=NOW, epoch=NOW))
    assert host._linkers["acme"].ledger.column("last").tolist() == [NOW, NOW]
