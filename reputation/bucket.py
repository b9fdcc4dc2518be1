"""Token buckets as `(tokens, at)`: pure arithmetic on float seconds, the clock is an argument.

`(tokens, at)` rather than a theoretical arrival time, because a limit that changes must not change what was
spent: the bucket is settled at its old rate first (golang.org/x/time/rate, SetLimitAt).
"""

import math

from msgspec import Struct

NEVER = 86_400.0
"""The `retry_after` of a cost that no waiting makes fit: above the burst, or no refill. In seconds."""


class Limit(Struct, frozen=True, gc=False):
    """A token bucket's shape: `rate` tokens a second up to `burst` tokens."""

    rate: float
    burst: float


class Bucket(Struct, gc=False):
    """One bucket's state: it held `tokens` at the time `at`, and has been filling at `limit` since.

    Mutable and 88 bytes with its floats; a million accounts have two of them each.
    """

    tokens: float
    at: float
    limit: Limit


def full(limit: Limit, now: float) -> Bucket:
    """Make the bucket of somebody not seen before."""
    return Bucket(limit.burst, now, limit)


def settled(bucket: Bucket, now: float) -> float:
    """Tokens at `now`; a clock that went backwards earns nothing."""
    elapsed = now - bucket.at
    if elapsed <= 0.0:
        return bucket.tokens
    tokens = bucket.tokens + elapsed * bucket.limit.rate
    burst = bucket.limit.burst
    return min(burst, tokens)


def change_limit(bucket: Bucket, limit: Limit, now: float) -> None:
    """Settle at the old rate, then go on at the new one; what exceeds the new burst is lost."""
    bucket.tokens = min(settled(bucket, now), limit.burst)
    bucket.at = max(bucket.at, now)
    bucket.limit = limit


def spend(bucket: Bucket, cost: float, now: float) -> float:
    """Take `cost` from a bucket that is known to hold it (or must go into debt) and say what remains."""
    tokens = settled(bucket, now) - cost
    bucket.tokens = tokens
    bucket.at = max(bucket.at, now)
    return tokens


def retry_after(bucket: Bucket, cost: float, now: float) -> float:
    """Seconds until the bucket holds `cost`: denied at any clock reading before, allowed at `now + retry_after`.

    The arithmetic of `settled` rounds, so the quotient is stepped to the first float time at which it says yes.
    """
    limit = bucket.limit
    if settled(bucket, now) >= cost:
        return 0.0
    if cost > limit.burst or limit.rate <= 0.0:
        return NEVER
    start = max(bucket.at, now)
    when = start + (cost - settled(bucket, start)) / limit.rate
    if when - now >= NEVER:
        return when - now
    while settled(bucket, when) < cost:
        when = math.nextafter(when, math.inf)
    while when > now and settled(bucket, before := math.nextafter(when, 0.0)) >= cost:
        when = before
    return when - now


def take(bucket: Bucket, cost: float, now: float) -> float:
    """Take `cost` if the bucket holds it and return 0; otherwise leave it alone and return `retry_after`."""
    if settled(bucket, now) < cost:
        return retry_after(bucket, cost, now)
    spend(bucket, cost, now)
    return 0.0
