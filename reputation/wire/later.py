"""Answers at once or later. Embedded state answers at once, without the cost of waiting."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeGuard, TypeVar, cast

T = TypeVar("T")
R = TypeVar("R")

Later = Coroutine[Any, Any, T]


def _is_later(found: T | Later[T]) -> TypeGuard[Later[T]]:
    """Decide by its method: `types` and `inspect` do not know the result type of a compiled async function."""
    return hasattr(found, "__await__")


def then(found: T | Later[T], finish: Callable[[T], R]) -> R | Later[R]:
    """Continue with an answer, now or once it is ready."""
    if _is_later(found):
        return _finished(found, finish)
    return finish(cast("T", found))


async def _finished(found: Awaitable[T], finish: Callable[[T], R]) -> R:
    return finish(await found)


def together(found: Iterable[T | Later[T]]) -> list[T] | Later[list[T]]:
    """Return all answers, in order; later answers are awaited together."""
    several = [*found]
    if any(_is_later(one) for one in several):
        return _gathered(several)
    return cast("list[T]", several)


async def _gathered(several: list[T | Later[T]]) -> list[T]:
    import asyncio  # noqa: PLC0415 - every command loads this module, and few of them wait

    later = iter(await asyncio.gather(*[one for one in several if _is_later(one)]))
    return [next(later) if _is_later(one) else cast("T", one) for one in several]
