"""What an operator can do about a verdict, and what each of it touches; shown before it is done. Pure."""

import datetime
from typing import Literal

from msgspec import Struct

from reputation.admin.sentences import number, rate
from reputation.config.tenants import Tenant
from reputation.engine.verdicts import StoredRequest
from reputation.limits.bucket import Limit
from reputation.scoring.risk import STANDARD, Limits, plan_of
from reputation.state.crowds import Row
from reputation.state.facts import is_payer
from reputation.tuning.appeals import DAY, GOOD_TIERS, Appeal, AppealBody, check_appeal
from reputation.wire.errors import Problem
from reputation.wire.messages import LimitState, Verdict

KINDS: tuple[tuple[Literal["lift", "double"], float], ...] = (("lift", 1.0), ("double", 2.0))


class Remedy(Struct, frozen=True):
    """One thing that can be done by `POST /v1/appeals`. times: of its body; words: what it touches.

    helps: whether the request would have passed with it sooner; refused: why it is not possible now; review: the
    cluster that a person has to review before.
    """

    kind: Literal["lift", "double"]
    times: float
    words: str
    helps: bool
    refused: str | None
    review: str | None


def remedies_of(
    tenant: Tenant, asked: StoredRequest, verdict: Verdict, bound: LimitState | None, row: Row,
    appeals: list[Appeal], now: float,
) -> list[Remedy]:  # fmt: skip
    """Return the remedies of a verdict; bound: its binding limit, None in shadow mode. None of a bare address."""
    if asked.account is None:
        return []
    limits = lifted_limits(tenant, row, now)
    return [
        Remedy(
            kind,
            times,
            _words(asked.account, limits.times(times), now),
            _helps(verdict, bound, limits.times(times)),
            _refusal(asked.account, verdict, AppealBody(verdict.id, "r", reviewed=True), appeals, now),
            None if verdict.cluster is None else verdict.cluster.id,
        )
        for kind, times in KINDS
    ]


def remedies_of_account(tenant: Tenant, account: str, row: Row, now: float) -> list[Remedy]:
    """Return the same for an account without a verdict, by `POST /v1/allow`."""
    limits = lifted_limits(tenant, row, now)
    return [
        Remedy(kind, times, _words(account, limits.times(times), now), helps=True, refused=None, review=None)
        for kind, times in KINDS
    ]


def lifted_limits(tenant: Tenant, row: Row, now: float) -> Limits:
    """Return the own limits of an account under an exception: its plan's, in a tier that is standard at worst."""
    payer = is_payer(row.facts, tenant.settings.standards, now)
    plan = plan_of(tenant.policy, row.facts.plan, payer=payer)
    return tenant.policy.limits[plan][STANDARD if row.tier < 0 else min(row.tier, STANDARD)]


def _words(account: str, limits: Limits, now: float) -> str:
    until = datetime.datetime.fromtimestamp(now + DAY, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    burst, daily = limits.burst, limits.daily
    return (
        f"Account {account} alone, until {until}: {number(burst.burst)} at once, {rate(burst.rate)}, "
        f"{number(daily.burst)} a day. Evidence and shared budgets do not stop it until then."
    )


def _helps(verdict: Verdict, bound: LimitState | None, limits: Limits) -> bool:
    judged = verdict.shadow or verdict
    if verdict.mode == "shadow" or verdict.never:
        return False
    if judged.decision == "allow":
        return verdict.tier not in GOOD_TIERS
    if judged.decision != "throttle" or bound is None or bound.scope != "account":
        return True
    lifted: Limit | None = {"burst": limits.burst, "daily": limits.daily}.get(bound.name)
    return lifted is None or lifted.rate > bound.rate * 1.001 or lifted.burst > bound.burst * 1.001


def _refusal(account: str | None, verdict: Verdict, body: AppealBody, appeals: list[Appeal], now: float) -> str | None:
    try:
        check_appeal(account, verdict, body, appeals, now)
    except Problem as problem:
        return problem.detail
    return None
