"""Answers that are there at once, or later: embedded state gives the former and pays nothing for the latter."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeGuard, TypeVar, cast

T = TypeVar("T")
R = TypeVar("R")

Later = Coroutine[Any, Any, T]


def _is_later(found: T | Later[T]) -> TypeGuard[Later[T]]:
    """Tell by its method: what a compiled async function returns is of no type that `types` or `inspect` know."""
    return hasattr(found, "__await__")


def then(found: T | Later[T], finish: Callable[[T], R]) -> R | Later[R]:
    """Go on with what was found, now or when it is there."""
    if _is_later(found):
        return _finished(found, finish)
    return finish(cast("T", found))


async def _finished(found: Awaitable[T], finish: Callable[[T], R]) -> R:
    return finish(await found)


def together(found: Iterable[T | Later[T]]) -> list[T] | Later[list[T]]:
    """Return all of them, in order; those that come later are waited for together."""
    several = [*found]
    if any(_is_later(one) for one in several):
        return _gathered(several)
    return cast("list[T]", several)


async def _gathered(several: list[T | Later[T]]) -> list[T]:
    later = iter(await asyncio.gather(*[one for one in several if _is_later(one)]))
    return [next(later) if _is_later(one) else cast("T", one) for one in several]
