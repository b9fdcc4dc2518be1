"""Organisations: which are established, and what the members of each may use together.

A verified organisation counts as verified evidence for its members once it is itself old enough and has paid enough.
All members of an organisation share one quota, and so do the accounts on one paid card: what they would have without
it, and a typical day more for each seat. Use without the shape of people has what its best member would have alone.
Each member uses what it has earned first.
"""

from collections.abc import Iterator

import numpy as np

from reputation.hydra.book import Standing
from reputation.hydra.columns import Floats, Ints, Mask
from reputation.hydra.families import DAY
from reputation.hydra.floors import standing_floor
from reputation.hydra.ledger import ORGANISED, PROVEN, Ledger
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.links import Organisation
from reputation.hydra.purse import Purses

FEWEST = 2
"""Members from which on there is a quota: one account has its own limits."""
LAPSES = 400 * DAY
"""How long an organisation stays established after its payers were forgotten: a year's invoice, and some weeks."""
MOST_KEPT, MOST_PAYERS = 20_000, 8
"""Organisations that the book keeps, those found last, and the payers of each."""
NEAR = 0.5
"""Part of a quota from which on its members' earned floors are published: below it no member needs one."""


def established(ledger: Ledger, settings: LinkerSettings, kept: dict[str, Standing], now: float) -> Mask:
    """Return the members of verified organisations whose oldest member and settled money make them established.

    kept: what earlier epochs found, by organisation; this one brings it up to date.
    """
    organisation = ledger.number_column("organisation")
    members = np.flatnonzero(ledger.flagged(ORGANISED) & (organisation >= 0))
    found: Mask = np.zeros(ledger.size, bool)
    _let_go(kept, now)
    if not len(members):
        return found
    of = organisation[members]
    good = _meets_standards(ledger, members, of, settings, now)
    for number, some in _split(of[good[of]], members[good[of]]):
        name = ledger.name_of("organisation", number)
        if name not in kept or now - kept[name].at >= DAY:
            kept[name] = Standing(now, _payers(ledger, some, settings))
    for name in list(kept):
        number = ledger.names["organisation"].ids.get(name, -1)
        if 0 <= number < len(good) and not good[number]:
            good[number] = _still_stands(ledger, kept[name], number)
            if not good[number]:
                del kept[name]
    found[members] = good[of]
    return found


def _let_go(kept: dict[str, Standing], now: float) -> None:
    """Forget what lapsed, and the oldest of what is too much."""
    newest = sorted(kept, key=lambda name: -kept[name].at)[:MOST_KEPT]
    stays = {name for name in newest if now - kept[name].at <= LAPSES}
    for name in kept.keys() - stays:
        del kept[name]


def _payers(ledger: Ledger, members: Ints, settings: LinkerSettings) -> dict[str, float]:
    """Return what the largest payers settled, as few as the standard needs."""
    undisputed = members[ledger.number_column("disputed")[members] == 0]
    settled = np.nan_to_num(ledger.column("settled")[undisputed])
    order = np.argsort(-settled, kind="stable")[:MOST_PAYERS]
    few = order[np.cumsum(settled[order]) - settled[order] < settings.organisation_usd]
    return {str(ledger.accounts.names[undisputed[one]]): float(settled[one]) for one in few.tolist()}


def _still_stands(ledger: Ledger, standing: Standing, organisation: int) -> bool:
    """Whether none of the payers is known to have left, or to have a dispute or less money than before."""
    for name, usd in standing.payers.items():
        number = ledger.accounts.ids.get(name, -1)
        if number < 0:
            continue
        left = int(ledger.ints["organisation"][number]) not in (-1, organisation)
        if left or ledger.ints["disputed"][number] or ledger.floats["settled"][number] < usd:
            return False
    return True


def _meets_standards(ledger: Ledger, members: Ints, of: Ints, settings: LinkerSettings, now: float) -> Mask:
    """Return which groups are old enough and have paid enough; of: the number of each member's group."""
    undisputed = ledger.number_column("disputed")[members] == 0
    settled = np.bincount(of, weights=np.nan_to_num(ledger.column("settled")[members]) * undisputed)
    oldest = np.full(len(settled), np.inf)
    np.fmin.at(oldest, of, ledger.column("created")[members])
    good: Mask = (settled >= settings.organisation_usd) & (now - oldest >= settings.organisation_days * DAY)
    return good


class Quotas:
    """The quotas of one epoch. bills: the card of each account on a paid invoice; old: members of established ones."""

    def __init__(
        self, ledger: Ledger, purses: Purses, settings: LinkerSettings, bills: dict[int, int], old: Mask
    ) -> None:
        self._ledger, self._purses, self._settings = ledger, purses, settings
        self._bills, self._old = bills, old

    def find(
        self, demand: Floats, active: dict[str, float], now: float
    ) -> tuple[dict[str, Organisation], dict[str, float]]:
        """Return each organisation, and what members have earned of those that want much of their quota.

        active: what days of use are worth to accounts, in units a day.
        """
        found: dict[str, Organisation] = {}
        earned: dict[str, float] = {}
        for name, members, is_old in self._groups(now):
            units = self._units(members, active, old=is_old) if len(members) >= FEWEST else 0.0
            found[name] = (round(units, 3), is_old)
            if demand[members].sum() > NEAR * units > 0.0:
                earned.update(self._floors(members, now))
        return found, earned

    def _groups(self, now: float) -> Iterator[tuple[str, Ints, bool]]:
        """Return the name and members of each organisation and shared card, and whether it is established."""
        organisation = self._ledger.number_column("organisation")
        verified = np.flatnonzero(self._ledger.flagged(ORGANISED) & (organisation >= 0))
        for number, members in _split(organisation[verified], verified):
            yield self._ledger.name_of("organisation", number), members, bool(self._old[members].any())
        billed = np.array(sorted(self._bills), np.int64)
        cards = np.array([self._bills[n] for n in billed.tolist()], np.int64)
        for number, members in _split(cards, billed):
            yield "card:" + self._ledger.name_of("card", number), members, self._customer(members, now)

    def _customer(self, members: Ints, now: float) -> bool:
        """Whether accounts on one card have a proven one, or together the age and money of an organisation."""
        if self._ledger.flagged(PROVEN)[members].any():
            return True
        one = np.zeros(len(members), np.int64)
        return bool(_meets_standards(self._ledger, members, one, self._settings, now)[0])

    def _units(self, members: Ints, active: dict[str, float], *, old: bool) -> float:
        names = self._ledger.accounts.names
        by_use = np.array([active.get(str(names[number]), 0.0) for number in members.tolist()])
        return self._purses.quota(members, np.fmax(self._purses.alone(members), by_use), old=old)

    def _floors(self, members: Ints, now: float) -> Iterator[tuple[str, float]]:
        for number in members.tolist():
            if (units := standing_floor(self._ledger, number, self._settings.plans, now)) > 0.0:
                yield str(self._ledger.accounts.names[number]), round(units, 3)


def _split(of: Ints, members: Ints) -> Iterator[tuple[int, Ints]]:
    """Return the members of each group."""
    order = np.argsort(of, kind="stable")
    of, members = of[order], members[order]
    starts = np.flatnonzero(np.r_[True, of[1:] != of[:-1]]) if len(of) else np.zeros(0, np.int64)
    for begin, end in zip(starts.tolist(), [*starts[1:].tolist(), len(of)], strict=False):
        yield int(of[begin]), members[begin:end]
