"""Appeals: an operator turns a verdict into a temporary lift; a person's decision turns the appeal into a label. Pure.

A lift leaves the account's own limits in force. One an account and period, so that asking again buys nothing; none for
a member of a cluster until an operator reviewed the cluster, because heads appeal too.
"""

from typing import Annotated

from msgspec import Meta, Struct, structs

from reputation.engine.entries import Reasoned
from reputation.engine.exceptions import Allow, AllowBody
from reputation.tuning.labels import LabelWord
from reputation.wire.errors import Conflict, Invalid
from reputation.wire.messages import Text, Verdict

DAY = 86_400.0
PERIOD = 30 * DAY
"""Time in which an account has one appeal."""
LONGEST = 7 * DAY
GOOD_TIERS = frozenset({"trusted", "standard"})


class AppealBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/appeals. reviewed: a person has reviewed the account's cluster.

    times: the account's own limits hold so many times over; 2 doubles them.
    """

    verdict: Text
    reason: Reasoned
    expires_in: Annotated[float, Meta(gt=0, le=LONGEST)] = DAY
    reviewed: bool = False
    times: Annotated[float, Meta(ge=1, le=2)] = 1.0


class DecisionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/appeals/{id}/decision: the final label of the account."""

    label: LabelWord
    reason: Reasoned


class Appeal(Struct, frozen=True):
    """One appeal. allow: the id of its lift; label: the decision, null until then.

    times: the lift multiplies the account's own limits by this; ended: when a person took the lift back.
    """

    id: str
    account: str
    verdict: str
    cluster: str | None
    reason: str
    by: str
    at: float
    expires: float
    allow: str
    label: LabelWord | None = None
    decided_by: str | None = None
    times: float = 1.0
    ended: float | None = None


def check_appeal(account: str | None, verdict: Verdict, body: AppealBody, earlier: list[Appeal], now: float) -> str:
    """Return the account to lift. Raises Invalid or Conflict if a lift is not allowed."""
    if account is None:
        raise Invalid("this verdict names no account, so there is no account to lift", "/verdict")
    judged = verdict.shadow or verdict
    if judged.decision == "allow" and verdict.tier in GOOD_TIERS:
        raise Invalid("this verdict let the request pass at full limits; there is nothing to lift", "/verdict")
    if verdict.cluster is not None and not body.reviewed:
        raise Conflict(
            f"the account is in cluster {verdict.cluster.id}; review the cluster first "
            f"(headcount clusters show {verdict.cluster.id}), then send reviewed: true",
            "/reviewed",
        )
    taken = [appeal for appeal in earlier if appeal.account == account and appeal.ended is None]
    last = max(taken, key=lambda appeal: appeal.at, default=None)
    if last is not None and 0 <= now - last.at < PERIOD:  # one of a time to come: the clock was set back since then
        days = (last.at + PERIOD - now) / DAY
        again = (
            f"take it back first (headcount allow remove {last.allow})" if last.expires > now else "use an exception"
        )
        raise Conflict(
            f"this account already had an appeal; the next appeal is possible in {days:.1f} days, or {again}",
            "/verdict",
        )
    return account


def lift_of(account: str, body: AppealBody) -> AllowBody:
    """Return the body of the exception (`POST /v1/allow`) that an appeal asks for."""
    reason = f"appeal: {body.reason}"[:1024]
    return AllowBody("account", account, reason, body.expires_in, within_limits=True, times=body.times)


def taken_back(appeals: list[Appeal], allow: Allow, now: float) -> Appeal | None:
    """Return the appeal whose lift a person ends before its time; it no longer counts as the one of its period."""
    for appeal in appeals:
        if appeal.allow == allow.id:
            return structs.replace(appeal, ended=now)
    return None
