"""A listener's life: it ends when the last connection and the last task have, or when its time is up."""

import asyncio

from reputation.listeners.lifetime import Lifetime


class Line:
    """A connection that notes how it was asked to end."""

    def __init__(self, fresh=False):
        self.ends = []
        self.fresh = fresh

    def leave(self):
        self.ends.append("leave")

    def abort(self):
        self.ends.append("abort")


async def ended(life, within=30.0):
    return asyncio.create_task(life.drain(within))


async def test_with_nothing_open_the_end_is_at_once():
    assert await Lifetime().drain(30) == 0


async def test_it_waits_for_a_task_whose_client_has_gone():
    life, gate = Lifetime(), asyncio.Event()
    life.started(asyncio.create_task(gate.wait()))
    end = await ended(life)
    await asyncio.sleep(0)
    assert life.draining
    assert not end.done()
    gate.set()
    assert await end == 0
    assert not life.tasks


async def test_a_connection_is_asked_to_leave_and_cut_when_the_time_is_up():
    life, stays, goes = Lifetime(), Line(), Line()
    life.connections |= {stays, goes}
    end = await ended(life, 0.01)
    await asyncio.sleep(0)
    life.left(goes)
    assert await end == 1
    assert (stays.ends, goes.ends) == (["leave", "abort"], ["leave"])


async def test_a_connection_that_has_asked_nothing_yet_may_do_so():
    """Its first words may be on their way; it is asked to leave once it had time for them."""
    life, line = Lifetime(), Line(fresh=True)
    life.connections.add(line)
    end = await ended(life)
    await asyncio.sleep(0)
    assert line.ends == []
    life.left(line)
    assert await end == 0
    life.connections.add(line)
    assert await life.drain(0.01) == 1
    assert line.ends == ["leave", "abort"]


async def test_a_refused_connection_holds_nothing_up():
    life, refused = Lifetime(), Line()
    life.refusing[refused] = None
    assert await life.drain(30) == 0
    assert refused.ends == ["abort"]


async def test_it_ticks_from_the_start_until_the_end():
    life, ticks = Lifetime(), asyncio.Queue()
    life.every(0.001, lambda: ticks.put_nowait(1))
    assert ticks.qsize() == 1
    assert await ticks.get() == await ticks.get() == 1
    await life.drain(0)
    left = ticks.qsize()
    await asyncio.sleep(0.01)
    assert ticks.qsize() == left
