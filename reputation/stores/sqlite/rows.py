"""Stored rows of accounts, buckets and densities: short msgpack arrays, and the way a bucket is restored.

Arrays grow at their end alone, with a default, so that an older file needs no migration for a new member.
"""

from collections.abc import Hashable, Sequence
from math import inf
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from reputation.limits.bucket import Bucket, Limit, Withheld
from reputation.state.crowds import Row, kept_rung
from reputation.state.facts import NOTHING
from reputation.state.history import visits
from reputation.state.transactions import AccountData
from reputation.stores.fact_rows import facts_in, facts_out

CROWDS = ("known", "met", "strangers")
"""An account's crowd; its index is the second byte of what is written, so that it is read without decoding."""

Gap = tuple[float, float]
"""From the last durable write before an unclean stop until the start after it: no bucket earns for that time."""
MOST_GAPS = 64
"""Gaps kept of a file."""
KeptBucket = Annotated[tuple[float, ...], Meta(min_length=4, max_length=6)]
"""tokens, at, rate, burst; and of a bucket whose limit was larger before: tokens withheld, and the larger burst"""

_encode = msgspec.msgpack.Encoder().encode
_limits: dict[tuple[float, float], Limit] = {}
MOST_LIMITS = 4096


class _Rung(Struct, array_like=True, gc=False):
    plan: str
    rung: str
    units: Annotated[float, Meta(gt=0, le=1e18)]
    recent: bool


class _Account(Struct, array_like=True, gc=False):
    crowd: Annotated[int, Meta(ge=0, le=2)]
    series: int
    tier: Annotated[int, Meta(ge=-1, le=4)]
    days: Annotated[int, Meta(ge=0, le=1_000_000)]
    day: Annotated[int, Meta(ge=-1, le=100_000_000)]
    _: int
    __: int
    recent: bytes
    burst: KeptBucket | None
    daily: KeptBucket | None
    facts: list[Any] | None = None
    outcomes: bytes = b""
    rung: _Rung | None = None


_accounts = msgspec.msgpack.Decoder(_Account)
_buckets = msgspec.msgpack.Decoder(KeptBucket)
_keys = msgspec.msgpack.Decoder(tuple[Any, ...])


class Earning:
    """The refill of buckets in the meantime: at their rate until `now`, but nothing in the gaps."""

    def __init__(self, gaps: Sequence[Gap], now: float) -> None:
        self._gaps = gaps
        self._now = now

    def bucket(self, kept: KeptBucket) -> Bucket:
        """Restore a bucket; a time later than the clock becomes the clock's time, so the bucket keeps earning."""
        tokens, at, rate, burst = kept[:4]
        if not (abs(tokens) < inf and abs(at) < inf and rate >= 0.0 and burst >= 0.0):  # NaN fails each of them
            raise ValueError("this is no bucket")
        limit, withheld = limit_of(rate, burst), _withheld(kept)
        lost = 0.0
        for begin, end in self._gaps:
            lost += max(min(end, self._now) - max(begin, at), 0.0)
        if lost:
            earned = max(self._now - at - lost, 0.0) * rate
            return Bucket(max(min(tokens + earned, burst), min(tokens, burst)), self._now, limit, withheld)
        return Bucket(tokens, min(at, self._now), limit, withheld)


def joined(gaps: list[Gap]) -> list[Gap]:
    """Keep at most MOST_GAPS; the oldest two become one long gap, so no account earns more."""
    while len(gaps) > MOST_GAPS:
        gaps = [(gaps[0][0], gaps[1][1]), *gaps[2:]]
    return gaps


def limit_of(rate: float, burst: float) -> Limit:
    """One object for each limit: a million accounts have a handful of them."""
    limit = _limits.get((rate, burst))
    if limit is None:
        if len(_limits) >= MOST_LIMITS:
            _limits.clear()
        limit = _limits[rate, burst] = Limit(rate, burst)
    return limit


def account_body(row: Row, crowd: int, series: int) -> bytes:
    """Encode an account; its bucket as it is, after all charges."""
    facts, rung = row.facts, row.rung
    return _encode(
        (
            crowd, series, row.tier, row.days, row.day, 0, 0, row.recent,
            _kept(row.burst), _kept(row.daily), None if facts is NOTHING else facts_out(facts), row.outcomes,
            None if rung is None else (rung.plan, rung.rung, rung.units, rung.recent),
        )
    )  # fmt: skip


def account_row(body: bytes, series: int, earning: Earning) -> tuple[str, Row]:
    """Read an account; buckets of another series are forgotten. Raises one of UNREADABLE of sqlite_tenant."""
    kept = _accounts.decode(body)
    visits(kept.recent)
    current = kept.series == series
    burst = earning.bucket(kept.burst) if current and kept.burst else None
    daily = earning.bucket(kept.daily) if current and kept.daily else None
    facts = NOTHING if kept.facts is None else facts_in(kept.facts)
    row = Row(facts, burst, daily, kept.recent, kept.tier, kept.days, kept.day)
    row.outcomes = kept.outcomes
    if kept.rung is not None:
        row.rung = kept_rung(kept.rung.plan, kept.rung.rung, kept.rung.units, recent=kept.rung.recent)
    return CROWDS[kept.crowd], row


def with_data(row: Row, data: AccountData) -> Row:
    """The same account with other facts and outcomes."""
    found = Row(data.facts or NOTHING, row.burst, row.daily, row.recent, row.tier, row.days, row.day)
    found.outcomes, found.rung = data.outcomes, row.rung
    return found


def bucket_body(bucket: Bucket) -> bytes:
    return _encode(_kept(bucket))


def bucket_of(body: bytes, earning: Earning) -> Bucket:
    return earning.bucket(_buckets.decode(body))


def key_bytes(key: Hashable) -> bytes:
    """Write a shared bucket's key: a tuple of texts and whole numbers, those beyond 64 bits in decimal."""
    try:
        return _encode(key)
    except OverflowError:
        parts: Any = key
        return _encode(tuple([str(part)] if isinstance(part, int) else part for part in parts))


def key_of(data: bytes) -> tuple[Hashable, ...]:
    return tuple(int(part[0]) if isinstance(part, list) else part for part in _keys.decode(data))


def _kept(bucket: Bucket | None) -> KeptBucket | None:
    if bucket is None:
        return None
    limit, withheld = bucket.limit, bucket.withheld
    kept = bucket.tokens, bucket.at, limit.rate, limit.burst
    return kept if withheld is None else (*kept, withheld.tokens, withheld.burst)


def _withheld(kept: KeptBucket) -> Withheld | None:
    """Read what is withheld of a bucket. Raises ValueError for what cannot be."""
    burst, *larger = kept[3:]
    if not larger:
        return None
    tokens, most = larger
    if not (most > burst and 0.0 <= tokens <= most - burst):  # NaN fails each of them
        raise ValueError("this is no bucket")
    return Withheld(tokens, most)
