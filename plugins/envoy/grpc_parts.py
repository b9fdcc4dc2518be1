"""Common parts of Envoy's gRPC messages: strict reading of bytes, headers, metadata, limits in whole units."""

import math
from functools import lru_cache
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message

from plugins.answers import for_upstream
from reputation.listeners.http2.streams import PREFIX
from reputation.wire.errors import BadRequest
from reputation.wire.gateway import Headers
from reputation.wire.messages import LimitState, Verdict

from .protobuf import NUMBER, STRUCTURE, TEXT, double, member

M = TypeVar("M", bound=Message)

SECONDS: Final = (("SECOND", 1), ("MINUTE", 60), ("HOUR", 3600), ("DAY", 86_400))
LEAST_LOST: Final = 0.01  # of a limit, by writing it as a whole number
LARGEST: Final = 0xFFFF_FFFF


def decoded(kind: type[M], body: bytes) -> M:
    """Read a message. Raises BadRequest for malformed bytes."""
    try:
        return kind.FromString(body)
    except DecodeError:
        raise BadRequest(f"the body is not a {kind.DESCRIPTOR.name} of Envoy's API version 3", "") from None


def unframed(body: bytes) -> tuple[bytes, bool]:
    """Remove the gRPC frame, if there is one, and say so. Raises BadRequest for a malformed frame.

    A message's first byte is the tag of a field, which is never 0 or 1, so a frame cannot be mistaken for one.
    """
    if body[:1] not in (b"\0", b"\1"):
        return body, False
    if body[:1] == b"\1":
        raise BadRequest("compressed gRPC messages are not supported; turn compression off for this service", "")
    if int.from_bytes(body[1:PREFIX], "big") != len(body) - PREFIX:
        raise BadRequest("the body is not exactly one complete gRPC frame", "")
    return body[PREFIX:], True


def whole_units(rate: float) -> tuple[int, str]:
    """Write a rate, units a second, as a whole number a unit of time; never more than it, but at least 1 a day.

    The shortest unit that loses at most 1% by rounding down, else the longest.
    """
    for name, seconds in SECONDS:
        a_unit = math.floor(rate * seconds * (1 + 1e-12))  # 60 * 0.2 is a hair less than 12
        if a_unit >= 1 and rate * seconds - a_unit <= LEAST_LOST * a_unit:
            return min(a_unit, LARGEST), name
    return min(max(1, math.floor(rate * 86_400)), LARGEST), "DAY"


def group_limit(verdict: Verdict) -> LimitState | None:
    """The limit for others to enforce: the linked group's purse, else the account's first own; none in shadow mode."""
    scope, name = ("account", "burst") if verdict.cluster is None else ("cluster", "purse")
    return next((limit for limit in verdict.limits if limit.scope == scope and limit.name == name), None)


@lru_cache(4096)
def override(rate: float) -> bytes:
    """The member `rl`: a limit override of so many units a second."""
    number, unit = whole_units(rate)
    parts = member(b"requests_per_unit", NUMBER, double(number)) + member(b"unit", TEXT, unit.encode())
    return member(b"rl", STRUCTURE, parts)


@lru_cache
def _tier(tier: str) -> bytes:
    return member(b"tier", TEXT, tier.encode())


def metadata(verdict: Verdict) -> bytes:
    """Metadata for other filters, a Struct: the verdict's id, tier, risk, cluster, and `rl` as a limit override."""
    found = member(b"verdict", TEXT, verdict.id.encode())
    if verdict.mode == "shadow":
        return found
    found += _tier(verdict.tier) + member(b"risk", NUMBER, double(verdict.risk))
    if verdict.cluster is not None:
        found += member(b"cluster", TEXT, verdict.cluster.id.encode())
    limit = group_limit(verdict)
    return found if limit is None else found + override(limit.rate)


def upstream(verdict: Verdict) -> Headers:
    """Headers for the API behind Envoy."""
    return ((b"X-Headcount-Verdict", verdict.id.encode()), *for_upstream(verdict))
