"""Facts of an account, merged from pushed facts and the facts in a check."""

import math
from operator import attrgetter
from typing import Any, Final, TypeVar, get_args, get_type_hints

from msgspec import Struct, structs

from reputation.limits.money import dollars_a_day
from reputation.wire.known import NOTHING, Facts, Standards
from reputation.wire.messages import NESTED, Account, AccountFacts, IpAddress, Organisation, Payment, Profile, Seconds
from reputation.wire.read_types import ReadAccount

__all__ = [
    "NOTHING", "PROFILE", "Facts", "ReadFacts", "Standards", "brought_by", "carried", "from_push", "has_profile",
    "is_payer", "is_proven", "merged", "plain",
]  # fmt: skip

DAY: Final = 86_400.0
_NAN: Final = math.nan
PROFILE: tuple[str, ...] = Profile.__struct_fields__
"""Names of the facts that a push or a check may carry."""
_PROFILE: Final = list(PROFILE)
_profile_of: Final = attrgetter(*PROFILE)
_NONE: Final = (None,) * len(PROFILE)
_OWN = len(Account.__struct_fields__) - len(PROFILE)
"""Members of an account before its facts."""
_BARE: Final[dict[type, Any]] = {
    kind: (None,) * (len(kind.__struct_fields__) - _OWN) for kind in (Account, ReadAccount)
}
"""The members of an account without facts, from the first fact on."""
_WIRED = {Seconds, IpAddress}
_PLAIN: Final = frozenset(
    {float, str, tuple, bool, int}
    | {
        kind
        for kind in NESTED.values()
        if all(_WIRED.isdisjoint(get_args(one)) for one in get_type_hints(kind).values())
    }
)
"""Types whose values have nothing of the wire's own types in them."""
_EMPTY: Final[dict[type, Any]] = {
    kind: kind() for kind in NESTED.values() if kind.__struct_defaults__ == (None,) * len(kind.__struct_fields__)
}


MOST_WORDS = 32_768
V = TypeVar("V")
_words: Final[dict[Any, Any]] = {}


def plain(value: Any) -> Any:
    """Leave the wire's own types behind: a time becomes a float, an address text, also in a member of a fact."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Seconds):
        return float(value)
    if isinstance(value, IpAddress):
        return str.__str__(value)
    if isinstance(value, Struct):
        members = [(name, getattr(value, name)) for name in value.__struct_fields__]
        wired = {name: left for name, one in members if (left := plain(one)) is not one}
        return structs.replace(value, **wired) if wired else value
    return value


def from_push(body: AccountFacts, keys: tuple[bytes, ...]) -> Facts:
    """Facts as they are kept: keys only as keyed hashes."""
    external = tuple(sorted(body.external.items())) if body.external else ()
    return sharing(Facts(keys=keys, external=external, **_kept(_profile_of(body))))


def sharing(facts: Facts) -> Facts:
    """Let facts of all accounts share their words: plans, countries and the like are few, and each costs 64 bytes."""
    payment = facts.payment
    if payment is not None:
        iin, country = _alike(payment.iin), _alike(payment.issuer_country)
        if iin is not payment.iin or country is not payment.issuer_country:
            payment = structs.replace(payment, iin=iin, issuer_country=country)
    plan, verified, domain = _alike(facts.plan), _alike(facts.verified), _alike(facts.email_domain)
    return structs.replace(facts, payment=payment, plan=plan, verified=verified, email_domain=domain)


def _alike(value: V) -> V:
    """Return the object that stands for all equal ones, as far as there is room."""
    found: V = _words.setdefault(value, value)
    if len(_words) > MOST_WORDS:
        _words.clear()
    return found


def carried(account: Account) -> Facts | None:
    """Return the facts in a check, or None without any."""
    if structs.astuple(account)[_OWN:] == _BARE.get(type(account)):
        return None
    kept = _kept(_profile_of(account))
    return Facts(**kept) if kept else None


def brought_by(account: Account) -> Facts | None:
    """Do the same as `carried`, once for an account that was read and may be read again."""
    if type(account) is not ReadAccount:
        return carried(account)
    found = account.facts
    if found is None:
        found = carried(account) or NOTHING
        structs.force_setattr(account, "facts", found)
    return None if found is NOTHING else found


def has_profile(facts: Facts) -> bool:
    """Say whether any fact of the account itself is known; its keys and its ids at other systems are none."""
    if facts is NOTHING:
        return False
    # mostly one of these is known, and each member costs as much as the rest of this function
    return facts.created_at is not None or facts.plan is not None or bool(_profile_of(facts) != _NONE)


def _kept(values: tuple[Any, ...]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for i, value in enumerate(values):
        if value is None or is_empty(value):
            continue
        kept[_PROFILE[i]] = value if type(value) in _PLAIN else plain(value)
    return kept


def is_empty(value: Any) -> bool:
    """Say whether a fact says nothing: it is missing, or an object without a member that is known."""
    if value is None or (type(value) is Organisation and not value.id):
        return True
    empty = _EMPTY.get(type(value))
    return empty is not None and bool(value == empty)


def merged(pushed: Facts, check: Facts) -> Facts:
    """Pushed facts win, member by member; a check's facts fill the gaps."""
    fill: dict[str, Any] = {}
    for name in PROFILE:
        theirs = getattr(check, name)
        if theirs is not None:
            mine = getattr(pushed, name)
            filled = theirs if mine is None else _filled(mine, theirs)
            if filled is not mine:
                fill[name] = filled
    if "payment" in fill and (pushed.payment is None or pushed.payment.declines_30d is None):
        fill["payment_at"] = None  # the count of declines is the check's own, and of now
    return structs.replace(pushed, **fill) if fill else pushed


