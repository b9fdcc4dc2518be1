"""One request in the names of several accounts: all of them pay for it, or none does."""

from collections.abc import Sequence
from typing import NamedTuple

from reputation.charges import Group, Taken, TakenAll, refused, take_group
from reputation.events import Request, Verdict
from reputation.limiter import Assessed, Limiter, NewId, TenantLimiter, ruled


class Judged(NamedTuple):
    """One account's verdict. Not `noted`: another account stopped the request, and this one paid nothing."""

    verdict: Verdict
    noted: bool


def check_all(limiter: Limiter, requests: Sequence[Request], now: float, new_id: NewId) -> list[Judged]:
    """Judge a request, in the name of each account of one tenant. Raises Invalid if one names nobody."""
    tenant = limiter.tenant(requests[0].tenant)
    found = assess_all(tenant, requests, now)
    group = group_of(tenant, found, now, new_id)
    return conclude_all(tenant, found, group, take_group(group, tenant.leases.ahead, now))


def assess_all(tenant: TenantLimiter, requests: Sequence[Request], now: float) -> list[Assessed]:
    """Do what comes before the take; such requests have no id."""
    return [tenant.assess_as(tenant.who(request, now), request, now) for request in requests]


def group_of(tenant: TenantLimiter, found: Sequence[Assessed], now: float, new_id: NewId) -> Group:
    """Say what the accounts take together: nothing if one of them is stopped by its tier or cluster."""
    asks = [tenant.ask(one, new_id(now)) for one in found]
    return Group(asks, stopped=any(ruled(one) != "allow" for one in found))


def conclude_all(tenant: TenantLimiter, found: Sequence[Assessed], group: Group, taken: TakenAll) -> list[Judged]:
    """Answer for each account; of a request that does not pass only what stops it is noted."""
    return [
        _judged(tenant, one, ask.token, part, noted=taken.passed or ruled(one) != "allow" or refused(part, ask.cost))
        for one, ask, part in zip(found, group.asks, taken.taken, strict=True)
    ]


def _judged(tenant: TenantLimiter, assessed: Assessed, id_: str, taken: Taken, *, noted: bool) -> Judged:
    if noted:
        return Judged(tenant.conclude(assessed, taken, id_), noted=True)
    return Judged(tenant.answer(id_, assessed, taken), noted=False)
