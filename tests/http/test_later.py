"""Answers that are there at once are given at once; others are waited for together and keep their order."""

import asyncio

from reputation.http.later import then, together


async def later(value, turns):
    for _ in range(turns):
        await asyncio.sleep(0)
    return value


def test_what_is_there_is_finished_at_once():
    assert then(20, lambda found: found + 1) == 21
    assert together(iter([1, 2])) == [1, 2]


async def test_what_comes_later_is_finished_when_it_comes():
    assert await then(later(20, 3), lambda found: found + 1) == 21


async def test_answers_keep_their_order_whichever_comes_first():
    assert await together([later("a", 9), "b", later("c", 1)]) == ["a", "b", "c"]
