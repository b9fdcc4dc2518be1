"""One request in the names of several accounts: all of them pay for it, or none does."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from msgspec import structs

from reputation.engine.identity import Who, check_id, presented
from reputation.engine.judge import Assessed, ruled
from reputation.engine.leases import Leases
from reputation.limits.take import Ask, AskGroup, Taken, TakenAll, refused, take_group
from reputation.state.tenant import TenantState
from reputation.wire.errors import Invalid
from reputation.wire.ids import NewId
from reputation.wire.messages import Request, Verdict

STRICTNESS = ("allow", "throttle", "challenge", "deny")
ONE_ACCOUNT = "a request with an id names one account; these credentials name several"


class JudgedAccount(NamedTuple):
    """One account's verdict. Not `noted`: another account stopped the request, and this one paid nothing."""

    verdict: Verdict
    noted: bool


class CheckedTenant(Protocol):
    """The part of a tenant's limiter for checks in several names."""

    @property
    def leases(self) -> Leases:
        """Open leases and holds."""

    @property
    def secret(self) -> bytes:
        """The hash key."""

    @property
    def state(self) -> TenantState:
        """The state of the tenant's accounts."""

    def who(self, request: Request, now: float) -> Who:
        """Find the account of a request. Raises Invalid."""

    def check_one(self, request: Request, now: float, new_id: NewId) -> Verdict:
        """Judge a request with one account."""

    def assess_as(self, who: Who, request: Request, now: float) -> Assessed:
        """Do the part before the take."""

    def ask(self, assessed: Assessed, id_: str) -> Ask:
        """Return the ask of a check."""

    def conclude(self, assessed: Assessed, taken: Taken, id_: str) -> Verdict:
        """Answer by the result of the buckets, and note it."""

    def answer(self, id_: str, assessed: Assessed, taken: Taken) -> Verdict:
        """Make a verdict without a note of it."""


class CheckedTenants(Protocol):
    """Every tenant's checks, by name."""

    def tenant(self, name: str) -> CheckedTenant:
        """Find a tenant. Raises NotFound."""


def check_all(limiter: CheckedTenants, requests: Sequence[Request], now: float, new_id: NewId) -> list[JudgedAccount]:
    """Judge a request, in the name of each account of one tenant. Raises Invalid if one names no account."""
    tenant = limiter.tenant(requests[0].tenant)
    return check_each(tenant, [each_account(tenant, request) for request in requests], now, new_id)


def check_credentials(tenant: CheckedTenant, request: Request, now: float, new_id: NewId) -> Verdict:
    """Judge a request by its client's credentials. Raises Invalid."""
    accounts = each_account(tenant, request)
    if len(accounts) == 1:
        return tenant.check_one(accounts[0], now, new_id)
    (judged,) = check_each(tenant, [accounts], now, new_id)
    return judged.verdict


def each_account(tenant: CheckedTenant, request: Request) -> list[Request]:
    """Make one check for each candidate account of a request's credentials; only the first has the leases.

    Raises Invalid for a reserved id, and for a request with an id of its own that names several accounts: it could not
    be found again under one of them.
    """
    account = request.account
    check_id(account.id, "/account/id")
    if account.credentials is None or account.id is not None:
        return [request]
    names = presented(account, tenant.state.owners, tenant.secret)
    accounts = [structs.replace(account, id=name, key=None, credentials=None) for name in names]
    if len(accounts) == 1:
        return [structs.replace(request, account=accounts[0])]
    if request.request.id is not None:
        raise Invalid(ONE_ACCOUNT, "/request/id")
    first, *others = [structs.replace(request, account=one, lease=False) for one in accounts]
    return [first, *[structs.replace(other, leases=()) for other in others]]


def check_each(
    tenant: CheckedTenant, accounts: Sequence[Sequence[Request]], now: float, new_id: NewId
) -> list[JudgedAccount]:
    """Judge a request on this process's own buckets; accounts: the possible accounts of each of its checks."""
    found = assess_all(tenant, accounts, now)
    group = group_of(tenant, found, now, new_id)
    return conclude_all(tenant, found, group, take_group(group, tenant.leases.reserved, now))


def assess_all(tenant: CheckedTenant, accounts: Sequence[Sequence[Request]], now: float) -> list[list[Assessed]]:
    """Do the part before the take; such requests have no id."""
    return [[tenant.assess_as(tenant.who(one, now), one, now) for one in several] for several in accounts]


def group_of(tenant: CheckedTenant, found: list[list[Assessed]], now: float, new_id: NewId) -> AskGroup:
    """Return the asks of all accounts, as one group.

    The group is marked as stopped, and takes nothing, if the tier or cluster of one account stops it."""
    asks = [ask for several in found for ask in _asks(tenant, several, now, new_id)]
    return AskGroup(asks, stopped=any(ruled(one) != "allow" for several in found for one in several))


def _asks(tenant: CheckedTenant, several: list[Assessed], now: float, new_id: NewId) -> Iterator[Ask]:
    """Return the takes of each account of one check; a budget shared with another, such as the address, pays once."""
    paid: set[object] = set()
    for one in several:
        ask = tenant.ask(one, new_id(now))
        draws = [[charge for charge in draw if charge.key not in paid] for draw in ask.draws]
        for charge in draws[0]:
            if all(any(charge.key == other.key for other in draw) for draw in draws[1:]):
                paid.add(charge.key)
        yield Ask(draws, ask.cost, ask.want, ask.share, ask.reserve, ask.settlements, ask.token).sharing(ask.roomy)


def conclude_all(
    tenant: CheckedTenant, found: list[list[Assessed]], group: AskGroup, taken: TakenAll
) -> list[JudgedAccount]:
    """Answer each check by its strictest account; of a stopped request, only the stopping verdicts are stored."""
    rows = zip(group.asks, taken.taken, strict=True)
    return [
        max((_judged(tenant, one, *next(rows), passed=taken.passed) for one in several), key=_strictness)
        for several in found
    ]


def _judged(tenant: CheckedTenant, assessed: Assessed, ask: Ask, taken: Taken, *, passed: bool) -> JudgedAccount:
    if passed or ruled(assessed) != "allow" or refused(taken, ask.cost):
        return JudgedAccount(tenant.conclude(assessed, taken, ask.token), noted=True)
    return JudgedAccount(tenant.answer(ask.token, assessed, taken), noted=False)


def _strictness(one: JudgedAccount) -> tuple[int, float, float]:
    """Order verdicts: by decision, then by wait, then by how little of the binding limit is left."""
    verdict = one.verdict
    judged = verdict.shadow or verdict
    return STRICTNESS.index(judged.decision), judged.retry_after, -judged.limit.remaining / judged.limit.burst
