"""Batches in slices: nothing waits for a whole batch, and answers are all there, in order."""

import asyncio

import pytest

from reputation.checkapi.batches import AT_ONCE, SLICE, Batches

ITEMS = [b"%d" % number for number in range(200)]


class Work:
    """Answers each item by itself, and says on its own clock that it took a while; counts the items by turn."""

    def __init__(self, each, later=()):
        self.now = 0.0
        self.turn = 0
        self.began = []
        self._each = each
        self._later = later

    def answer(self, item):
        self.now += self._each
        self.began.append((self.turn, item))
        return self._when_asked(item) if item in self._later else item

    async def _when_asked(self, item):
        await asyncio.sleep(0)
        return item

    async def count_turns(self):
        while True:
            self.turn += 1
            await asyncio.sleep(0)

    def most_in_a_turn(self):
        turns = [turn for turn, _ in self.began]
        return max(turns.count(turn) for turn in turns)

    def batches(self):
        return Batches(lambda: self.now)


async def done(found):
    return found if isinstance(found, list) else await found


async def together(work, *asked):
    """Ask for several batches in one turn, and answer them all."""
    counter = asyncio.ensure_future(work.count_turns())
    await asyncio.sleep(0)
    batches = work.batches()
    found = await asyncio.gather(*[done(one) for one in [batches.answer(items, work.answer) for items in asked]])
    counter.cancel()
    return found


def test_a_batch_of_one_slice_is_answered_at_once():
    work = Work(SLICE / 1000)
    assert work.batches().answer(ITEMS, work.answer) == ITEMS


@pytest.mark.parametrize("later", [(), ITEMS[::3], ITEMS])
async def test_answers_are_in_order_whenever_they_come(later):
    assert await together(Work(SLICE / 7, later), ITEMS) == [ITEMS]


@pytest.mark.parametrize("count", [1, 2, 20])
async def test_all_batches_together_take_one_slice_a_turn(count):
    work = Work(SLICE / 10)
    assert await together(work, *[ITEMS] * count) == [ITEMS] * count
    assert work.most_in_a_turn() <= 12


async def test_an_earlier_batch_comes_before_a_later_one():
    work = Work(SLICE / 10)
    await together(work, ITEMS, [b"last"])
    assert work.began[-1][1] == b"last"


async def test_of_answers_from_shared_state_few_begin_in_a_turn():
    work = Work(0.0, ITEMS)
    assert await together(work, ITEMS) == [ITEMS]
    assert work.most_in_a_turn() == AT_ONCE


async def test_a_failure_lets_the_next_batch_go_on():
    work = Work(SLICE / 10)
    batches = work.batches()
    first = batches.answer([*ITEMS, b"bad"], lambda item: 1 / 0 if item == b"bad" else work.answer(item))
    second = batches.answer(ITEMS, work.answer)
    with pytest.raises(ZeroDivisionError):
        await first
    assert await second == ITEMS
    assert isinstance(batches.answer([b"a"], work.answer), list)
