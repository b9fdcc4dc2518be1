"""What is known of an account, merged from what billing pushed and what a check carried."""

from msgspec import structs

from reputation.events import Account, AccountFacts, Payment
from reputation.known import NOTHING, Facts, Standards

__all__ = ["NOTHING", "Facts", "Standards", "carried", "from_push", "is_payer", "is_proven", "merged"]

DAY = 86_400.0


def _plain(at: float | None) -> float | None:
    """Leave the wire's own type of time behind."""
    return None if at is None else float(at)


def from_push(body: AccountFacts, keys: tuple[bytes, ...]) -> Facts:
    """Facts as they are stored: keys only as keyed hashes."""
    external = tuple(sorted(body.external.items())) if body.external else ()
    return Facts(_plain(body.created_at), body.plan, body.verified, body.organisation, body.payment, keys, external)


def carried(account: Account) -> Facts | None:
    """Facts that a check brought along, or None if it brought none."""
    if (
        account.created_at is None
        and account.plan is None
        and account.verified is None
        and account.organisation is None
        and account.payment is None
    ):
        return None
    return Facts(_plain(account.created_at), account.plan, account.verified, account.organisation, account.payment)


def merged(pushed_: Facts, check: Facts) -> Facts:
    """Pushed facts win, member by member; a check's fill what was never pushed."""
    payment = pushed_.payment
    if payment is None:
        payment = check.payment
    elif check.payment is not None:
        fill = {
            name: getattr(check.payment, name)
            for name in Payment.__struct_fields__
            if getattr(payment, name) is None and getattr(check.payment, name) is not None
        }
        payment = structs.replace(payment, **fill) if fill else payment
    return structs.replace(
        pushed_,
        created_at=check.created_at if pushed_.created_at is None else pushed_.created_at,
        plan=pushed_.plan or check.plan,
        verified=check.verified if pushed_.verified is None else pushed_.verified,
        organisation=pushed_.organisation or check.organisation,
        payment=payment,
    )


def is_payer(facts: Facts, standards: Standards, now: float) -> bool:
    """Say whether enough money settled over long enough, with no open dispute, whatever the plan is called."""
    payment = facts.payment
    return (
        payment is not None
        and payment.settled_usd is not None
        and payment.settled_usd >= standards.payer_usd
        and payment.status != "disputed"
        and facts.created_at is not None
        and now - facts.created_at >= standards.payer_days * DAY
    )


def is_proven(facts: Facts, standards: Standards, now: float, active_days: int) -> bool:
    """Say whether the account has earned standing that no neighbour can take from it.

    `active_days`: on how many different days it was seen, which is what "steady use" can mean to a limiter.
    """
    if facts.organisation is not None and facts.organisation.verified:
        return True
    if facts.created_at is None:
        return False
    age = (now - facts.created_at) / DAY
    if age >= standards.veteran_days and active_days >= standards.veteran_active_days:
        return True
    return (
        age >= standards.proven_days
        and is_payer(facts, standards, now)
        and facts.payment is not None
        and (facts.payment.settled_usd or 0.0) >= standards.proven_usd
    )
