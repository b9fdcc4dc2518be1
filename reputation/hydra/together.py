"""What newcomers take together: their usual share, what they may take under a cap, and what they have in common.

A newcomer is an unproven account of up to 14 days, of which a fact is known and that has not settled the dollars that
make a plan count. The usual share is the median, over the last 28 days (UTC) that count, of what newcomers were let
through for each unit of all other confirmed accounts. Days under a cap do not count: they would teach what it allows.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from reputation.hydra.book import Book, DaysLevel, DayTogether
from reputation.hydra.columns import Floats, Ints, Mask
from reputation.hydra.divergence import divergence
from reputation.hydra.earned import KEPT, unscaled
from reputation.hydra.fairness import water_level
from reputation.hydra.families import DAY, INDEX, KINDS
from reputation.hydra.ledger import CONFIRMED, PAYER, PROVEN, Ledger
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.links import Cluster, SharedValue, Together
from reputation.hydra.newcomers import FORTNIGHT

ENOUGH, MOST_DAYS = 7, 28
"""Days from which on the usual share is known (a week has each weekday once), and that it is learnt from at most."""
BUSIEST_OF = 7
"""Days: what the amount follows is the busiest of them, so that a Monday is not held to what a Sunday had."""
START = 0.25
"""Units of newcomers for each unit of other accounts that they may take until the usual share is known."""
LEAST_DAYS = 5.0
"""Newcomer's days that all newcomers may always take together: less is chance, and no surge."""
SPARE = 0.1
"""Part of the amount that no level shares out: it is there for accounts that come before the next epoch."""
OVER = 0.8
"""Part of the amount below which a surge is over, so that one surge is not reported many times."""
FEWEST = 5
"""Newcomers that must have a value in common."""
LIFT = 2.0
"""How much more frequent it must be among them than among other accounts."""
MOST_COMMON = 5
_FACTS = ("plan", "card", "organisation", "mail")
_NAMED = ("mail", "iin", "signup_net", "signup_asn", "signup_network", "signup_product", "signup_ja4")
_SEEN = ("net", "asn", "country", "network", "ja4", "user_agent", "model")


class Crowd(NamedTuple):
    """Who is a newcomer, whose use theirs is compared with, and what each account asked for and got in a day."""

    newcomers: Mask
    others: Mask
    wanted: Floats
    used: Floats


def look(
    ledger: Ledger, book: Book, settings: LinkerSettings, old: Mask, clusters: Mapping[str, Cluster], now: float
) -> Together:  # fmt: skip
    """Return what newcomers take together now, and keep what was learnt in the book.

    old: members of established organisations. clusters: of this epoch; what their members ask for above their level
    they do not get, so it lowers the level of no other newcomer.
    """
    _note_days(ledger, book, settings, old, now)
    crowd = Crowd(*_sides(ledger, settings, old, now), ledger.demand(), np.maximum(ledger.use(), 0.0))
    usual, days = usual_share(book)
    base = busiest(book, float(crowd.used[crowd.others].sum()))
    amount = _amount(settings, usual, base)
    wanted = np.minimum(crowd.wanted, _levels(ledger, book, clusters))[crowd.newcomers & (crowd.wanted > 0.0)]
    taken, asked = float(crowd.used[crowd.newcomers].sum()), float(wanted.sum())
    known = usual is not None or settings.together.units is not None
    book.surge = _surge(book.surge, asked if settings.together.capped else taken, amount, now) if known else 0.0
    level = _lowest(book, min(water_level(wanted, (1.0 - SPARE) * amount), amount), amount, math.floor(now / DAY))
    return Together(
        round(taken, 3), round(asked, 3), len(wanted), usual, days, round(base, 3), amount, level, book.surge,
        common(ledger, crowd) if book.surge else (),
    )  # fmt: skip


def _lowest(book: Book, level: float, amount: float, today: int) -> float:
    """Return the lowest level of the day: each rise would give accounts in excess what it withheld from them."""
    kept = book.together_level
    if kept.day == today and kept.amount >= amount:
        level = min(level, kept.level)
    book.together_level = DaysLevel(today, amount, level)
    return level


def _levels(ledger: Ledger, book: Book, clusters: Mapping[str, Cluster]) -> Floats:
    """Return the most that each linked account gets of its purse, in units a day; infinite for others."""
    levels = np.full(ledger.size, np.inf)
    ids = ledger.accounts.ids
    for name, cluster in clusters.items():
        members = [number for one in book.clusters[name].members if (number := ids.get(one, -1)) >= 0]
        levels[members] = cluster.level
    return levels


def usual_share(book: Book) -> tuple[float | None, int]:
    """Return newcomers' units for each unit of other accounts, None while it is not known, and of how many days."""
    shares = [day.newcomers / day.others for day in book.together if day.counts and day.others > 0.0]
    return (float(np.median(shares)) if len(shares) >= ENOUGH else None), len(shares)


