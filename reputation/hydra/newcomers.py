"""A newcomer's day of each plan, learnt from the first fortnight of accounts that became proven.

The vote of an account is its busiest day of the first 14. Accounts that share a card or an organisation have one vote
together; linked accounts have none. The day of a plan moves by one 1-2-5 step a week at most, within the operator's
bounds.
"""

import math
from collections.abc import Hashable, Mapping

import numpy as np
from msgspec import structs

from reputation.hydra.book import Book, LearntDay
from reputation.hydra.columns import Floats, Ints, Mask
from reputation.hydra.earned import KEPT, unscaled
from reputation.hydra.families import DAY
from reputation.hydra.ledger import PROVEN, Ledger
from reputation.hydra.linker_settings import LinkerSettings, Plans

FORTNIGHT = 14
ENOUGH, MANY = 50, 1000
"""Voters of a plan from which on its day is learnt, and from which on a higher quantile of them counts."""
QUANTILE, HIGH_QUANTILE = 0.95, 0.995
STEP_EVERY = 7 * DAY
FALL = 0.8
"""A day falls to the next lower step only if the votes are this much below it, so that it does not go to and fro."""
GRID = (1.0, 2.0, 5.0, 10.0)


def learn(ledger: Ledger, book: Book, settings: LinkerSettings, now: float) -> LinkerSettings:
    """Count votes once a day (UTC) and move each plan's day; return the settings with the days in force."""
    today = math.floor(now / DAY)
    if book.voted != today:
        note_fortnights(ledger, today)
        for plan, votes in votes_of(ledger, _linked(ledger, book), settings.plans, today).items():
            _count(book, plan, votes, settings.plans, now)
        book.voted = today
    return in_force(settings, learnt(book, settings.plans))


def learnt(book: Book, plans: Plans) -> dict[str, float]:
    """Return the learnt days in force, within the operator's bounds."""
    return {
        plan: bounded(day.units, plans.newcomer[plan], plans)
        for plan, day in book.days.items()
        if plan in plans.newcomer and _units(day, plans.newcomer[plan])
    }


def in_force(settings: LinkerSettings, days: Mapping[str, float]) -> LinkerSettings:
    """Return settings in which days, allowances and reserves are those of the learnt days."""
    if not days:
        return settings
    plans = settings.plans
    factors = {plan: days[plan] / plans.newcomer[plan] for plan in days}
    entry = {
        plan: {rung: units * factors.get(plan, 1.0) for rung, units in rungs.items()}
        for plan, rungs in plans.entry.items()
    }
    default = days.get(plans.default_plan, plans.default)
    learnt_plans = structs.replace(
        plans, newcomer={**plans.newcomer, **days}, default=default, entry=entry,
        entry_default=entry.get(plans.default_plan, plans.entry_default),
    )  # fmt: skip
    reserves = {part: size * factors.get(part.rpartition("/")[0], 1.0) for part, size in settings.reserves.items()}
    return structs.replace(settings, plans=learnt_plans, reserves=reserves)


def note_fortnights(ledger: Ledger, today: int) -> None:
    """Note the busiest day of each account's first fortnight, and the plan that the account had then.

    A fortnight is noted as long as all of it is among the days that are kept.
    """
    days = ledger.days
    born = _born(ledger)
    young = np.flatnonzero((born >= max(today - KEPT, days.begun)) & (born < today))
    if days.begun < 0 or not len(young):
        return
    dates = born[young, None] + np.arange(FORTNIGHT)
    used = np.where(dates < today, days.kept[young[:, None], dates % KEPT], 0).max(axis=1)
    busier = young[used > days.best[young]]
    days.best[young] = np.maximum(days.best[young], used)
    plans = ledger.ints["plan"][busier].tolist()
    names: list[Hashable] = [ledger.name_of("plan", plan) or None for plan in plans]
    ledger.ints["joined"][busier] = ledger.names["joined"].numbers(names)