def _filled(mine: Any, theirs: Any) -> Any:
    """Fill unknown members of a nested fact; a fact with a required member stays whole."""
    if not isinstance(mine, Struct) or mine.__struct_defaults__ != (None,) * len(mine.__struct_fields__):
        return mine
    fill = {
        name: getattr(theirs, name)
        for name in mine.__struct_fields__
        if getattr(mine, name) is None and getattr(theirs, name) is not None
    }
    return structs.replace(mine, **fill) if fill else mine


class ReadFacts:
    """An account's facts as checks read them: numbers in place, and worked out once what follows from facts alone.

    created_at, usd: NaN where not known, for which every comparison is false. usd: US dollars that are known to have
    settled, 0 in an open dispute. organisation: the verified one. rungs: where the ladder keeps what the facts give.
    """

    __slots__ = (
        "_a_day", "_day", "_mark", "_payer_age", "_pays", "_proves", "created_at", "facts", "has_profile",
        "organisation", "plan", "rungs", "standards", "usd",
    )  # fmt: skip

    def __init__(self, facts: Facts, standards: Standards) -> None:
        created_at, payment, organisation = facts.created_at, facts.payment, facts.organisation
        self.facts: Final = facts
        self.standards: Final = standards
        self.plan: Final = facts.plan
        self.has_profile: Final = has_profile(facts)
        self.organisation: Final = organisation.id if organisation is not None and organisation.verified else None
        self.created_at: Final = _NAN if created_at is None else created_at
        self.usd: Final = _known_usd(payment)
        settled = 0.0 if payment is None else payment.settled_usd or 0.0
        is_owed = payment is None or payment.settled_usd is None or payment.status == "disputed"
        self._pays: Final = not is_owed and settled >= standards.payer_usd
        self._proves: Final = settled >= standards.proven_usd
        self._payer_age: Final = standards.payer_days * DAY
        self.rungs: list[str] | None = None
        self._mark: int | None = None
        self._day: int | None = None
        self._a_day = 0.0

    def is_payer(self, now: float) -> bool:
        """Say whether enough money settled over long enough, with no open dispute, whatever the plan is called."""
        return self._pays and now - self.created_at >= self._payer_age

    def is_proven(self, now: float, active_days: int, *, payer: bool, organised: bool = True) -> bool:
        """Say whether the account is proven, a status safe from neighbours. payer: whether it is a payer.

        `active_days`: on how many different days it was seen, which is what "steady use" can mean to a limiter.
        """
        if organised and self.organisation is not None:
            return True
        standards, age = self.standards, (now - self.created_at) / DAY
        if active_days >= standards.veteran_active_days and age >= standards.veteran_days:
            return True
        return payer and self._proves and age >= standards.proven_days

    def settled_a_day(self, now: float) -> float:
        """Return US dollars a day that the account settled lately; nothing while a dispute is open.

        A dispute that is over takes nothing more: `settled_usd` is what was paid and not given back.
        """
        payment, created_at = self.facts.payment, self.created_at
        if payment is None or payment.status == "disputed":
            return 0.0
        day = -1 if created_at != created_at else math.floor((now - created_at) / DAY)  # noqa: PLR0124 - not known
        if day != self._day:  # it changes once a day
            age = None if created_at != created_at else now - created_at  # noqa: PLR0124
            self._day, self._a_day = day, dollars_a_day(payment.settled_usd, payment.settled_30d_usd, age)
        return self._a_day

    def mark(self) -> int:
        """Return the hash of the facts."""
        if self._mark is None:
            self._mark = hash(self.facts)
        return self._mark


def _known_usd(payment: Payment | None) -> float:
    if payment is None:
        return _NAN
    if payment.status == "disputed":
        return 0.0
    settled, lately = payment.settled_usd, payment.settled_30d_usd
    if settled is None:
        return _NAN if lately is None else lately
    return settled if lately is None else max(settled, lately)


def is_payer(facts: Facts, standards: Standards, now: float) -> bool:
    """Say whether an account with these facts is a payer."""
    return ReadFacts(facts, standards).is_payer(now)


def is_proven(facts: Facts, standards: Standards, now: float, active_days: int, *, organised: bool = True) -> bool:
    """Say whether an account with these facts is proven."""
    read = ReadFacts(facts, standards)
    return read.is_proven(now, active_days, payer=read.is_payer(now), organised=organised)
