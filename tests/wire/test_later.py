"""Answers that are there at once are given at once; others are waited for together and keep their order."""

import asyncio

import pytest

from reputation.wire.errors import NotFound, Problem
from reputation.wire.later import Pending, afterwards, deliver, rescued, then, together


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


def raising(error):
    def step(_):
        raise error

    return step


async def test_the_steps_of_a_pending_value_are_carried_out_when_it_comes():
    """Without a turn of the loop: the last value is there when `resolve` returns."""
    pending, heard = Pending(), []
    deliver(then(afterwards(pending, lambda found: found + 1), str), lambda *found: heard.append(found), heard.append)
    assert heard == []
    pending.resolve(20)
    assert heard == [("21", None)]


@pytest.mark.parametrize("early", [True, False])
async def test_a_pending_value_can_be_awaited_before_and_after_it_came(early):
    pending = Pending()
    asyncio.get_running_loop().call_soon(pending.resolve, 20)
    if not early:
        await asyncio.sleep(0)
    assert await then(pending, lambda found: found + 1) == 21
    assert await together([then(pending, lambda found: found + 1), "b"]) == [22, "b"]


@pytest.mark.parametrize("make", [Pending, lambda: later(20, 2)])
@pytest.mark.parametrize("error", [NotFound("none"), KeyError("a bug")])
async def test_a_problem_of_a_step_is_rescued_and_any_other_error_is_the_reader_s(make, error):
    found, tasks, heard = make(), [], []
    answer = rescued(afterwards(found, raising(error)), lambda problem: problem.detail)
    deliver(answer, lambda *one: heard.append(one), tasks.append)
    if isinstance(found, Pending):
        found.resolve(20)
    await asyncio.gather(*tasks)
    assert heard == [("none", None) if isinstance(error, Problem) else (None, error)]


async def test_a_reader_that_fails_keeps_no_other_from_its_value():
    loop, reports, heard = asyncio.get_running_loop(), [], []
    loop.set_exception_handler(lambda _, context: reports.append(context["exception"]))
    several = [Pending(), Pending()]
    several[0].hear(lambda *_: raising(KeyError("a bug"))(None))
    several[1].hear(lambda *found: heard.append(found))
    for one in several:
        one.resolve(1)
    assert heard == [(1, None)]
    assert [type(one) for one in reports] == [KeyError]


async def test_a_reader_that_stopped_waiting_changes_nothing():
    pending = Pending()
    waiting = asyncio.ensure_future(then(pending, str))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    pending.resolve(20)
    assert await pending == "20"
