"""The messages of Headcount's API. Generated from its OpenAPI document by `python -m tools.client_models --write`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One key of a client. full: `user:password`, looked up if `key`, its user, has no owner."""

    key: str
    full: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """An organisation; without an id it says nothing, and counts as missing."""

    id: str = ""
    verified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Payment facts from billing. None means "not known", which is neutral; it does not mean "none"."""

    status: Literal["disputed", "failed", "none", "ok"] | None = None
    fingerprint: str | None = None
    funding: Literal["credit", "debit", "prepaid", "unknown"] | None = None
    iin: str | None = None
    issuer_country: str | None = None
    settled_usd: float | None = None
    declines_30d: int | None = None
    disputes: int | None = None
    settled_30d_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signup:
    """How an account was made; seconds_to_first_request: from then until it first asked for anything."""

    at: float | str | None = None
    ip: str | None = None
    ja4: str | None = None
    user_agent: str | None = None
    email_kind: Literal["business", "disposable", "education", "free", "unknown"] | None = None
    phone_kind: Literal["landline", "mobile", "unknown", "voip"] | None = None
    referrer: str | None = None
    seconds_to_first_request: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The member `account` of a check: the account, and facts for this check only.

    credentials: what a client presented where that is more than one plain key; never stored hashes. jwt: a key looked
    like a JSON Web Token, which is another key after each refresh."""

    id: str | None = None
    key: str | None = None
    credentials: tuple[Credential, ...] | None = None
    jwt: bool = False
    created_at: float | str | None = None
    plan: str | None = None
    verified: tuple[Literal["email", "identity", "phone"], ...] | None = None
    organisation: Organisation | None = None
    payment: Payment | None = None
    email_domain: str | None = None
    signup: Signup | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    ip: str | None = None
    ja4: str | None = None
    user_agent: str | None = None
    device: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The member `request` of a check: the requested resource and its cost."""

    id: str | None = None
    cost: float = 1.0
    hold: bool = False
    route: str | None = None
    model: str | None = None
    content: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseReport:
    """The use of a lease. account, client: those of the check with the lease; by default those of this check."""

    id: str
    used: int = 0
    slices: tuple[tuple[float | str, int], ...] = ()
    account: Account | None = None
    client: Client | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One check. At least one of account.id, account.key and client.ip is there."""

    tenant: str = "default"
    at: float | str | None = None
    account: Account | None = None
    client: Client | None = None
    request: Call | None = None
    leases: tuple[LeaseReport, ...] = ()
    lease: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingLimit:
    unit: str
    rate: float | None
    burst: float | None
    remaining: float | None
    scope: Literal["account", "address", "cluster", "neighbourhood", "newcomers", "organisation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitState:
    """One limit as it stands after the verdict. rate: units a second; burst, remaining: units."""

    name: str
    rate: float
    burst: float
    remaining: float
    scope: Literal["account", "address", "cluster", "neighbourhood", "newcomers", "organisation"] = "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One signal's part of the risk, in natural log-odds after weight and cap."""

    signal: str
    points: float
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRef:
    id: str
    size: int
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A prepaid grant: `tokens` more requests within `ttl` seconds, this one not included."""

    id: str
    tokens: int
    ttl: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """The answer without shadow mode."""

    decision: Literal["allow", "challenge", "deny", "throttle"]
    tier: Literal["blocked", "limited", "restricted", "standard", "trusted"]
    limit: BindingLimit
    retry_after: float
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRef:
    """The exception or denial for this check; expires is in seconds since 1970."""

    id: str
    kind: str
    value: str
    reason: str
    expires: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer to one check; risk is 0 to 100. never: no waiting helps; overruled: the entry that does not count."""

    id: str
    tenant: str
    revision: int
    mode: Literal["enforce", "shadow"]
    decision: Literal["allow", "challenge", "deny", "throttle"]
    risk: float
    tier: Literal["blocked", "limited", "restricted", "standard", "trusted"]
    limit: BindingLimit
    limits: tuple[LimitState, ...]
    retry_after: float
    reasons: tuple[Reason, ...]
    cluster: ClusterRef | None = None
    actions: tuple[str, ...] = ()
    lease: Lease | None = None
    degraded: bool = False
    shadow: Shadow | None = None
    allow: EntryRef | None = None
    never: bool | None = None
    deny: EntryRef | None = None
    overruled: EntryRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """The body of POST /v1/settle: the final cost of a hold, and reports of leases without a check."""

    tenant: str = "default"
    verdict: str | None = None
    actual: float | None = None
    leases: tuple[LeaseReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """The final charge of a hold or lease, in units; null for a closed lease."""

    id: str
    charged: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The answer to a settlement: the verdict's own charge, and each lease's in the order of the body."""

    verdict: str | None = None
    charged: float | None = None
    leases: tuple[Charged, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """The body of PUT /v1/accounts/{id}: it replaces all facts pushed before."""

    keys: tuple[str, ...] = ()
    external: Mapping[str, str] | None = None
    created_at: float | str | None = None
    plan: str | None = None
    verified: tuple[Literal["email", "identity", "phone"], ...] | None = None
    organisation: Organisation | None = None
    payment: Payment | None = None
    email_domain: str | None = None
    signup: Signup | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The body of POST /v1/outcomes: an outcome of an account."""

    account: str
    outcome: Literal["abuse", "challenge_failed", "challenge_passed", "chargeback", "declined", "good"]
    tenant: str = "default"
    at: float | str | None = None
    verdict: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemDocument:
    """An error (RFC 9457); pointer is a JSON pointer to the member at fault."""

    type: str
    title: str
    status: int
    detail: str
    pointer: str = ""
