"""Whether Redis may evict keys: with an eviction policy, a bucket in debt can become a full one at any moment."""

from collections.abc import Mapping
from typing import Any

from redis.exceptions import ResponseError

from reputation.stores.redis.server import RedisServer
from reputation.stores.shared_values import AwayError

SAFE = "noeviction"
"""The policy under which Redis refuses writes rather than forget; every other takes keys of ours, which expire."""


async def eviction_of(server: RedisServer) -> str | None:
    """Return the policy by which any node may evict keys, "" if none does, None if this user may not ask.

    Raises AwayError. INFO is allowed in more places than CONFIG is, so that comes second.
    """
    for ask in (_by_info, _by_config):
        try:
            return next((policy for policy in await ask(server) if policy), "")
        except AwayError as away:
            if not isinstance(away.__cause__, ResponseError):
                raise  # it is not there; else it answered that this user may not ask, or no user
    return None


async def _by_info(server: RedisServer) -> list[str]:
    found: list[Mapping[str, Any]] = await server.ask_all("INFO", "memory")
    return [_harmful(one.get("maxmemory", 0), one.get("maxmemory_policy", SAFE)) for one in found]


async def _by_config(server: RedisServer) -> list[str]:
    limits = await server.ask_all("CONFIG GET", "maxmemory")
    policies = await server.ask_all("CONFIG GET", "maxmemory-policy")
    pairs = zip(limits, policies, strict=True)
    return [_harmful(_value(limit, "maxmemory"), _value(policy, "maxmemory-policy")) for limit, policy in pairs]


def _value(found: Mapping[Any, Any], name: str) -> str:
    value = found.get(name, found.get(name.encode(), ""))
    return value.decode() if isinstance(value, bytes) else str(value)


def _harmful(most: object, policy: object) -> str:
    """Return a policy that may evict; without a memory limit no policy evicts."""
    return "" if str(most) in ("0", "") or str(policy) == SAFE else str(policy)