def votes_of(ledger: Ledger, linked: Mask, plans: Plans, today: int) -> dict[str, Floats]:
    """Return the votes by plan: one for each proven account, card and organisation."""
    born, best = _born(ledger), ledger.days.best[: ledger.size]
    voters = ledger.flagged(PROVEN) & ~linked & (best > 0)
    chosen = np.flatnonzero(voters & (born >= ledger.days.begun) & (born + FORTNIGHT <= today))
    for shared in ("card", "organisation"):
        chosen = _one_each(chosen, ledger.number_column(shared)[chosen], best[chosen])
    joined = ledger.number_column("joined")[chosen]
    found: dict[str, list[int]] = {plan: [] for plan in plans.newcomer}
    for number, plan in zip(chosen.tolist(), joined.tolist(), strict=True):
        name = ledger.name_of("joined", plan)
        found[name if name in found else plans.default_plan].append(number)
    return {plan: unscaled(best[numbers] - 0.5) for plan, numbers in found.items()}


def quantile(votes: Floats) -> float:
    """Return the vote that 95% of the votes do not exceed, 99.5% of a thousand or more."""
    share = QUANTILE if len(votes) < MANY else HIGH_QUANTILE
    return float(np.sort(votes)[math.ceil(share * len(votes)) - 1])


def moved(day: float, wanted: float) -> float:
    """Return a day, one 1-2-5 step nearer to what is wanted, or as it is."""
    if wanted > day:
        return above(day)
    lower = below(day)
    return lower if wanted <= FALL * lower else day


def above(units: float) -> float:
    """Return the smallest 1-2-5 step above so many units."""
    power = 10.0 ** math.floor(math.log10(units))
    return next(step * power for step in (*GRID, 20.0) if step * power > units * (1 + 1e-9))


def below(units: float) -> float:
    """Return the largest 1-2-5 step below so many units."""
    power = 10.0 ** math.floor(math.log10(units))
    return next(step * power for step in (*reversed(GRID), 0.5) if step * power < units * (1 - 1e-9))


def bounded(units: float, start: float, plans: Plans) -> float:
    """Keep a day within the operator's bounds, which are parts of the plan's configured day."""
    return min(max(units, plans.least * start), plans.most * start)


def _count(book: Book, plan: str, votes: Floats, plans: Plans, now: float) -> None:
    day = book.days.get(plan)
    if day is None:
        if not len(votes):
            return
        day = book.days[plan] = LearntDay()
    day.voters = len(votes)
    start = plans.newcomer[plan]
    units = _units(day, start)
    if len(votes) < ENOUGH or (units and now - day.moved < STEP_EVERY):
        return
    before = bounded(units or start, start, plans)
    following = bounded(moved(before, quantile(votes)), start, plans)
    if following != before or not units:
        day.units, day.moved, day.start = following, now, start


def _units(day: LearntDay, start: float) -> float:
    """Return a learnt day; 0 without one, also if it was learnt from another configured day."""
    return day.units if day.start in (0.0, start) else 0.0


def _born(ledger: Ledger) -> Ints:
    """Return the day of each account's creation; -1 where that is not known."""
    created = ledger.column("created")
    return (np.where(np.isnan(created), -DAY, created) // DAY).astype(np.int64)


def _linked(ledger: Ledger, book: Book) -> Mask:
    """Accounts that are linked, or were in the last 30 days."""
    linked = np.zeros(ledger.size, bool)
    ids = ledger.accounts.ids
    linked[[number for name in {*book.home(), *book.floors} if (number := ids.get(name, -1)) >= 0]] = True
    return linked


def _one_each(chosen: Ints, shared: Ints, best: np.ndarray) -> Ints:
    """Leave one account for each value that several share, the one with the middle vote; -1 is shared by none."""
    alone = chosen[shared < 0]
    order = np.lexsort((chosen[shared >= 0], best[shared >= 0], shared[shared >= 0]))
    holders, values = chosen[shared >= 0][order], shared[shared >= 0][order]
    _, starts, counts = np.unique(values, return_index=True, return_counts=True)
    middle: Ints = holders[starts + (counts - 1) // 2]
    return np.sort(np.concatenate([alone, middle]))
