"""The rollout of a tenant's revisions: shadow, canary, live and rollback. Pure."""

from functools import partial
from typing import Annotated, Literal
from zlib import crc32

from msgspec import Meta, Struct

from reputation.engine.entries import Reasoned
from reputation.tuning.revisions import START
from reputation.wire.errors import Invalid

Step = Literal["shadow", "promote", "rollback", "stop"]
Stage = Literal["none", "shadow", "canary"]
WHOLE = 100.0
MOST_PAST = 50
_PARTS = 10_000


class Rollout(Struct, frozen=True):
    """The state of the rollout. past: earlier live revisions, the latest last; stopped: the reason for the end of a
    trial.

    percent: share of accounts that a canary judges; most_payers_tightened: payers that it may be stricter with.
    """

    live: int = START
    candidate: int | None = None
    stage: Stage = "none"
    percent: float = 0.0
    most_payers_tightened: int = 0
    past: tuple[int, ...] = ()
    by: str = ""
    reason: str = ""
    at: float = 0.0
    stopped: str | None = None


class RolloutBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/tenants/{tenant}/rollout.

    shadow: score `revision` next to the live one; promote: let it judge `percent` of the accounts, or all; rollback:
    end a trial, or without a trial return to the revision that was live before; stop: end a trial.
    """

    step: Step
    reason: Reasoned
    revision: Annotated[int, Meta(ge=1)] | None = None
    percent: Annotated[float, Meta(gt=0, le=100)] = WHOLE
    most_payers_tightened: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


def stepped(rollout: Rollout, body: RolloutBody, by: str, now: float) -> Rollout:
    """Take one step. Raises Invalid for a step impossible in this state."""
    made = partial(Rollout, by=by, reason=body.reason, at=now)
    if body.step == "rollback" and rollout.candidate is None:
        if not rollout.past:
            raise Invalid("no revision was live before this one, so a rollback is not possible", "/step")
        return made(live=rollout.past[-1], past=rollout.past[:-1])
    if body.step in ("stop", "rollback"):
        if rollout.candidate is None:
            raise Invalid("no revision is on trial, so there is no trial to stop", "/step")
        return made(live=rollout.live, past=rollout.past)
    revision = rollout.candidate if body.revision is None else body.revision
    if revision is None:
        raise Invalid(f"{body.step} needs the number of a revision", "/revision")
    if revision == rollout.live:
        raise Invalid(f"revision {revision} is already live", "/revision")
    if body.step == "promote" and body.percent >= WHOLE:
        return made(live=revision, past=(*rollout.past, rollout.live)[-MOST_PAST:])
    stage: Stage = "shadow" if body.step == "shadow" else "canary"
    percent = body.percent if stage == "canary" else 0.0
    return made(rollout.live, revision, stage, percent, body.most_payers_tightened, rollout.past)


def is_in_canary(account: str, revision: int, percent: float) -> bool:
    """Whether a canary judges an account: the same on every replica, and other accounts for another revision."""
    number = crc32(f"{revision}:{account}".encode("utf-8", "surrogatepass"))
    return number % _PARTS < percent * (_PARTS / WHOLE)
