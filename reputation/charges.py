"""One verdict, several buckets: taken all or none. Pure arithmetic over buckets, the clock is an argument."""

from collections.abc import Sequence

from msgspec import Struct

from reputation.bucket import Bucket, retry_after, settled, spend
from reputation.events import BindingLimit, LimitState, Scope


class Charge(Struct, frozen=True, gc=False):
    """A bucket that a verdict draws on, and what it is called in the answer."""

    name: str
    scope: Scope
    bucket: Bucket


class Taken(Struct, frozen=True, gc=False):
    """What came of a take. `wait` is 0 if it was granted; `binding` is the index of the tightest bucket."""

    wait: float
    binding: int
    states: tuple[LimitState, ...]


def take_all(charges: Sequence[Charge], cost: float, now: float) -> Taken:
    """Take `cost` from every bucket, or from none if one of them lacks it.

    `wait` is the longest `retry_after`: by then every one of them holds the cost, if nobody else draws.
    """
    for charge in charges:
        if settled(charge.bucket, now) < cost:
            return _denied(charges, cost, now)
    binding, least = 0, 2.0
    states: list[LimitState] = []
    for charge in charges:
        bucket = charge.bucket
        remaining = spend(bucket, cost, now)
        limit = bucket.limit
        burst = limit.burst
        if remaining < least * burst:
            binding, least = len(states), remaining / burst
        states.append(LimitState(charge.name, limit.rate, burst, remaining, charge.scope))
    return Taken(0.0, binding, tuple(states))


def _denied(charges: Sequence[Charge], cost: float, now: float) -> Taken:
    wait, binding = 0.0, 0
    states: list[LimitState] = []
    for charge in charges:
        bucket = charge.bucket
        limit, held = bucket.limit, settled(bucket, now)
        if held < cost and (lack := retry_after(bucket, cost, now)) > wait:
            wait, binding = lack, len(states)
        states.append(LimitState(charge.name, limit.rate, limit.burst, held, charge.scope))
    return Taken(wait, binding, tuple(states))


def binding_limit(unit: str, state: LimitState) -> BindingLimit:
    """Return the limit that binds, as the answer's `limit`."""
    return BindingLimit(unit, state.rate, state.burst, state.remaining, state.scope)
