"""What the charts show survives a restart, also into a release that counts other things, and damage is counted."""

import asyncio
from array import array

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from small_engine import address_book, limiter

from reputation.sidecar.charts import CHARTS, Charts
from reputation.sidecar.timeline import COUNTED, STOOD, Ring
from reputation.state.damage import Damage
from reputation.state.records import MemoryRecords


def sample(n=0.0, **stood):
    return dict.fromkeys(COUNTED, n) | dict.fromkeys(STOOD, 0.0) | stood


def charts(tenants, records, now):
    return Charts(tenants, lambda: False, lambda: now, records, print)


@given(st.lists(st.tuples(st.floats(1.0, 1e4), st.integers(0, 10**9)), max_size=20))
def test_a_ring_reads_back_what_it_packed(steps):
    ring, again, now, count = Ring(10.0), Ring(10.0), 1e9, 0
    for gap, added in steps:
        now, count = now + gap, count + added
        ring.add(sample(float(count)), now)
    again.unpack(ring.pack())
    assert again.columns() == ring.columns()


def test_samples_of_a_release_that_counted_other_things_are_read():
    names, values = ("at", "deny", "moons"), [100.0, 3.0, 8.0, 110.0, 5.0, 8.0]
    packed = msgspec.msgpack.encode([names, array("d", values).tobytes()])
    ring = Ring(10.0)
    ring.unpack(packed)
    columns = ring.columns()
    assert (columns["at"], columns["deny"], columns["allow"]) == ([110.0], [2.0], [0.0])


def test_charts_go_on_after_a_restart(tmp_path):
    tenants = limiter(address_book(tmp_path))

    async def story():
        records = MemoryRecords()
        before = charts(tenants, records, 10_000.0)
        for now in (9_000.0, 9_500.0, 10_000.0):
            before.sample(now)
        await before.keep()
        after = charts(tenants, records, 10_500.0)
        await after.take_up()
        return after.columns("default", "hour")["at"]

    assert asyncio.run(story()) == [9_500.0, 10_000.0, 10_500.0]


def test_damaged_samples_are_counted_and_the_charts_begin_without_them(tmp_path):
    tenants = limiter(address_book(tmp_path))

    async def story():
        damage = Damage()
        records = MemoryRecords(damage)
        await records.put("default", CHARTS, "hour", b"\xff\x00 no samples")
        found = charts(tenants, records, 10_000.0)
        await found.take_up()
        return damage.count, found.columns("default", "hour")["at"]

    assert asyncio.run(story()) == (1, [])
