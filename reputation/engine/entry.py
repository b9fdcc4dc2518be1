"""The entry allowance of an unproven account, and its part of the newcomers' reserve above that."""

from collections.abc import Mapping
from typing import Final

from reputation.config.tenants import Tenant
from reputation.engine.identity import Who
from reputation.hydra.links import Links
from reputation.limits.bucket import Limit, settled
from reputation.limits.take import Charge, Taken
from reputation.scoring.ladder import Rung
from reputation.scoring.risk import Limits
from reputation.state.budgets import Budgets
from reputation.state.facts import NOTHING
from reputation.state.history import DAY
from reputation.wire.messages import LimitState


class Entry:
    """An unproven account's place. day: its bucket now; published: its limit once it is a day old.

    part: the name of its reserve, `PLAN/RUNG`; first: units a day that it may use of it until the linker has a level
    for it; above: units a day by which its tier allows more than its own day.
    """

    __slots__ = ("above", "day", "first", "part", "published", "reserve")

    def __init__(self, rung: Rung, part: str, reserve: Limit, first: float, above: float) -> None:
        self.day: Final = rung.now
        self.published: Final = rung.limit
        self.part: Final = part
        self.reserve: Final = reserve
        self.first: Final = first
        self.above: Final = above


def entry_of(tenant: Tenant, plan: str, who: Who, limits: Limits, links: Links, now: float) -> Entry | None:
    """Find the entry allowance of an account; None if its limits are those of its tier.

    That is so for a proven account, for one of which no fact is known, where the plan says `off`, and where the tier
    allows less.
    """
    ladder = tenant.entry[plan]
    if ladder is None or who.proven or who.row.shared or who.facts is NOTHING or who.facts == NOTHING:
        return None
    ladder = ladder.at(links.newcomers.get(plan))
    rung = ladder.rung(who.facts, limits.burst.burst, now, links.active.get(who.name, 0.0))
    above = limits.daily.burst - rung.limit.burst
    if above <= 0.0:
        return None
    return Entry(rung, f"{plan}/{rung.name}", ladder.reserve, ladder.part, above if ladder.has_reserve else 0.0)


def newcomers_of(tenant: Tenant, links: Links) -> dict[str, tuple[float, int]]:
    """Return each plan's newcomer's day in force, in units, and the number of accounts that it is learnt from."""
    return {
        plan: (ladder.at(links.newcomers.get(plan)).newcomer, links.voters.get(plan, 0))
        for plan, ladder in tenant.entry.items()
        if ladder is not None
    }


def reserve_charges(
    name: str, entry: Entry, levels: Mapping[str, float], least: float, budgets: Budgets, now: float
) -> list[Charge]:
    """Charge the reserve of the account's rung, and its own part of it; nothing where there is none for it."""
    most = min(levels.get(entry.part, entry.first), entry.above)
    if most <= 0.0:
        return []
    key = ("reserve", entry.part)
    part = Limit(most / DAY, max(most, least))
    return [
        budgets.charge("reserve", "newcomers", key, entry.reserve, now),
        budgets.charge("part", "newcomers", (*key, name), part, now),
    ]


def may_need_more(own: list[Charge], burst: float, now: float) -> bool:
    """Whether the account's day could be used up by the next burst; before that the reserve is of no use to it."""
    return settled(own[1].bucket, now) < 2.0 * burst


def drew_on(taken: Taken, entry: Entry) -> str | None:
    """Name the reserve that a check drew on, or was refused by; None if it did neither."""
    return entry.part if any(charge.scope == "newcomers" for charge in taken.draw) else None


def published(taken: Taken, own: Charge, limit: Limit, now: float) -> tuple[LimitState, ...]:
    """Show the account's day as it is published: with its full size, and also where the reserve paid."""
    states = tuple(
        LimitState(one.name, one.rate, limit.burst, one.remaining, one.scope)
        if one.name == own.name and one.scope == own.scope
        else one
        for one in taken.states
    )
    if any(charge.key == own.key for charge in taken.draw):
        return states
    return (*states, LimitState(own.name, limit.rate, limit.burst, settled(own.bucket, now), own.scope))
