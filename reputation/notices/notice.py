"""A notice of an event: its sentence, its bodies by format, and its signature."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from reputation.config.file import Event

SIGNATURE = "X-Headcount-Signature"


class Notice(Struct, frozen=True):
    """One event. at: seconds since 1970; data: what its sentence says, for programs."""

    id: str
    event: Event
    tenant: str | None
    at: float
    data: dict[str, Any]


class _Sent(Struct):
    """The body of a notice in the format `json`."""

    id: str
    event: Event
    tenant: str | None
    at: float
    text: str
    data: dict[str, Any]


def _found(data: Mapping[str, Any]) -> str:
    return (
        f"Found {data['size']:,} accounts of one actor: cluster {data['cluster']}, {data['standing']}, "
        f"by {', '.join(data['families']) or 'no family'}. {_payers(data['payers'])}"
    )


def _grown(data: Mapping[str, Any]) -> str:
    return (
        f"Cluster {data['cluster']} has grown from {data['before']['size']:,} to {data['size']:,} accounts. "
        f"{_payers(data['payers'])}"
    )


def _status(data: Mapping[str, Any]) -> str:
    return (
        f"Cluster {data['cluster']} of {data['size']:,} accounts is now {data['standing']}; it was "
        f"{data['before']['standing']}. {_payers(data['payers'])}"
    )


def _surge(data: Mapping[str, Any]) -> str:
    held = "They are held to that." if data["together"] == "cap" else "Nothing holds them: newcomers.together is watch."
    return (
        f"{data['accounts']:,} newcomers took {data['units']:,.0f} units in 24 hours; usual are {data['amount']:,.0f} "
        f"at most. {held}"
    )


def _stopped(data: Mapping[str, Any]) -> str:
    return f"The trial of revision {data['revision']} ended itself: {data['why']}."


def _away(data: Mapping[str, Any]) -> str:
    return f"The sidecar on {data['host']} has lost its state and works from memory."


def _back(data: Mapping[str, Any]) -> str:
    return f"The sidecar on {data['host']} has its state again, after {data['seconds']:,.0f} seconds."


def _payers(count: int) -> str:
    if count == 0:
        return "No paying customer is among them."
    return f"{count:,} paying {'customer is' if count == 1 else 'customers are'} among them."


SENTENCES: Mapping[Event, Callable[[Mapping[str, Any]], str]] = {
    "cluster.found": _found,
    "cluster.grown": _grown,
    "cluster.status": _status,
    "newcomers.surge": _surge,
    "trial.stopped": _stopped,
    "state.away": _away,
    "state.back": _back,
}


def text_of(notice: Notice) -> str:
    """Say what happened, in a sentence or two."""
    said = SENTENCES[notice.event](notice.data)
    return said if notice.tenant is None else f"{notice.tenant}: {said}"


def _as_json(notice: Notice) -> bytes:
    sent = _Sent(notice.id, notice.event, notice.tenant, notice.at, text_of(notice), notice.data)
    return msgspec.json.encode(sent)


def _as_slack(notice: Notice) -> bytes:
    """A text without markup: Slack reads &, < and > as such [Slack, Formatting text for app surfaces]."""
    text = text_of(notice).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return msgspec.json.encode({"text": text})


BODIES: Mapping[str, Callable[[Notice], bytes]] = {"json": _as_json, "slack": _as_slack}


def signature(secret: str, body: bytes, now: float) -> str:
    """Return the value of X-Headcount-Signature: `t=SECONDS,v1=HEX`, HMAC-SHA256 of `SECONDS.BODY`."""
    seconds = int(now)
    signed = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={signed}"
