"""Verdicts as lines of text, for gateways that hold leases: what such a gateway keeps of a verdict, ready to send.

A line has these fields, separated by tabs: verdict id, status for the client (0: the request passes), seconds to wait,
lease id, its tokens, its seconds (0 tokens: no lease), tier, risk, cluster, actions, RateLimit-Policy; then for each of
the account's own limits its name, rate, burst and remaining units. A field without a value is empty. Header values are
those of `plugins.answers`, so no gateway has rules of its own. A check that cannot be judged has the line `error`, tab,
status.
"""

from typing import Final

from plugins.answers import MOST_SECONDS, for_upstream, policy, published, quoted, safe, stop_status
from reputation.wire.errors import Problem
from reputation.wire.messages import Verdict

TYPE: Final = b"text/x-headcount-lines"
"""The media type, to be asked for with `Accept`."""
_NO_LEASE: Final = b"\t0\t0"
_UPSTREAM: Final = (b"X-Headcount-Tier", b"X-Headcount-Risk", b"X-Headcount-Cluster", b"X-Headcount-Actions")


def verdict_line(verdict: Verdict) -> bytes:
    """Return a verdict's line, without a line break."""
    lease, own = verdict.lease, published(verdict)
    upstream = dict(for_upstream(verdict))
    wait = min(verdict.retry_after, MOST_SECONDS)
    fields = [
        safe(verdict.id),
        b"%d" % (stop_status(verdict) or 0),
        repr(wait).encode(),
        _NO_LEASE if lease is None else b"%s\t%d\t%s" % (safe(lease.id), lease.tokens, repr(lease.ttl).encode()),
        *[upstream.get(name, b"") for name in _UPSTREAM],
        ", ".join([policy(limit.name, limit.rate, limit.burst) for limit in own]).encode(),
        *[f"{quoted(limit.name)}\t{limit.rate!r}\t{limit.burst!r}\t{limit.remaining!r}".encode() for limit in own],
    ]
    return b"\t".join(fields)


def problem_line(problem: Problem) -> bytes:
    """Return the line of a check that cannot be judged."""
    return b"error\t%d" % problem.status
