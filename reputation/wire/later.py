"""Answers at once or later. Embedded state answers at once, without the cost of waiting."""

from collections.abc import Awaitable, Callable, Generator, Iterable
from typing import Any, Generic, TypeGuard, TypeVar, cast

from reputation.wire.errors import Problem

T = TypeVar("T")
R = TypeVar("R")

Later = Awaitable[T]
"""An answer that comes in a later turn of the loop: a Pending, or what an async function gives."""
Heard = Callable[[Any, Exception | None], None]
"""Called with a value, or with the error in its place."""
Step = tuple[Callable[[Any], Any], bool]
"""A function of a value, or of a problem."""


class Pending(Generic[T]):
    """A value that comes later, for one reader. It costs no task and no turn of the loop, as a Future would.

    The steps are carried out, in order, by the call of `resolve`. What the last one gives is for `hear`, or for the
    function that awaits.
    """

    __slots__ = ("_done", "_error", "_hears", "_steps", "_value")

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._hears: Heard | None = None
        self._done = False
        self._value: Any = None
        self._error: Exception | None = None

    def then(self, finish: Callable[[T], R]) -> "Pending[R]":
        """Make another value of this one; from here on this one is that."""
        self._add((finish, False))
        return cast("Pending[R]", self)

    def rescue(self, finish: Callable[[Problem], R]) -> "Pending[T | R]":
        """Make a value of a problem that an earlier step raised."""
        self._add((finish, True))
        return cast("Pending[T | R]", self)

    def _add(self, step: Step) -> None:
        if self._done:
            self._take(step)
        else:
            self._steps.append(step)

    def resolve(self, value: T) -> None:
        """Carry out all steps, once. An error of theirs is for the reader, one of the reader for the loop's handler."""
        self._done = True
        self._value = value
        for step in self._steps:
            self._take(step)
        self._steps = []
        if self._hears is None:
            return
        try:
            self._hears(self._value, self._error)
        except Exception as error:  # noqa: BLE001 - others wait for values of the same turn
            _report(error)

    def _take(self, step: Step) -> None:
        finish, rescues = step
        error = self._error
        if (error is not None) != rescues or (rescues and not isinstance(error, Problem)):
            return
        try:
            self._value, self._error = finish(error if rescues else self._value), None
        except Exception as raised:  # noqa: BLE001 - the reader gets it
            self._value, self._error = None, raised

    def hear(self, heard: Heard) -> None:
        """Name the reader; it is called in a later turn."""
        if self._done:
            import asyncio  # noqa: PLC0415 - every command loads this module, and few of them wait

            asyncio.get_running_loop().call_soon(heard, self._value, self._error)
        else:
            self._hears = heard

    def __await__(self) -> Generator[Any, None, T]:
        if not self._done:
            import asyncio  # noqa: PLC0415 - as above

            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._hears = lambda _value, _error: None if future.done() else future.set_result(None)
            yield from future
        if self._error is not None:
            raise self._error
        return cast("T", self._value)


def _report(error: Exception) -> None:
    import asyncio  # noqa: PLC0415 - as above

    context = {"message": "the reader of a pending value failed", "exception": error}
    asyncio.get_running_loop().call_exception_handler(context)


def _is_later(found: T | Later[T]) -> TypeGuard[Later[T]]:
    """Decide by its method: `types` and `inspect` do not know the result type of a compiled async function."""
    return hasattr(found, "__await__")


def then(found: T | Later[T], finish: Callable[[T], R]) -> R | Later[R]:
    """Continue with an answer, now or once it is ready."""
    return afterwards(found, finish) if _is_later(found) else finish(cast("T", found))


def afterwards(found: Later[T], finish: Callable[[T], R]) -> Later[R]:
    """Continue with an answer once it is ready."""
    return found.then(finish) if isinstance(found, Pending) else _finished(found, finish)


async def _finished(found: Awaitable[T], finish: Callable[[T], R]) -> R:
    return finish(await found)


def deliver(found: Later[T], heard: Heard, started: Callable[[Any], None]) -> None:
    """Give an answer to its reader once it is ready. started: gets the task that waits for it, where one has to."""
    if isinstance(found, Pending):
        found.hear(heard)
        return
    import asyncio  # noqa: PLC0415 - as above

    started(asyncio.get_running_loop().create_task(_delivered(found, heard)))


async def _delivered(found: Later[T], heard: Heard) -> None:
    try:
        value = await found
    except Exception as error:  # noqa: BLE001 - the reader gets it
        heard(None, error)
    else:
        heard(value, None)


def rescued(found: Later[T], finish: Callable[[Problem], T]) -> Later[T]:
    """Make an answer of a problem, once there is one."""
    return found.rescue(finish) if isinstance(found, Pending) else _rescued(found, finish)


async def _rescued(found: Later[T], finish: Callable[[Problem], T]) -> T:
    try:
        return await found
    except Problem as problem:
        return finish(problem)


def together(found: Iterable[T | Later[T]]) -> list[T] | Later[list[T]]:
    """Return all answers, in order; later answers are awaited together."""
    several = [*found]
    if any(_is_later(one) for one in several):
        return _gathered(several)
    return cast("list[T]", several)


async def _gathered(several: list[T | Later[T]]) -> list[T]:
    import asyncio  # noqa: PLC0415 - as above

    later = iter(await asyncio.gather(*[one for one in several if _is_later(one)]))
    return [next(later) if _is_later(one) else cast("T", one) for one in several]
