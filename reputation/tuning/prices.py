"""What a million requests cost an attacker under a tenant's settings, for each credential an account can be made of.

The figures are those of accounts that nothing links: evidence raises them, and proxies and addresses come on top.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct, structs

from reputation.config.tenants import Tenant, per_usd_of
from reputation.limits.bucket import Limit
from reputation.limits.money import DAY, MONTH
from reputation.scoring.ladder import Ladder
from reputation.scoring.risk import STANDARD, Limits
from reputation.state.facts import Facts, ReadFacts, Standards
from reputation.wire.messages import Funding, Payment, Seconds

MILLION = 1e6
SIGNED_UP = Seconds(0.0)


class Purchase(Struct, frozen=True):
    """One way to make an account. bought: names of `prices.credentials`; words: for people."""

    name: str
    words: str
    bought: tuple[str, ...]
    facts: Facts


def _with_card(name: str, words: str, funding: Funding) -> Purchase:
    payment = Payment(status="ok", fingerprint="card", funding=funding)
    return Purchase(name, words, ("mailbox", name), Facts(created_at=SIGNED_UP, payment=payment))


CREDENTIALS = (
    Purchase("mailbox", "a mailbox", ("mailbox",), Facts(created_at=SIGNED_UP)),
    Purchase("phone", "a mailbox and a phone", ("mailbox", "phone"), Facts(created_at=SIGNED_UP, verified=("phone",))),
    _with_card("prepaid_card", "a mailbox and a prepaid card", "prepaid"),
    _with_card("virtual_card", "a mailbox and a virtual card", "debit"),
    _with_card("ordinary_card", "a mailbox and an ordinary card", "credit"),
)
"""Credentials of accounts that are not proven."""


class Price(Struct, frozen=True):
    """What one credential buys on one plan.

    usd: for one account. first_day, month: ordinary requests that one account may make in its first 24 hours, and in
    its first 30 days. first_day_million, million: US dollars for a million requests, if every account is thrown away
    after a day, and if every account is used for 30 days; None where nothing gets through.
    """

    plan: str
    credential: str
    words: str
    usd: float
    first_day: float
    month: float
    first_day_million: float | None
    million: float | None


def prices(tenant: Tenant, newcomers: Mapping[str, float] = MappingProxyType({})) -> list[Price]:
    """Return the prices of every plan and credential, the cheapest million requests first.

    newcomers: the learnt newcomer's day of each plan, in units a day.
    """
    found = [price for plan in tenant.policy.limits for price in _of_plan(tenant, plan, newcomers)]
    return sorted(found, key=lambda price: (price.million is None, price.million or 0.0, price.plan, price.usd))


def _of_plan(tenant: Tenant, plan: str, newcomers: Mapping[str, float]) -> Iterator[Price]:
    costs = structs.asdict(tenant.settings.prices.credentials)
    limits, request = tenant.policy.limits[plan][STANDARD], tenant.request_cost
    unsettled = tenant.unsettled[plan] if tenant.settings.earned.plan_usd > 0.0 else plan
    ladder, before = (_ladder(tenant, name, newcomers) for name in (plan, unsettled))
    for one in CREDENTIALS:
        usd = sum(costs[name] for name in one.bought)
        yield _price(plan, one.name, one.words, usd, *_amounts(limits, before, one.facts, request))
        if unsettled != plan:
            settled = tenant.settings.earned.plan_usd
            amounts = _amounts(limits, ladder, _settled(one.facts, settled), request)
            yield _price(
                plan, f"{one.name}_settled", f"{one.words}, and {settled:g} USD settled", usd + settled, *amounts
            )
    if ladder is not None and (dollar := per_usd_of(tenant.settings, request) / request):
        yield _price(plan, "settled_dollar", "a dollar settled", 1.0, dollar / MONTH, dollar)
    full = limits.daily.burst
    aged = _daily(limits.burst, full, full, request)
    yield _price(plan, "aged_account", "a proven account, bought", costs["aged_account"], *aged)


def _ladder(tenant: Tenant, plan: str, newcomers: Mapping[str, float]) -> Ladder | None:
    found = tenant.entry[plan]
    return None if found is None else found.at(newcomers.get(plan))


def _settled(facts: Facts, usd: float) -> Facts:
    payment = structs.replace(facts.payment or Payment(status="ok"), settled_usd=usd)
    return structs.replace(facts, payment=payment)


def _amounts(limits: Limits, ladder: Ladder | None, facts: Facts, request: float) -> tuple[float, float]:
    """Return what an account that is not proven may make in a day and in a month, in the tier of most accounts."""
    full = limits.daily.burst
    if ladder is None:
        return _daily(limits.burst, full, full, request)
    units = min(ladder.rung(ReadFacts(facts, Standards()), limits.burst.burst, DAY).limit.burst, full)
    return _daily(limits.burst, units, min(units, limits.burst.burst), request)


def _daily(burst: Limit, units: float, at_first: float, request: float) -> tuple[float, float]:
    """Return requests of the first day and of a month, for so many units a day and so many at once."""
    first = min(at_first + units, burst.burst + burst.rate * DAY)
    return first / request, (first + min(units, burst.rate * DAY) * (MONTH - 1)) / request


def _price(plan: str, name: str, words: str, usd: float, first_day: float, month: float) -> Price:
    return Price(
        plan, name, words, round(usd, 4), round(first_day, 3), round(month, 3),
        *(round(usd / amount * MILLION, 2) if amount > 0.0 else None for amount in (first_day, month)),
    )  # fmt: skip
