"""Envoy's rate limit quota service (RLQS): each Envoy gets its share of each quota bucket in advance. Pure.

A quota is divided evenly among the Envoys that report its bucket. Evenly, and not by demand, because Envoy starts a
token bucket full whenever its assignment changes: shares that followed demand would hand out the burst again and again.
"""

import math
from collections.abc import Iterable, Mapping

from msgspec import Struct

from .grpc_parts import decoded
from .messages_pb2 import RateLimitQuotaResponse, RateLimitQuotaUsageReports
from .settings import EnvoySettings, Quota

METHOD = b"/envoy.service.rate_limit_quota.v3.RateLimitQuotaService/StreamRateLimitQuotas"
FILL = 3600
"""Seconds between fills, the same in every assignment: Envoy takes whole seconds, does not see that they alone changed,
and fills continuously anyway. An hour makes a rate as fine as one request an hour."""
MOST_BUCKETS = 10_000  # of one stream
IDLE = 300.0  # seconds without a request, after which a bucket is abandoned
OTHERS = "*"

Bucket = tuple[tuple[str, str], ...]
Kept = tuple[str, Bucket]


class BucketHold(Struct):
    """A stream's hold on a bucket: when it last reported it, and when it last saw a request."""

    reported: float
    used: float


def decode(body: bytes) -> RateLimitQuotaUsageReports:
    """Read Envoy's message. Raises BadRequest."""
    return decoded(RateLimitQuotaUsageReports, body)


def quota_of(bucket: Bucket, quotas: Mapping[str, Mapping[str, Quota]]) -> Quota | None:
    """The tightest quota for one of the bucket's pairs, its own value before any other; None without a match."""
    fitting = [found for key, value in bucket if (found := _quota(quotas.get(key, {}), value)) is not None]
    return min(fitting, key=lambda quota: quota.rate, default=None)


def _quota(values: Mapping[str, Quota], value: str) -> Quota | None:
    return values.get(value) or values.get(OTHERS)


def share(quota: Quota, envoys: int) -> tuple[int, int]:
    """One Envoy's part: tokens at once, and tokens each FILL; together no more than the quota, but at least 1 each."""
    return max(1, math.floor(quota.burst / envoys)), max(1, math.floor(quota.rate * FILL / envoys))


class Quotas:
    """The buckets of each stream. Streams are numbered by the caller; memory is MOST_BUCKETS a stream."""

    def __init__(self) -> None:
        self.refused = 0  # buckets above MOST_BUCKETS
        self._holders: dict[Kept, dict[int, BucketHold]] = {}
        self._streams: dict[int, dict[Kept, None]] = {}
        self._settings: dict[str, EnvoySettings] = {}

    def report(
        self, stream: int, tenant: str, settings: EnvoySettings, message: RateLimitQuotaUsageReports, now: float
    ) -> dict[int, bytes]:
        """Take a report, and return the assignments to send: the reported buckets, and others with a new share."""
        self._settings[tenant] = settings
        mine = self._streams.setdefault(stream, {})
        reported: dict[Kept, None] = {}
        changed: dict[Kept, None] = {}
        for usage in message.bucket_quota_usages:
            kept = (tenant, tuple(sorted(usage.bucket_id.bucket.items())))
            if not kept[1] or (kept not in mine and not self._has_room(mine)):
                continue
            used = usage.num_requests_allowed + usage.num_requests_denied > 0
            reported[kept] = None
            if self._hold(stream, kept, now, used=used):
                changed[kept] = None
        return self._answers(stream, reported, changed)

    def close(self, stream: int) -> dict[int, bytes]:
        """Forget a stream, and return the assignments for other streams with the same buckets."""
        changed = dict(self._streams.pop(stream, {}))
        for kept in changed:
            self._release(stream, kept)
        return self._answers(stream, {}, changed)

    def _has_room(self, mine: Mapping[Kept, None]) -> bool:
        if len(mine) < MOST_BUCKETS:
            return True
        self.refused += 1
        return False

    def _hold(self, stream: int, kept: Kept, now: float, *, used: bool) -> bool:
        """Note a report of a bucket; say if others' share changes: it is new or idle, or a holder fell silent."""
        holders = self._holders.setdefault(kept, {})
        silent = now - 3 * self._settings[kept[0]].quota_ttl
        lost = [other for other, held in holders.items() if held.reported < silent and other != stream]
        for other in lost:
            self._release(other, kept)
        held = holders.get(stream)
        if held is None:
            holders[stream] = BucketHold(now, now)
            self._streams[stream][kept] = None
            return True
        held.reported = now
        if used:
            held.used = now
        elif now - held.used > IDLE:
            self._release(stream, kept)
            return True
        return bool(lost)

    def _release(self, stream: int, kept: Kept) -> None:
        holders = self._holders.get(kept, {})
        holders.pop(stream, None)
        self._streams.get(stream, {}).pop(kept, None)
        if not holders:
            self._holders.pop(kept, None)

    def _answers(self, stream: int, reported: Iterable[Kept], changed: Iterable[Kept]) -> dict[int, bytes]:
        """One message for each stream with a change."""
        wanted: dict[int, dict[Kept, None]] = {stream: dict.fromkeys(reported)}
        for kept in changed:
            for other in self._holders.get(kept, {}):
                wanted.setdefault(other, {})[kept] = None
        found = {number: self._message(number, buckets) for number, buckets in wanted.items()}
        return {number: body for number, body in found.items() if body}

    def _message(self, stream: int, buckets: Iterable[Kept]) -> bytes:
        reply = RateLimitQuotaResponse()
        for tenant, bucket in buckets:
            settings = self._settings[tenant]
            quota = quota_of(bucket, settings.quotas)
            if quota is None:  # no quota of ours: what Envoy's configuration says for want of an assignment holds
                continue
            action = reply.bucket_action.add(bucket_id={"bucket": dict(bucket)})
            holders = self._holders.get((tenant, bucket), {})
            if stream not in holders:
                action.abandon_action.SetInParent()
                continue
            burst, fill = share(quota, len(holders))
            assigned = action.quota_assignment_action
            assigned.assignment_time_to_live.seconds = settings.quota_ttl
            assigned.rate_limit_strategy.token_bucket.max_tokens = burst
            assigned.rate_limit_strategy.token_bucket.tokens_per_fill.value = fill
            assigned.rate_limit_strategy.token_bucket.fill_interval.seconds = FILL
        return reply.SerializeToString()
