"""One verdict, several buckets: taken all or none. Pure arithmetic over buckets, the clock is an argument."""

from collections.abc import Sequence
from typing import NamedTuple

from reputation.bucket import Bucket, retry_after, settled, spend
from reputation.events import BindingLimit, LimitState, Scope


class Charge(NamedTuple):
    """A bucket that a verdict draws on, and what it is called in the answer."""

    name: str
    scope: Scope
    bucket: Bucket


class Taken(NamedTuple):
    """What came of a take. `wait` is 0 if it was granted; `binding` is the index of the tightest bucket."""

    wait: float
    binding: int
    states: tuple[LimitState, ...]


def take_all(charges: Sequence[Charge], cost: float, now: float) -> Taken:
    """Take `cost` from every bucket, or from none if one of them lacks it.

    `wait` is the longest `retry_after`: by then every one of them holds the cost, if nobody else draws.
    """
    wait, binding = 0.0, 0
    for i, charge in enumerate(charges):
        bucket = charge.bucket
        if settled(bucket, now) < cost:
            lack = retry_after(bucket, cost, now)
            if lack > wait:
                wait, binding = lack, i
    if wait:
        return Taken(wait, binding, tuple(_state(c, settled(c.bucket, now)) for c in charges))
    least = 2.0
    states = []
    for i, charge in enumerate(charges):
        remaining = spend(charge.bucket, cost, now)
        states.append(_state(charge, remaining))
        share = remaining / charge.bucket.limit.burst
        if share < least:
            least, binding = share, i
    return Taken(0.0, binding, tuple(states))


def _state(charge: Charge, remaining: float) -> LimitState:
    limit = charge.bucket.limit
    return LimitState(charge.name, limit.rate, limit.burst, remaining, charge.scope)


def binding_limit(unit: str, state: LimitState) -> BindingLimit:
    """Return the limit that binds, as the answer's `limit`."""
    return BindingLimit(unit, state.rate, state.burst, state.remaining, state.scope)
