"""Token buckets as `(tokens, at)`: pure arithmetic on float seconds, the clock is an argument.

Time enters a bucket in `settled` alone: an `at` later than now becomes now. So a clock that was set back costs no
more than the wait that the bucket itself asks for, and a clock that was set forward gives one burst at most.

`(tokens, at)` rather than a theoretical arrival time, because a limit that changes must not change what was
spent: the bucket is settled at its old rate first (golang.org/x/time/rate, SetLimitAt).
"""

import math
from typing import Final

from reputation.wire.values import mypyc_attr

NEVER: Final = math.inf
"""The `retry_after` of a cost that no waiting makes fit: above the burst, or no refill."""


REMEMBERED: Final = 30 * 86_400.0
"""Seconds without use after which a bucket under a smaller limit counts as full: at the larger one it would be."""


@mypyc_attr(acyclic=True)
class Limit:
    """A token bucket's shape: `rate` tokens a second up to `burst` tokens. A value."""

    __slots__ = ("burst", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate: Final = rate
        self.burst: Final = burst

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Limit) and self.rate == other.rate and self.burst == other.burst

    def __hash__(self) -> int:
        return hash((self.rate, self.burst))

    def __repr__(self) -> str:
        return f"Limit({self.rate!r}, {self.burst!r})"


@mypyc_attr(acyclic=True)
class Withheld:
    """What a smaller limit withholds: `tokens` above its burst, which a larger one gives back.

    burst: the largest burst since; tokens of the bucket and these are never more together.
    """

    __slots__ = ("burst", "tokens")

    def __init__(self, tokens: float, burst: float) -> None:
        self.tokens = tokens
        self.burst: Final = burst


@mypyc_attr(acyclic=True)
class Bucket:
    """One bucket's state: it held `tokens` at the time `at`, and has been filling at `limit` since.

    Mutable and 56 bytes with its floats; a million accounts have two of them each. withheld: None unless its limit
    was larger before.
    """

    __slots__ = ("at", "limit", "tokens", "withheld")

    def __init__(self, tokens: float, at: float, limit: Limit, withheld: Withheld | None = None) -> None:
        self.tokens = tokens
        self.at = at
        self.limit = limit
        self.withheld = withheld

    def __repr__(self) -> str:
        return f"Bucket({self.tokens!r}, {self.at!r}, {self.limit!r})"


def full(limit: Limit, now: float) -> Bucket:
    """Make the bucket of a new account."""
    return Bucket(limit.burst, now, limit)


def settled(bucket: Bucket, now: float) -> float:
    """Tokens at `now`; after a clock went backwards nothing is earned, and the bucket continues from there."""
    if bucket.at > now:  # noqa: PLR1730 - `min` would write each time
        bucket.at = now
    return _held(bucket, now)


def _held(bucket: Bucket, when: float) -> float:
    """Tokens at a time not before the bucket's own."""
    tokens = bucket.tokens + (when - bucket.at) * bucket.limit.rate
    burst = bucket.limit.burst
    return min(burst, tokens)


def change_limit(bucket: Bucket, limit: Limit, now: float) -> None:
    """Settle at the old rate, then use the new one; tokens above a smaller burst are withheld until it grows again.

    So an account whose tier falls for a minute loses nothing of its day, and a limit that toggles gives nothing: what
    the bucket holds and what is withheld is all that it held before.
    """
    tokens, before, burst = settled(bucket, now), bucket.limit.burst, limit.burst
    withheld, most = 0.0, before
    if bucket.withheld is not None:
        withheld, most = bucket.withheld.tokens, bucket.withheld.burst
    if burst > before:  # so much as there is more room, and no more: what was spent under the smaller limit stays spent
        back = min(withheld, burst - before)
        tokens, withheld = tokens + back, withheld - back
    elif tokens > burst:
        withheld += tokens - burst
    bucket.tokens = min(tokens, burst)
    bucket.at = now
    bucket.limit = limit
    bucket.withheld = Withheld(min(withheld, most - burst), most) if most > burst else None


