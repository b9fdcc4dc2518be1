"""The daily allowance of an unproven account: the worth of its facts, in units of a newcomer's day. Pure.

An account stands on the best of its rungs: an e-mail address, a phone, a card, days of use, money that settled. Each
rung has two newcomers' reserves, one for accounts of up to 14 days and one for older ones. Use above the allowance is
drawn from them.
"""

from typing import Final

from reputation.limits.bucket import Limit
from reputation.scoring.tiers import EntrySettings, NewcomersSettings
from reputation.state.facts import Facts, ReadFacts

DAY: Final = 86_400.0
EMAIL: Final = "email"
PHONE: Final = "phone"
PREPAID: Final = "prepaid"
CARD: Final = "card"
ACTIVE: Final = "active"
MONEY: Final = "money"
RUNGS: Final = (EMAIL, PHONE, PREPAID, CARD, ACTIVE, MONEY)
"""What an account gave, from the cheapest to the dearest; active: days of use, which it gave here."""
RECENT: Final = 14 * DAY
"""Age up to which an account is a newcomer: its use until then is what votes for a newcomer's day."""
MOST_LIMITS: Final = 4096

_limits: Final[dict[tuple[float, float], Limit]] = {}


class Rung:
    """Where an account stands. limit: its published day; now: the bucket of its day, which refills less at first."""

    __slots__ = ("limit", "name", "now")

    def __init__(self, name: str, limit: Limit, now: Limit) -> None:
        self.name: Final = name
        self.limit: Final = limit
        self.now: Final = now


class Ladder:
    """One plan's ladder, in the tenant's unit. newcomer: a newcomer's day; least: the cost of an ordinary request.
    per_usd: units for a settled US dollar; plan_usd: settled US dollars that give at least what a card gives.

    reserve: the limit that the accounts of one rung share above their allowances; part: one account's most of it a day.
    """

    __slots__ = (
        "_learnt", "_most_active", "_parts", "_settings", "has_reserve", "least", "newcomer", "part", "per_usd",
        "plan_usd", "reserve", "rungs",
    )  # fmt: skip

    def __init__(
        self, newcomer: float, parts: EntrySettings, settings: NewcomersSettings, least: float,
        per_usd: float, plan_usd: float,
    ) -> None:  # fmt: skip
        reserve, part = settings.reserve, settings.part
        self._parts: Final = parts
        self._settings: Final = settings
        self._learnt: Ladder | None = None
        self._most_active: Final = parts.active * newcomer
        self.newcomer: Final = newcomer
        self.per_usd: Final = per_usd
        self.plan_usd: Final = plan_usd
        self.least: Final = least
        self.reserve: Final = limit_of(max(reserve * newcomer, least), max(reserve * newcomer, least))
        self.part: Final = max(reserve * newcomer * part, least)
        self.has_reserve: Final = reserve > 0.0
        self.rungs: Final[dict[str, float]] = {
            rung: max(part * newcomer, least) for rung, part in parts_of_facts(parts).items()
        }

    def at(self, newcomer: float | None) -> "Ladder":
        """Return this ladder with a learnt newcomer's day, within the bounds of the settings; None: none was learnt."""
        if newcomer is None:
            return self
        units = min(max(newcomer, self._settings.least * self.newcomer), self._settings.most * self.newcomer)
        found = self._learnt
        if found is None or found.newcomer != units:
            found = self._learnt = Ladder(units, self._parts, self._settings, self.least, self.per_usd, self.plan_usd)
        return found

    def rung(self, read: ReadFacts, burst: float, now: float, active: float = 0.0) -> Rung:
        """Find the best rung of an account.

        burst: what it may use at once, and what its first day refills: the first 24 hours give at most the allowance
        and one burst, and a lesson of an hour fits into them. active: what its days of use are worth.
        """
        name, units = EMAIL, self.rungs[EMAIL]
        if read.rungs is None:
            read.rungs = given(read.facts)
        for other in read.rungs:
            if self.rungs[other] > units:
                name, units = other, self.rungs[other]
        active = min(active, self._most_active)  # what has settled may be newer than the links
        if active > units:
            name, units = ACTIVE, active
        money = read.settled_a_day(now) * self.per_usd
        if has_settled(read, self.plan_usd):
            name, units = MONEY, max(units, money, self.rungs[CARD])
        elif money > units:
            name, units = MONEY, money
        return self._rung(name, units, burst, new=is_new(read, now))

    def kept(self, name: str, units: float, burst: float, active: float, *, new: bool) -> Rung:
        """Find the rung of an account whose facts came in an earlier check: by name, as far as settings give its worth.

        units: its day then; new: whether this is its first day.
        """
        units = self.rungs.get(name, units)
        active = min(active, self._most_active)
        if active > units:
            name, units = ACTIVE, active
        return self._rung(name, units, burst, new=new)

    def _rung(self, name: str, units: float, burst: float, *, new: bool) -> Rung:
        limit = limit_of(units, units)
        return Rung(name, limit, limit_of(min(burst, units), units) if new else limit)


def parts_of_facts(entry: EntrySettings) -> dict[str, float]:
    """Return the rungs that facts alone give, each with its part of a newcomer's day."""
    return {EMAIL: entry.email, PHONE: entry.phone, PREPAID: entry.prepaid, CARD: entry.card}


def part_of(plan: str, rung: str, *, recent: bool) -> str:
    """Name a reserve: accounts that sign up today cannot use up what those of a month ago draw on."""
    return f"{plan}/{rung}" if recent else f"{plan}/{rung}-older"


def is_recent(read: ReadFacts, now: float) -> bool:
    """Say whether an account is a newcomer, as one of unknown age is."""
    return not now - read.created_at >= RECENT


def is_new(read: ReadFacts, now: float) -> bool:
    """Say whether an account is in its first day."""
    return now - read.created_at < DAY


def has_settled(read: ReadFacts, usd: float) -> bool:
    """Say whether an account is known to have settled so many US dollars, or with 0 any."""
    return read.usd > 0.0 and read.usd >= usd


def is_unsettled(read: ReadFacts, usd: float) -> bool:
    """Say whether an account is known to have settled less than so many US dollars."""
    return read.usd < usd


def given(facts: Facts) -> list[str]:
    """Name the facts of an account besides an e-mail address and money; a card that failed or is disputed is none."""
    found = []
    verified, payment = facts.verified, facts.payment
    if verified:
        if "phone" in verified:
            found.append(PHONE)
        if "identity" in verified:
            found.append(CARD)
    if payment is not None and payment.status not in ("failed", "disputed"):
        funding = payment.funding
        if funding == "prepaid":
            found.append(PREPAID)
        elif funding is not None or payment.fingerprint is not None or payment.iin is not None:
            found.append(CARD)
    return found


def limit_of(daily: float, burst: float) -> Limit:
    """One object for each limit, as far as there is room: accounts of a plan have a handful of them."""
    limit = _limits.get((daily, burst))
    if limit is None:
        if len(_limits) >= MOST_LIMITS:
            _limits.clear()
        limit = _limits[daily, burst] = Limit(daily / DAY, burst)
    return limit
