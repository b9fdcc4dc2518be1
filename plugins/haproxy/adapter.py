"""HAProxy's SPOE: the arguments of a spoe-message are taken for header lines, the verdict becomes variables.

What the configuration calls an argument is the name of the header that it stands for; an argument may occur several
times, as a header may. `tenant`, `method` and `path` are no headers. The variables are those of VARIABLES and a few
numbers; HAProxy puts the agent's prefix before their names, and drops those that its configuration does not name.
"""

import math
from collections.abc import Mapping

from plugins.answers import DAY, for_client, for_upstream, stop_status
from plugins.headers import check
from plugins.lines import first
from reputation.wire.gateway import GatewaySettings, HttpMessage, Reply
from reputation.wire.messages import LimitState, Request, Verdict

from .spop import Message, put_variables
from .spop_data import Value, Written

PREFIX = b"/gateway/haproxy/"
TENANT, METHOD, PATH = b"tenant", b"method", b"path"
WITHOUT_TENANT = b"default"
REFUSED = 400

VARIABLES: Mapping[bytes, bytes] = {
    b"X-Headcount-Verdict": b"verdict",
    b"RateLimit-Policy": b"policy",
    b"RateLimit": b"left",
    b"Retry-After": b"retry_after",
    b"X-Headcount-Tier": b"tier",
    b"X-Headcount-Risk": b"risk",
    b"X-Headcount-Cluster": b"cluster",
    b"X-Headcount-Actions": b"actions",
}
"""The variable for each header that other gateways get."""

MOMENT = 10
"""Seconds of the window that `account_10s` counts in."""
MOST = 2**32 - 1
PURSE = "purse"
"""The limit that all members of a cluster share; a payer who spends its own floor does not draw on it."""


def as_header(name: bytes, value: Value) -> tuple[bytes, bytes]:
    """One argument as a header line; numbers and truth values as HAProxy would print them."""
    return name.lower(), value if isinstance(value, bytes) else b"%d" % (value or 0)


def as_message(message: Message, peer: str) -> HttpMessage:
    """The spoe-message as an HTTP message, the input of a check. An argument without a value is skipped.

    A tenant without a value is not the default one: the sample that should have named it found none.
    """
    lines = [as_header(name, value) for name, value in message.args if value is not None]
    known = {**{name.lower(): b"" for name, _ in message.args if name.lower() == TENANT}, **dict(lines)}
    return HttpMessage(known.get(METHOD, b""), PREFIX + known.get(TENANT, WITHOUT_TENANT), lines, b"", peer)


def read(message: HttpMessage, tenant: str, settings: GatewaySettings) -> Request:
    """The check for HAProxy's message; ValueError if it cannot be one."""
    return check(message, tenant, settings, first(message.headers, PATH))


def whole(value: float) -> int:
    """A number rounded down for HAProxy's counters; no limit becomes the largest number."""
    return math.floor(min(value, MOST))


def most_in(limit: LimitState, window: float) -> int:
    """The most requests of a full bucket in so many seconds: HAProxy counts in windows, without buckets."""
    return whole(limit.burst + limit.rate * window)


def numbers(verdict: Verdict) -> list[tuple[bytes, Written]]:
    """The binding limit, and HAProxy's own numbers for an account and a cluster; none in shadow mode."""
    if verdict.mode == "shadow":
        return []
    limit = verdict.limit
    found: list[tuple[bytes, Written]] = [
        (b"limit_rate", repr(limit.rate)),
        (b"limit_burst", whole(limit.burst)),
        (b"limit_scope", limit.scope),
    ]
    own = [most_in(one, MOMENT) for one in verdict.limits if one.scope == "account"]
    purse = [most_in(one, DAY) for one in verdict.limits if one.name == PURSE]
    if own:
        found.append((b"account_10s", min(own)))
    if purse:
        found.append((b"cluster_day", min(purse)))
    return found


def variables(verdict: Verdict) -> list[tuple[bytes, Written]]:
    """All variables for HAProxy; `status` is only present for a stop."""
    headers = (*for_client(verdict), *for_upstream(verdict))
    found: list[tuple[bytes, Written]] = [(VARIABLES[name], value.decode()) for name, value in headers]
    found.append((b"decision", verdict.decision))
    status = stop_status(verdict)
    if status is not None:
        found.append((b"status", status))
    return found + numbers(verdict)


def answer(verdict: Verdict) -> Reply:
    """The verdict as the actions of an ACK."""
    return Reply(200, put_variables(variables(verdict)))


def actions(reply: Reply) -> bytes:
    """The actions of an ACK for any reply of the application.

    A message that cannot be read (4xx) is a client's doing: `status`, so that it is stopped, fail-open or not. A
    failure (5xx) sets nothing, and so looks as if Headcount were absent.
    """
    if reply.status == 200:
        return reply.body
    return put_variables([(b"status", REFUSED)]) if reply.status < 500 else b""