def busiest(book: Book, today: float) -> float:
    """Return what other accounts use in a busy day, of the last 24 hours until a whole day is known."""
    return max((day.others for day in book.together[-BUSIEST_OF:]), default=today)


def _amount(settings: LinkerSettings, usual: float | None, base: float) -> float:
    """Return units a day of all newcomers: the operator's, else so many times the usual share, else of the start."""
    if settings.together.units is not None:
        return settings.together.units
    share = START if usual is None else settings.together.times * usual
    return round(max(share * base, LEAST_DAYS * settings.plans.default), 3)


def _surge(since: float, taken: float, amount: float, now: float) -> float:
    if taken > amount:
        return since or now
    return since if taken > OVER * amount else 0.0


def _note_days(ledger: Ledger, book: Book, settings: LinkerSettings, old: Mask, now: float) -> None:
    """Note the days that are over and not noted yet, as far as they are among the days that are kept."""
    days, today = ledger.days, math.floor(now / DAY)
    if days.begun < 0:
        return
    noted = book.together[-1].day if book.together else -1
    for day in range(max(noted + 1, days.begun, days.day - BUSIEST_OF), min(today, days.day)):
        used = unscaled(days.kept[: ledger.size, day % KEPT])
        newcomers, others = _sides(ledger, settings, old, (day + 1) * DAY)
        ours, theirs = (round(float(used[side].sum()), 3) for side in (newcomers, others))
        book.together.append(DayTogether(day, ours, theirs, counts=not settings.together.capped))
    stay = {day.day for day in [day for day in book.together if day.counts][-MOST_DAYS:] + book.together[-BUSIEST_OF:]}
    book.together = [day for day in book.together if day.day in stay]


def _sides(ledger: Ledger, settings: LinkerSettings, old: Mask, at: float) -> tuple[Mask, Mask]:
    """Return the newcomers at a time, and the other confirmed accounts."""
    created, settled = ledger.column("created"), ledger.column("settled")
    settled = np.nan_to_num(np.fmax(settled, ledger.column("settled_30d")))
    settled = np.where(ledger.number_column("disputed") > 0, 0.0, settled)
    paid = (settled > 0.0) & (settled >= settings.plans.plan_usd)
    fact = ~np.isnan(created) | ~np.isnan(ledger.column("settled")) | (ledger.number_column("given") > 0)
    for name in _FACTS:
        fact |= ledger.number_column(name) >= 0
    young = ~(created <= at - FORTNIGHT * DAY)
    confirmed = ledger.flagged(CONFIRMED)
    newcomers: Mask = confirmed & fact & young & ~paid & ~old & ~ledger.flagged(PROVEN | PAYER)
    return newcomers, confirmed & ~newcomers


def common(ledger: Ledger, crowd: Crowd) -> tuple[SharedValue, ...]:
    """Return the values that newcomers in use share and other accounts do not, the most surprising first."""
    ours, theirs = (np.flatnonzero(side & (crowd.wanted > 0.0)) for side in (crowd.newcomers, crowd.others))
    if len(ours) < FEWEST:
        return ()
    found = [one for kind in (*_NAMED, *_SEEN) if (one := _most_common(ledger, kind, ours, theirs)) is not None]
    best = sorted(found, key=lambda one: -one[0])[:MOST_COMMON]
    return tuple(one for _, one in best)


def _most_common(ledger: Ledger, kind: str, ours: Ints, theirs: Ints) -> tuple[float, SharedValue] | None:
    """Return the value of a kind that is most over-represented, and by how many nats."""
    mine, other = _values(ledger, kind, ours), _values(ledger, kind, theirs)
    count = np.bincount(mine, minlength=int(other.max(initial=-1)) + 1)
    usual = (np.bincount(other, minlength=len(count)).astype(np.float64) + 1.0) / (len(theirs) + 2.0)
    share = count.astype(np.float64) / len(ours)
    nats = np.where((count >= FEWEST) & (share >= LIFT * usual), len(ours) * divergence(share, usual), 0.0)
    if not len(nats) or nats.max() <= 0.0:
        return None
    best = int(nats.argmax())
    words = KINDS[INDEX[kind]].words.format(ledger.name_of(kind, best))
    return float(nats[best]), SharedValue(kind, words, round(float(share[best]), 4), round(float(usual[best]), 4))


def _values(ledger: Ledger, kind: str, accounts: Ints) -> Ints:
    """Return each value of some accounts, once for each of them that has it."""
    if kind in _NAMED:
        held = ledger.number_column(kind)[accounts]
        return held[held >= 0]
    table = ledger.pairs[kind]
    return table.values[table.rows_of(accounts)]
