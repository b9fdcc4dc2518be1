"""Answers that are there at once are given at once; others are waited for together and keep their order."""

import asyncio

from reputation.wire.later import then, together


class Compiled:
    """What an async function gives that mypyc compiled: awaitable, and of a type of its own."""

    def __init__(self, work):
        self._work = work

    def __await__(self):
        return self._work.__await__()


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


async def test_what_a_compiled_function_gives_is_waited_for():
    assert await then(Compiled(later(20, 3)), lambda found: found + 1) == 21
    assert await together([Compiled(later("a", 2)), "b"]) == ["a", "b"]
