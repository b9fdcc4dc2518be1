"""The headers of a verdict, for the client and for the upstream.

The client: X-Headcount-Verdict, Retry-After, RateLimit-Policy and RateLimit of the account's own limits, and
one problem type for every stop. The upstream, on passing answers: tier, risk, cluster and actions too. What
other accounts spend is in no header: limits of any other scope are left out.
"""

import math
import re
from functools import lru_cache
from typing import Final

import msgspec

from reputation.wire.gateway import Headers
from reputation.wire.messages import LimitState, Verdict

# draft-ietf-httpapi-ratelimit-headers; the same for every stop, so that it does not tell why
STOPPED: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"
TITLE: Final = "Request stopped"
STATUS: Final = {"throttle": 429, "challenge": 403, "deny": 403}
PROBLEM: Final = (b"Content-Type", b"application/problem+json")
DAY: Final = 86_400
MOST_SECONDS: Final = 99_999_999_999
"""Three thousand years: a whole number in a header has 15 digits at most (RFC 9651, 3.3.1)."""
NEVER: Final = "This request costs more than its limit ever holds, so waiting does not help; ask for less at once."
UNPUBLISHED: Final = ("allow", "earned")
"""Names of an account's own limits that no client sees."""
PUBLISHED: Final = 4096  # different limits kept as text: plans times tiers times tenants

_UNSAFE: Final = re.compile(r"[^\x20-\x7e]")
_QUOTED: Final = re.compile(r'(["\\])')


def safe(value: str) -> bytes:
    """A header value of visible ASCII; anything else, line breaks first of all, becomes a question mark."""
    if value.isascii() and value.isprintable():
        return value.strip().encode()
    return _UNSAFE.sub("?", value).strip().encode()


def stop_status(verdict: Verdict) -> int | None:
    """Return the status for the client; None if the request passes. Shadow mode stops nothing."""
    return None if verdict.mode == "shadow" else STATUS.get(verdict.decision)


def retry_after(verdict: Verdict) -> int:
    """Whole seconds, rounded up, at least 1."""
    return max(1, whole(verdict.retry_after))


def whole(seconds: float) -> int:
    """Whole seconds, rounded up, as many as a header can say."""
    return max(0, math.ceil(min(seconds, MOST_SECONDS)))


@lru_cache
def quoted(name: str) -> str:
    """A limit's name as a string of structured fields (RFC 9651, 3.3.3)."""
    return '"' + _QUOTED.sub(r"\\\1", _UNSAFE.sub("?", name)) + '"'


@lru_cache(PUBLISHED)
def policy(name: str, rate: float, burst: float) -> str:
    """One item of RateLimit-Policy: the quota and its window in whole seconds, none if it never refills."""
    quota = f"{quoted(name)};q={int(burst)}"
    if name == "daily":
        return f"{quota};w={DAY}"
    return f"{quota};w={max(1, whole(burst / rate))}" if rate > 0 else quota


def left(limit: LimitState) -> str:
    """One item of RateLimit: the remaining units, and whole seconds until the limit is full again."""
    rest = f"{quoted(limit.name)};r={max(0, math.floor(limit.remaining))}"
    if limit.rate <= 0:
        return rest
    return f"{rest};t={whole((limit.burst - limit.remaining) / limit.rate)}"


def published(verdict: Verdict) -> list[LimitState]:
    """The account's own limits: none in shadow mode, and none under an exception without limits."""
    if verdict.mode == "shadow":
        return []
    own = [limit for limit in verdict.limits if limit.scope == "account" and limit.name not in UNPUBLISHED]
    return [limit for limit in own if limit.burst != math.inf]


def rate_limits(verdict: Verdict) -> Headers:
    """Return the headers RateLimit-Policy and RateLimit with the limits visible to clients."""
    own = published(verdict)
    if not own:
        return ()
    policies = ", ".join([policy(limit.name, limit.rate, limit.burst) for limit in own])
    return ((b"RateLimit-Policy", policies.encode()), (b"RateLimit", ", ".join(map(left, own)).encode()))


def for_client(verdict: Verdict) -> Headers:
    """Return the client's headers for any answer; a stop adds Retry-After."""
    identity = ((b"X-Headcount-Verdict", safe(verdict.id)), *rate_limits(verdict))
    if stop_status(verdict) is None:
        return identity
    return (*identity, (b"Retry-After", b"%d" % retry_after(verdict)))


def for_upstream(verdict: Verdict) -> Headers:
    """Return the headers for the upstream, hidden from the client by the gateway; actions are separated by commas.

    In shadow mode nothing: the upstream must not act on what is only tried.
    """
    if verdict.mode == "shadow":
        return ()
    known = [(b"X-Headcount-Tier", safe(verdict.tier)), (b"X-Headcount-Risk", b"%.4f" % verdict.risk)]
    if verdict.cluster is not None:
        known.append((b"X-Headcount-Cluster", safe(verdict.cluster.id)))
    if verdict.actions:
        known.append((b"X-Headcount-Actions", safe(", ".join(verdict.actions))))
    return tuple(known)


@lru_cache
def problem(status: int, detail: str | None = None) -> bytes:
    """The body of every stop (RFC 9457)."""
    document = {"type": STOPPED, "title": TITLE, "status": status}
    return msgspec.json.encode(document if detail is None else document | {"detail": detail})


def stop_problem(verdict: Verdict, status: int) -> bytes:
    """The body of a verdict's stop. If one of the account's own limits can never hold the request, the body says so."""
    never = verdict.decision == "throttle" and verdict.never is True and verdict.limit.scope == "account"
    return problem(status, NEVER if never else None)