def in_all(bucket: Bucket, now: float) -> float:
    """Tokens at `now`, those withheld too."""
    tokens = settled(bucket, now)
    return tokens if bucket.withheld is None else tokens + bucket.withheld.tokens


def is_full(bucket: Bucket, now: float) -> bool:
    """Say whether a bucket is worth no more than none.

    One under a smaller limit is, once its rate has earned what the larger limit would hold, or it was REMEMBERED.
    """
    if settled(bucket, now) < bucket.limit.burst:
        return False
    idle, withheld = now - bucket.at, bucket.withheld
    if withheld is None or idle >= REMEMBERED:
        return True
    return bucket.tokens + idle * bucket.limit.rate + withheld.tokens >= withheld.burst


def copy_of(bucket: Bucket) -> Bucket:
    """Copy a bucket."""
    withheld = bucket.withheld
    copied = None if withheld is None else Withheld(withheld.tokens, withheld.burst)
    return Bucket(bucket.tokens, bucket.at, bucket.limit, copied)


def spend(bucket: Bucket, cost: float, now: float) -> float:
    """Take `cost` from a bucket (checked before, or into debt) and return the remaining tokens."""
    tokens = settled(bucket, now) - cost
    bucket.tokens = tokens
    bucket.at = now
    return tokens


def refund(bucket: Bucket, amount: float, now: float) -> None:
    """Give tokens back, never above the burst; a negative amount is charged, into debt if necessary.

    Tokens above a burst that was larger before are withheld with the others.
    """
    tokens, burst, withheld = settled(bucket, now) + amount, bucket.limit.burst, bucket.withheld
    if tokens > burst and withheld is not None:
        withheld.tokens = min(withheld.tokens + (tokens - burst), withheld.burst - burst)
    bucket.tokens = min(tokens, burst)
    bucket.at = now


def move(bucket: Bucket | None, seconds: float) -> None:
    """Let a bucket follow a step of the clock, so that the step changes nothing that it earned."""
    if bucket is not None:
        bucket.at += seconds


def retry_after(bucket: Bucket, cost: float, now: float) -> float:
    """Seconds until the bucket holds `cost`: denied at any clock reading before `now + retry_after`, allowed at it."""
    held, limit = settled(bucket, now), bucket.limit
    if held >= cost:
        return 0.0
    if cost > limit.burst or limit.rate <= 0.0:
        return NEVER
    guess = now + (cost - held) / limit.rate
    if guess == math.inf:
        return NEVER
    when = _first_time(bucket, cost, now, guess)
    wait = when - now
    while now + wait < when:  # a difference is rounded where the clock is near 0
        wait = math.nextafter(wait, math.inf)
    return wait


def _first_time(bucket: Bucket, cost: float, start: float, guess: float) -> float:
    """Find the first float time after `start` when the bucket holds `cost`; `guess` is it but for rounding.

    The arithmetic of `_held` rounds, but never falls as time goes on, so the two are bracketed in doubling steps
    and then halved: one float of the clock may be as fine as 1e-16 of a float of the tokens, or the other way round.
    """
    if _held(bucket, guess) >= cost > _held(bucket, math.nextafter(guess, 0.0)):
        return guess
    step = math.ulp(guess)
    low = high = guess
    while _held(bucket, high) < cost:
        low, high, step = high, high + step, step * 2
    while low > start and _held(bucket, low) >= cost:
        low, high, step = max(low - step, start), low, step * 2
    while low < (middle := low + (high - low) / 2) < high:
        low, high = (low, middle) if _held(bucket, middle) >= cost else (middle, high)
    return high


def take(bucket: Bucket, cost: float, now: float) -> float:
    """Take `cost` if the bucket holds it and return 0; otherwise leave it alone and return `retry_after`."""
    if settled(bucket, now) < cost:
        return retry_after(bucket, cost, now)
    spend(bucket, cost, now)
    return 0.0
