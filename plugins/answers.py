"""What of a verdict goes into headers, and who may see which.

The client: X-Headcount-Verdict, Retry-After, RateLimit-Policy and RateLimit of the account's own limits, and
one problem type for every stop. The upstream, on passing answers: tier, risk, cluster and actions too. What
other accounts spend is in no header: limits of any other scope are left out.
"""

import math
import re
from functools import lru_cache

import msgspec

from reputation.events import LimitState, Verdict
from reputation.gateway import Headers

# draft-ietf-httpapi-ratelimit-headers; the same for every stop, so that it does not tell why
STOPPED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
TITLE = "Request stopped"
STATUS = {"throttle": 429, "challenge": 403, "deny": 403}
PROBLEM = (b"Content-Type", b"application/problem+json")
DAY = 86_400
PUBLISHED = 4096  # different limits kept as text: plans times tiers times tenants

_UNSAFE = re.compile(r"[^\x20-\x7e]")
_QUOTED = re.compile(r'(["\\])')


def safe(value: str) -> bytes:
    """A header value of visible ASCII; anything else, line breaks first of all, becomes a question mark."""
    if value.isascii() and value.isprintable():
        return value.strip().encode()
    return _UNSAFE.sub("?", value).strip().encode()


def stop_status(verdict: Verdict) -> int | None:
    """The status that the client is to get; None if the request passes. Shadow mode stops nothing."""
    return None if verdict.mode == "shadow" else STATUS.get(verdict.decision)


def retry_after(verdict: Verdict) -> int:
    """Whole seconds, rounded up, at least 1."""
    return max(1, math.ceil(verdict.retry_after))


@lru_cache
def quoted(name: str) -> str:
    """A limit's name as a string of structured fields (RFC 9651, 3.3.3)."""
    return '"' + _QUOTED.sub(r"\\\1", _UNSAFE.sub("?", name)) + '"'


@lru_cache(PUBLISHED)
def policy(name: str, rate: float, burst: float) -> str:
    """One item of RateLimit-Policy: the quota and its window in whole seconds, none if it never refills."""
    whole = f"{quoted(name)};q={int(burst)}"
    if name == "daily":
        return f"{whole};w={DAY}"
    return f"{whole};w={max(1, math.ceil(burst / rate))}" if rate > 0 else whole


def left(limit: LimitState) -> str:
    """One item of RateLimit: what is left, and whole seconds until it is whole again."""
    rest = f"{quoted(limit.name)};r={max(0, math.floor(limit.remaining))}"
    if limit.rate <= 0:
        return rest
    return f"{rest};t={max(0, math.ceil((limit.burst - limit.remaining) / limit.rate))}"


def rate_limits(verdict: Verdict) -> Headers:
    """RateLimit-Policy and RateLimit of the account's own limits; nothing in shadow mode, which has none."""
    if verdict.mode == "shadow":
        return ()
    own = [limit for limit in verdict.limits if limit.scope == "account" and limit.burst != math.inf]
    if not own:
        return ()
    policies = ", ".join([policy(limit.name, limit.rate, limit.burst) for limit in own])
    return ((b"RateLimit-Policy", policies.encode()), (b"RateLimit", ", ".join(map(left, own)).encode()))


def for_client(verdict: Verdict) -> Headers:
    """The headers that a client may see on any answer; on a stop Retry-After comes with them."""
    identity = ((b"X-Headcount-Verdict", safe(verdict.id)), *rate_limits(verdict))
    if stop_status(verdict) is None:
        return identity
    return (*identity, (b"Retry-After", b"%d" % retry_after(verdict)))


def for_upstream(verdict: Verdict) -> Headers:
    """What the upstream may act on and the gateway keeps from the client; actions separated by commas.

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
def problem(status: int) -> bytes:
    """The body of every stop (RFC 9457)."""
    return msgspec.json.encode({"type": STOPPED, "title": TITLE, "status": status})
