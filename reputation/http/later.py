"""Answers that are there at once, or later: embedded state gives the former and pays nothing for the latter."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from types import CoroutineType
from typing import Any, TypeVar, cast

T = TypeVar("T")
R = TypeVar("R")

Later = Coroutine[Any, Any, T]


def then(found: T | Later[T], finish: Callable[[T], R]) -> R | Later[R]:
    """Go on with what was found, now or when it is there."""
    if isinstance(found, CoroutineType):
        return _finished(found, finish)
    return finish(cast("T", found))


async def _finished(found: Awaitable[T], finish: Callable[[T], R]) -> R:
    return finish(await found)


def together(found: Iterable[T | Later[T]]) -> list[T] | Later[list[T]]:
    """Return all of them, in order; those that come later are waited for together."""
    several = [*found]
    if any(isinstance(one, CoroutineType) for one in several):
        return _gathered(several)
    return cast("list[T]", several)


async def _gathered(several: list[T | Later[T]]) -> list[T]:
    later = iter(await asyncio.gather(*[one for one in several if isinstance(one, CoroutineType)]))
    return [next(later) if isinstance(one, CoroutineType) else cast("T", one) for one in several]
