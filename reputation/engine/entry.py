"""The entry allowance of an unproven account, and its part of the newcomers' reserve above that."""

import math
from collections.abc import Mapping
from typing import Final

from reputation.config.tenants import Tenant
from reputation.engine.identity import Who
from reputation.hydra.links import Links
from reputation.limits.bucket import Limit, settled
from reputation.limits.take import Charge, Taken
from reputation.scoring.ladder import DAY, Ladder, Rung, is_recent, is_unsettled, limit_of, part_of
from reputation.scoring.risk import Limits
from reputation.state.budgets import Budgets
from reputation.state.crowds import KeptRung, kept_rung
from reputation.state.facts import has_profile
from reputation.wire.messages import LimitState

OPEN: Final = 0.5
"""Part of a reserve for the first requests."""
SHARE: Final = 0.05
"""Part of what is left of the rest that one account may draw. Of n accounts that draw all they can, each has an n-th of
the reserve a day, and what stays in it is a share for twenty more."""
MOST_STEPS: Final = 20
WHOLE: Final = 0.999
"""Part of a bucket that a day refills at least, except on a first day; below 1 for what rounding takes."""


class Entry:
    """An unproven account's place. day: its bucket now; published: its limit once it is a day old.

    part: the name of its reserve, see `part_of`; first: units that it may draw of it until the linker has a level
    for it; above: units a day by which its tier allows more than its own day, 0 without a reserve; most: units that one
    account may draw, the size of a reserve that has not grown.
    """

    __slots__ = ("above", "day", "first", "most", "part", "published", "reserve")

    def __init__(self, rung: Rung, part: str, reserve: Limit, most: float, first: float, above: float) -> None:
        self.day: Final = rung.now
        self.published: Final = rung.limit
        self.part: Final = part
        self.reserve: Final = reserve
        self.most: Final = most
        self.first: Final = first
        self.above: Final = above


def entry_of(tenant: Tenant, plan: str, who: Who, limits: Limits, links: Links, now: float) -> Entry | None:
    """Find the entry allowance of an account; None if its limits are those of its tier.

    While it is known to have settled less than `earned.plan_usd`, its day and reserve are those of the plan for
    accounts without one. A proven account has no allowance, nor has one of which no fact is known, one whose plan says
    `off`, or one whose tier allows less. In a check without facts the rung of the last check with facts counts.
    """
    row, read = who.row, who.read
    if row.shared:
        return None
    brought = read.facts is not row.facts
    if not read.has_profile:
        return None if row.rung is None else _kept_entry(tenant, plan, who, row.rung, limits, links, now)
    if is_unsettled(read, tenant.settings.earned.plan_usd):
        plan = tenant.unsettled[plan]
    ladder = tenant.entry[plan]
    if ladder is None or who.proven:
        row.rung = None
        return None
    ladder = ladder.at(links.newcomers.get(plan))
    rung = ladder.rung(read, limits.burst.burst, now, links.active.get(who.name, 0.0))
    recent = is_recent(read, now)
    is_kept = brought and not has_profile(row.facts)
    row.rung = kept_rung(plan, rung.name, rung.limit.burst, recent=recent) if is_kept else None
    return _entry(ladder, rung, part_of(plan, rung.name, recent=recent), limits, links)


def _kept_entry(
    tenant: Tenant, plan: str, who: Who, kept: KeptRung, limits: Limits, links: Links, now: float
) -> Entry | None:
    """Find the allowance of an account in a check without facts.

    Its first day goes on until a day after it was first seen, if its bucket refills as on a first day.
    """
    if kept.plan in tenant.entry:
        plan = kept.plan
    ladder = tenant.entry[plan]
    if ladder is None:
        return None
    ladder = ladder.at(links.newcomers.get(plan))
    daily = who.row.daily
    new = daily is not None and daily.limit.rate * DAY < daily.limit.burst * WHOLE and now - who.row.since < DAY
    active = links.active.get(who.name, 0.0)
    rung = ladder.kept(kept.rung, kept.units, limits.burst.burst, active, new=new)
    return _entry(ladder, rung, part_of(plan, rung.name, recent=kept.recent), limits, links)


def _entry(ladder: Ladder, rung: Rung, part: str, limits: Limits, links: Links) -> Entry | None:
    above = limits.daily.burst - rung.limit.burst
    if above <= 0.0:
        return None
    one = ladder.reserve.burst
    size = one * links.reserves
    return Entry(rung, part, limit_of(size, size), one, ladder.part, above if ladder.has_reserve else 0.0)


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
    """Charge the reserve of the account's rung, and count what it draws; nothing once it has drawn its part.

    An account may draw its level of what lies above half of one reserve, and `SHARE` of what is left below, also
    of a reserve that has grown. So accounts that draw all they can leave as much for each that comes later. What an
    account has drawn fades as its part comes back; the bucket that counts it is as large as one reserve. least: units
    that have to fit, the cost of the request or of an ordinary one, whichever is more.
    """
    if entry.above <= 0.0:
        return []
    key, most = ("reserve", entry.part), entry.most
    reserve = budgets.charge("reserve", "newcomers", key, entry.reserve, now)
    left = settled(reserve.bucket, now)
    part = min(levels.get(entry.part, entry.first), entry.above, open_part(left, most), most)
    if part < least:
        return []
    drawn = budgets.charge("part", "newcomers", (*key, name), _fading(part, most), now)
    if most - settled(drawn.bucket, now) + least > part:
        return []
    return [reserve, drawn]


def open_part(left: float, size: float) -> float:
    """Return what one account may draw of a reserve of this size of which so much is left, whatever its level."""
    return max(left * SHARE, left - OPEN * size)


def _fading(part: float, size: float) -> Limit:
    """Make the limit of a bucket that counts what was drawn: half of a part to a whole one comes back in a day."""
    steps = min(math.floor(math.log2(size / part)) + 1, MOST_STEPS)
    return limit_of(size / 2.0**steps, size)


def may_need_more(own: list[Charge], burst: float, now: float) -> bool:
    """Whether the account's day could be used up by the next burst; before that the reserve is of no use to it."""
    return settled(own[1].bucket, now) < 2.0 * burst


def drew_on(taken: Taken, entry: Entry) -> str | None:
    """Name the reserve that a check drew on, or that had nothing for it; None if it needed none."""
    for charge in taken.draw:
        if charge.name == "reserve":
            return entry.part
    if taken.wait <= 0.0:
        return None
    binds = taken.states[taken.binding]
    return entry.part if (binds.name, binds.scope) == ("daily", "account") else None


def published(taken: Taken, own: Charge, limit: Limit, now: float) -> tuple[LimitState, ...]:
    """Show the account's day as it is published: with its full size and rate, and also where the reserve paid."""
    states = []
    for one in taken.states:
        is_own = one.name == own.name and one.scope == own.scope
        states.append(LimitState(own.name, limit.rate, limit.burst, one.remaining, own.scope) if is_own else one)
    for charge in taken.draw:
        if charge.key == own.key:
            return tuple(states)
    states.append(LimitState(own.name, limit.rate, limit.burst, settled(own.bucket, now), own.scope))
    return tuple(states)
