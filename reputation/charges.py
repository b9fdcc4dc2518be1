"""One verdict, several buckets: taken all or none. Pure arithmetic over buckets, the clock is an argument."""

from collections.abc import Hashable, Sequence

from msgspec import Struct

from reputation.bucket import Bucket, retry_after, settled, spend
from reputation.events import BindingLimit, LimitState, Scope


class Charge(Struct, frozen=True, gc=False):
    """A bucket that a verdict draws on, and what it is called in the answer.

    key names the bucket in every store, such as `("burst", "acct_42")`; bucket is this process's copy of it.
    """

    name: str
    scope: Scope
    key: tuple[Hashable, ...]
    bucket: Bucket


Draw = Sequence[Charge]
"""Buckets that are drawn on together."""


class Taken(Struct, frozen=True, gc=False):
    """What came of a take from `draw`. `wait` is 0 if it was granted; `binding` is the index of the tightest bucket."""

    wait: float
    binding: int
    states: tuple[LimitState, ...]
    draw: Draw


def take_first(draws: Sequence[Draw], cost: float, now: float) -> Taken:
    """Take `cost` from the first draw that holds it; if none does, say which will first.

    A payer's floor and its cluster's purse are such alternatives.
    """
    for draw in draws:
        if holds(draw, cost, now):
            return _granted(draw, cost, now)
    return min((_denied(draw, cost, now) for draw in draws), key=_wait)


def holds(draw: Draw, cost: float, now: float) -> bool:
    """Whether every bucket holds `cost`."""
    for charge in draw:  # noqa: SIM110 - a generator costs more than the whole take
        if settled(charge.bucket, now) < cost:
            return False
    return True


def _granted(draw: Draw, cost: float, now: float) -> Taken:
    binding, least = 0, 2.0
    states: list[LimitState] = []
    for charge in draw:
        bucket = charge.bucket
        remaining = spend(bucket, cost, now)
        limit = bucket.limit
        burst = limit.burst
        if remaining < least * burst:
            binding, least = len(states), remaining / burst
        states.append(LimitState(charge.name, limit.rate, burst, remaining, charge.scope))
    return Taken(0.0, binding, tuple(states), draw)


def _denied(draw: Draw, cost: float, now: float) -> Taken:
    wait, binding = 0.0, 0
    states: list[LimitState] = []
    for charge in draw:
        bucket = charge.bucket
        limit, held = bucket.limit, settled(bucket, now)
        if held < cost and (lack := retry_after(bucket, cost, now)) > wait:
            wait, binding = lack, len(states)
        states.append(LimitState(charge.name, limit.rate, limit.burst, held, charge.scope))
    return Taken(wait, binding, tuple(states), draw)


def _wait(taken: Taken) -> float:
    return taken.wait


def binding_limit(unit: str, state: LimitState) -> BindingLimit:
    """Return the limit that binds, as the answer's `limit`."""
    return BindingLimit(unit, state.rate, state.burst, state.remaining, state.scope)
