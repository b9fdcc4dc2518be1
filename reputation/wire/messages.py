"""The wire format: frozen value types, checked at construction.

Times are seconds since 1970 as float; on the wire also RFC 3339 strings. Unknown members of a body are
ignored, so that an older sidecar can stand behind a newer gateway; a known member of the wrong type is an error.
"""

import datetime
import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_type_hints

from msgspec import UNSET, Meta, Struct, UnsetType

Text = Annotated[str, Meta(min_length=1, max_length=256)]
LongText = Annotated[str, Meta(max_length=1024)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Amount = Annotated[float, Meta(ge=0, le=1e12)]
Domain = Annotated[str, Meta(min_length=1, max_length=253, pattern=r"^[^@\s/\\\x00-\x1f\x7f]+$")]
SimHash = Annotated[str, Meta(pattern="^[0-9a-fA-F]{16}$")]

PaymentStatus = Literal["none", "ok", "failed", "disputed"]
Funding = Literal["credit", "debit", "prepaid", "unknown"]
Verification = Literal["email", "phone", "identity"]
EmailKind = Literal["free", "business", "education", "disposable", "unknown"]
PhoneKind = Literal["mobile", "landline", "voip", "unknown"]
OutcomeKind = Literal["chargeback", "declined", "abuse", "good", "challenge_passed", "challenge_failed"]
Decision = Literal["allow", "throttle", "challenge", "deny"]
Tier = Literal["trusted", "standard", "limited", "restricted", "blocked"]
Scope = Literal["account", "cluster", "organisation", "neighbourhood", "address", "newcomers"]
"""Whose a limit is; `neighbourhood` is in stored verdicts alone."""
Mode = Literal["enforce", "shadow"]

LATEST = 253402300799.0  # the end of the year 9999


class Seconds(float):
    """Seconds since 1970; the wire also takes RFC 3339."""

    __slots__ = ()


class IpAddress(str):
    """An IPv4 or IPv6 address as text."""

    __slots__ = ()


def wire_type(kind: type, value: Any) -> Any:
    """Msgspec's dec_hook: make a `Seconds` of a number or an RFC 3339 string with an offset, an `IpAddress` of text."""
    if kind is IpAddress:
        return _ip_address(value)
    if kind is not Seconds:
        raise NotImplementedError(kind)
    if isinstance(value, str):
        value = _rfc3339(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Expected seconds since 1970 or an RFC 3339 time")  # noqa: TRY004 - msgspec adds the path to it
    if not 0 <= value <= LATEST:  # also false for NaN, and exact for integers of any length
        raise ValueError("Expected seconds since 1970, before the year 10000")
    return Seconds(value)


def _ip_address(value: Any) -> IpAddress:
    try:
        return IpAddress(ipaddress.ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        raise ValueError("Expected an IPv4 or IPv6 address") from None


_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}):([0-9]{2})([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)


def _rfc3339(text: str) -> float:
    """Seconds since 1970; a leap second is the first of the next minute, as in POSIX."""
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError("Expected seconds since 1970 or an RFC 3339 time")
    day, minute, second, fraction, offset = found.groups()
    if offset is None:
        raise ValueError("Expected an RFC 3339 time with its offset (such as a final Z)")
    leap = second == "60"
    try:
        moment = datetime.datetime.fromisoformat(
            f"{day}T{minute}:{'59' if leap else second}{fraction or ''}{offset.upper()}"
        )
    except ValueError:
        raise ValueError("Expected seconds since 1970 or an RFC 3339 time") from None
    return moment.timestamp() + leap


class Organisation(Struct, frozen=True, gc=False):
    """An organisation; without an id it says nothing, and counts as missing."""

    id: Annotated[str, Meta(max_length=256)] = ""
    verified: bool = False


class Payment(Struct, frozen=True, gc=False):
    """Payment facts from billing. None means "not known", which is neutral; it does not mean "none"."""

    status: PaymentStatus | None = None
    fingerprint: Text | None = None
    funding: Funding | None = None
    iin: Annotated[str, Meta(pattern="^[0-9]{4,8}$")] | None = None
    issuer_country: Annotated[str, Meta(pattern="^[A-Za-z]{2}$")] | None = None
    settled_usd: Amount | None = None
    declines_30d: Count | None = None
    disputes: Count | None = None
    settled_30d_usd: Amount | None = None


class Signup(Struct, frozen=True, gc=False):
    """How an account was made; seconds_to_first_request: from then until it first asked for anything."""

    at: Seconds | None = None
    ip: IpAddress | None = None
    ja4: Text | None = None
    user_agent: LongText | None = None
    email_kind: EmailKind | None = None
    phone_kind: PhoneKind | None = None
    referrer: LongText | None = None
    seconds_to_first_request: Amount | None = None


class Profile(Struct, frozen=True, gc=False, kw_only=True):
    """Facts of an account; each fact is defined here, once. None means "not known", which is neutral everywhere.

    Bodies, what is kept, merging and views are made from these fields. A nested type whose members all may be missing
    is merged member by member.
    """

    created_at: Seconds | None = None
    plan: Text | None = None
    verified: Annotated[tuple[Verification, ...], Meta(max_length=8)] | None = None
    organisation: Organisation | None = None
    payment: Payment | None = None
    email_domain: Domain | None = None
    signup: Signup | None = None


class Credential(Struct, frozen=True, gc=False):
    """One key of a client. full: `user:password`, looked up if `key`, its user, has no owner."""

    key: Text
    full: Text | None = None


def _nested() -> dict[str, type[Struct]]:
    hints = get_type_hints(Profile)
    parts = [(name, part) for name, hint in hints.items() for part in get_args(hint)]
    return {name: part for name, part in parts if isinstance(part, type) and issubclass(part, Struct)}


NESTED: Mapping[str, type[Struct]] = _nested()
"""Facts that have members of their own, and their types."""


class Account(Profile, frozen=True, gc=False):
    """The member `account` of a check: the account, and facts for this check only.

    credentials: what a client presented where that is more than one plain key; never stored hashes. jwt: a key looked
    like a JSON Web Token, which is another key after each refresh.
    """

    id: Text | None = None
    key: Text | None = None
    credentials: Annotated[tuple[Credential, ...], Meta(min_length=1, max_length=8)] | None = None
    jwt: bool = False


class Client(Struct, frozen=True, gc=False):
    ip: Text | None = None
    ja4: Text | None = None
    user_agent: LongText | None = None
    device: Text | None = None
    session: Text | None = None


class Call(Struct, frozen=True, gc=False):
    """The member `request` of a check: the requested resource and its cost."""

    id: Text | None = None
    cost: Annotated[float, Meta(gt=0, le=1e9)] = 1.0
    hold: bool = False
    route: LongText | None = None
    model: Text | None = None
    content: Annotated[tuple[SimHash, ...], Meta(max_length=8)] = ()


class LeaseReport(Struct, frozen=True, gc=False):
    """The use of a lease. account, client: those of the check with the lease; by default those of this check."""

    id: Text
    used: Count = 0
    slices: Annotated[tuple[tuple[Seconds, Count], ...], Meta(max_length=64)] = ()
    account: Account | None = None
    client: Client | None = None


_NO_ACCOUNT, _NO_CLIENT, _ONE_CALL = Account(), Client(), Call()


class Request(Struct, frozen=True, gc=False):
    """One check. At least one of account.id, account.key and client.ip is there."""

    tenant: Text = "default"
    at: Seconds | None = None
    account: Account = _NO_ACCOUNT
    client: Client = _NO_CLIENT
    request: Call = _ONE_CALL
    leases: Annotated[tuple[LeaseReport, ...], Meta(max_length=64)] = ()
    lease: bool = False


PushedKey = Annotated[str, Meta(min_length=1, max_length=256, pattern="[^ \t\r\n]")]


class AccountFacts(Profile, frozen=True, gc=False):
    """The body of PUT /v1/accounts/{id}: it replaces all facts pushed before."""

    keys: Annotated[tuple[PushedKey, ...], Meta(max_length=64)] = ()
    external: Annotated[dict[Text, Text], Meta(max_length=8)] | None = None


class Outcome(Struct, frozen=True, gc=False):
    """The body of POST /v1/outcomes: an outcome of an account."""

    account: Text
    outcome: OutcomeKind
    tenant: Text = "default"
    at: Seconds | None = None
    verdict: Text | None = None


class Settle(Struct, frozen=True, gc=False):
    """The body of POST /v1/settle: the final cost of a hold, and reports of leases without a check."""

    tenant: Text = "default"
    verdict: Text | None = None
    actual: Annotated[float, Meta(ge=0, le=1e9)] | None = None
    leases: Annotated[tuple[LeaseReport, ...], Meta(max_length=256)] = ()


class Charged(Struct, frozen=True, gc=False):
    """The final charge of a hold or lease, in units; null for a closed lease."""

    id: str
    charged: float | None


class Settled(Struct, frozen=True, gc=False, omit_defaults=True):
    """The answer to a settlement: the verdict's own charge, and each lease's in the order of the body."""

    verdict: str | None = None
    charged: float | None = None
    leases: tuple[Charged, ...] = ()


class Reason(Struct, frozen=True, gc=False, omit_defaults=True):
    """One signal's part of the risk, in natural log-odds after weight and cap."""

    signal: str
    points: float
    detail: str | None = None


class LimitState(Struct, frozen=True, gc=False):
    """One limit as it stands after the verdict. rate: units a second; burst, remaining: units."""

    name: str
    rate: float
    burst: float
    remaining: float
    scope: Scope = "account"


class BindingLimit(Struct, frozen=True, gc=False):
    unit: str
    rate: float
    burst: float
    remaining: float
    scope: Scope


class ClusterRef(Struct, frozen=True, gc=False):
    id: str
    size: int
    confidence: float


class Lease(Struct, frozen=True, gc=False):
    """A prepaid grant: `tokens` more requests within `ttl` seconds, this one not included."""

    id: str
    tokens: int
    ttl: float


class EntryRef(Struct, frozen=True, gc=False):
    """The exception or denial for this check; expires is in seconds since 1970."""

    id: str
    kind: str
    value: str
    reason: str
    expires: float


class Shadow(Struct, frozen=True, gc=False):
    """The answer without shadow mode."""

    decision: Decision
    tier: Tier
    limit: BindingLimit
    retry_after: float
    actions: tuple[str, ...] = ()


class Verdict(Struct, frozen=True, gc=False):
    """The answer to one check; risk is 0 to 100. never: no waiting helps; overruled: the entry that does not count."""

    id: str
    tenant: str
    revision: int
    mode: Mode
    decision: Decision
    risk: float
    tier: Tier
    limit: BindingLimit
    limits: tuple[LimitState, ...]
    retry_after: float
    reasons: tuple[Reason, ...]
    cluster: ClusterRef | None = None
    actions: tuple[str, ...] = ()
    lease: Lease | None = None
    degraded: bool = False
    shadow: Shadow | UnsetType = UNSET
    allow: EntryRef | UnsetType = UNSET
    never: bool | UnsetType = UNSET
    deny: EntryRef | UnsetType = UNSET
    overruled: EntryRef | UnsetType = UNSET
