"""A cap on what newcomers take together, while the operator sets one: `newcomers.together: cap`.

It holds unproven accounts of up to 14 days of which a fact is known. Payers, proven accounts, and those that have
settled `earned.plan_usd`, are never held. What an account has earned comes before the cap.
"""

import math
from typing import Any

from msgspec import structs

from reputation.config.tenants import Tenant, per_usd_of
from reputation.engine.entry import open_part
from reputation.engine.identity import Who
from reputation.hydra.links import Links
from reputation.limits.bucket import settled
from reputation.limits.take import Charge
from reputation.scoring.ladder import MONEY, has_settled, is_recent, limit_of
from reputation.state.budgets import Budgets

AT_ONCE = 0.5
"""Part of an account's units a day that it may use at once: what all may use at once leaves room for those to come."""


def together_of(tenant: Tenant, links: Links) -> dict[str, Any]:
    """Return what newcomers take together, for people: the setting, and what the linker found, if it has looked.

    since is None while there is no surge; share and usual of `common` are shares of newcomers and of other accounts.
    """
    setting, found = tenant.settings.newcomers.together, links.together
    if found is None:
        return {"setting": setting}
    figures = structs.asdict(found)
    common = [structs.asdict(one) for one in found.common]
    return {"setting": setting, **figures, "since": found.since or None, "common": common}


def is_held(tenant: Tenant, who: Who, now: float) -> bool:
    """Say whether a cap that is set holds an account; in a check without facts, by its last check with facts."""
    if who.proven or who.payer:
        return False
    if not who.read.has_profile:
        kept = who.row.rung
        return kept is not None and kept.recent and kept.rung != MONEY
    return is_recent(who.read, now) and not has_settled(who.read, tenant.settings.earned.plan_usd)


def together_charges(tenant: Tenant, links: Links, name: str, budgets: Budgets, now: float) -> list[Charge]:
    """Charge what newcomers may take together, and this account's part of it: its max-min level by the linker.

    While less is left than these levels need, an account may also draw no more than `open_part`, as of a reserve: so
    those that come first leave something for each that comes later. Before the first epoch only the operator's number
    holds, and an account has `newcomers.part` of it.
    """
    settings, found = tenant.settings.newcomers, links.together
    amount = settings.together_units if settings.together_units is not None or found is None else found.amount
    if amount is None:
        return []
    least, size = tenant.request_cost, max(amount, tenant.request_cost)
    level = max(settings.part * amount if found is None else found.level, least)
    shared = budgets.charge("together", "newcomers", ("together", "all"), limit_of(amount, size), now)
    left = settled(shared.bucket, now)
    share = size / 2.0 ** math.ceil(math.log2(size / max(open_part(left, size), least)))
    parts = [("part", level)] if share >= level else [("part", level), ("share", share)]
    return [shared, *[_part(word, name, units, size, least, budgets, now) for word, units in parts]]


def _part(word: str, name: str, units: float, size: float, least: float, budgets: Budgets, now: float) -> Charge:
    """Charge so many units a day. A bucket's size is an octave of the amount: one that changed would give back at each
    change what it withheld before."""
    octave = math.floor(math.log2(size / units) + 0.5)
    at_once = max(AT_ONCE * size / 2.0**octave, least)
    return budgets.charge("part", "newcomers", ("together", word, octave, name), limit_of(units, at_once), now)


def settled_units(tenant: Tenant, who: Who, now: float) -> float:
    """Return units a day that an account's money buys."""
    per_usd = per_usd_of(tenant.settings, tenant.request_cost)
    return who.read.settled_a_day(now) * per_usd
