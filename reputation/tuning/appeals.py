"""Appeals: an operator turns a verdict into a temporary lift; a person's decision turns the appeal into a label. Pure.

A lift leaves the account's own limits in force. One an account and period, so that asking again buys nothing; none for
a member of a cluster until an operator reviewed the cluster, because heads appeal too.
"""

from typing import Annotated

from msgspec import Meta, Struct

from reputation.engine.exceptions import AllowBody, Reasoned
from reputation.tuning.labels import LabelWord
from reputation.wire.errors import Conflict, Invalid
from reputation.wire.messages import Text, Verdict

DAY = 86_400.0
PERIOD = 30 * DAY
"""Time in which an account has one appeal."""
LONGEST = 7 * DAY
GOOD_TIERS = frozenset({"trusted", "standard"})


class AppealBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/appeals. reviewed: a person has reviewed the account's cluster."""

    verdict: Text
    reason: Reasoned
    expires_in: Annotated[float, Meta(gt=0, le=LONGEST)] = DAY
    reviewed: bool = False


class DecisionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/appeals/{id}/decision: the final label of the account."""

    label: LabelWord
    reason: Reasoned


class Appeal(Struct, frozen=True):
    """One appeal. allow: the id of its lift; label: the decision, null until then."""

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
    last = max((appeal.at for appeal in earlier if appeal.account == account), default=-PERIOD)
    if 0 <= now - last < PERIOD:  # one of a time to come was filed before the clock was set back
        days = (last + PERIOD - now) / DAY
        raise Conflict(
            f"this account already had an appeal; the next appeal is possible in {days:.1f} days", "/verdict"
        )
    return account


def lift_of(account: str, body: AppealBody) -> AllowBody:
    """Return the body of the exception (`POST /v1/allow`) that an appeal asks for."""
    return AllowBody("account", account, f"appeal: {body.reason}"[:1024], body.expires_in, within_limits=True)
