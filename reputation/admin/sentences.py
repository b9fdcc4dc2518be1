"""A verdict in one sentence: what stopped a request, or what it has left. Pure.

`LIMITS` has the words of every limit by name and scope; a limit that is not in it has the words of its scope.
"""

import datetime
import math
from collections.abc import Mapping
from typing import NamedTuple

from reputation.engine.judge import MARKED
from reputation.wire.messages import BindingLimit, Decision, EntryRef, LimitState, Reason, Verdict

DAY = 86_400.0
SPANS = ((DAY, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))
STOPPED: Mapping[Decision, str] = {"throttle": "Stopped", "challenge": "Challenged", "deny": "Denied"}


class LimitWords(NamedTuple):
    """Who draws on a limit, the verb of it, and the limit. {burst} is its size, {day} what refills in a day."""

    who: str
    has: str
    what: str


LIMITS: Mapping[tuple[str, str], LimitWords] = {
    ("burst", "account"): LimitWords("this account", "has", "its own burst of {burst}"),
    ("daily", "account"): LimitWords("this account", "has", "its own {burst} a day"),
    ("earned", "account"): LimitWords("this account", "has", "the {day} a day that it has earned"),
    ("allow", "account"): LimitWords("this account", "has", "an exception without a limit"),
    ("burst", "organisation"): LimitWords("its organisation", "has", "its burst of {burst}"),
    ("daily", "organisation"): LimitWords("its organisation", "has", "its {burst} a day"),
    ("purse", "organisation"): LimitWords("the accounts of its organisation", "have", "their quota of {day} a day"),
    ("purse", "cluster"): LimitWords("the accounts of its cluster", "have", "their purse of {day} a day"),
    ("part", "cluster"): LimitWords("this account", "has", "its share, {day} a day, of its cluster's purse"),
    ("reserve", "newcomers"): LimitWords("new accounts together", "have", "their reserve of {day} a day"),
    ("together", "newcomers"): LimitWords("new accounts together", "have", "the {day} a day that they may take"),
    ("part", "newcomers"): LimitWords("this account", "has", "its share of what new accounts may take"),
    ("burst", "address"): LimitWords("the unknown accounts at its address", "have", "their burst of {burst}"),
    ("daily", "address"): LimitWords("the unknown accounts at its address", "have", "their {burst} a day"),
}
SCOPES: Mapping[str, LimitWords] = {
    "account": LimitWords("this account", "has", "its limit of {burst}"),
    "organisation": LimitWords("its organisation", "has", "its limit of {burst}"),
    "cluster": LimitWords("the accounts of its cluster", "have", "their limit of {burst}"),
    "newcomers": LimitWords("new accounts together", "have", "their limit of {burst}"),
    "address": LimitWords("the unknown accounts at its address", "have", "their limit of {burst}"),
    "neighbourhood": LimitWords("the accounts of its network", "have", "their limit of {burst}"),
}
"""For a limit without a name, as in shadow mode."""


def sentence_of(verdict: Verdict) -> str:
    """Say a verdict in one line: the decision, its cause, and when the next request may pass."""
    judged = verdict.shadow or verdict
    if judged.decision == "allow":
        words = _passed(verdict)
    elif verdict.mode == "shadow":
        words = f"Let through in shadow mode; else {STOPPED[judged.decision].lower()} because {_cause(verdict)}"
    else:
        words = f"{STOPPED[judged.decision]} because {_cause(verdict)}"
    alone = " Shared state was unavailable: this replica counted alone." if verdict.degraded else ""
    return f"{words}.{alone}"


def binding_of(verdict: Verdict) -> int | None:
    """Return the index of the binding limit in `limits`; None in shadow mode, which has no list."""
    limit = verdict.limit
    wanted = (limit.rate, limit.burst, limit.remaining, limit.scope)
    for i, one in enumerate(verdict.limits):
        if (one.rate, one.burst, one.remaining, one.scope) == wanted:
            return i
    return None


def _passed(verdict: Verdict) -> str:
    if verdict.allow:
        over = verdict.overruled
        allowed = f"Let through: an exception for {verdict.allow.kind} {verdict.allow.value} applies"
        return f"{allowed}; it counts more than the denial of {over.kind} {over.value}" if over else allowed
    limit, words = _bound(verdict)
    if not math.isfinite(limit.burst):
        return "Let through: no limit applies"
    return f"Let through: {words.who} {words.has} {number(limit.remaining)} left of {_named(words, limit)}"


def _cause(verdict: Verdict) -> str:
    judged = verdict.shadow or verdict
    if verdict.deny:
        return _denial(verdict.deny, verdict.overruled or None)
    if judged.decision != "throttle":
        return _rule(verdict)
    limit, words = _bound(verdict)
    named = _named(words, limit)
    if verdict.never:
        return f"this request costs more than {named} ever holds; no wait helps"
    return f"{words.who} used {named}; it refills {rate(limit.rate)}; next request in {span(judged.retry_after)}"


def _denial(deny: EntryRef, over: EntryRef | None) -> str:
    words = f"{deny.kind} {deny.value} is on the deny list until {_until(deny.expires)}: {deny.reason}"
    return f"{words}; it counts more than the exception for {over.kind} {over.value}" if over else words


def _until(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _rule(verdict: Verdict) -> str:
    """Say why a tier's rule or a person stops an account, whatever its buckets hold."""
    judged = verdict.shadow or verdict
    if any(reason.signal == MARKED for reason in verdict.reasons):
        return "a person labelled this account as abusive; it stays so until the label is removed"
    cluster = verdict.cluster
    linked = "" if cluster is None else f"; it is linked with {cluster.size - 1:,} other accounts as {cluster.id}"
    worst = max(verdict.reasons, key=_against, default=None)
    mostly = "" if worst is None or _against(worst) <= 0 else f", most of it from {worst.signal}"
    return f"the account's tier is {judged.tier}: risk {verdict.risk:.1f} of 100{mostly}{linked}"


def _against(reason: Reason) -> float:
    return -math.inf if reason.signal == "prior" else reason.points


def _bound(verdict: Verdict) -> tuple[BindingLimit, LimitWords]:
    """Return the binding limit with its words."""
    limit, at = (verdict.shadow or verdict).limit, binding_of(verdict)
    return limit, words_of("" if at is None else verdict.limits[at].name, limit.scope)


def words_of(name: str, scope: str) -> LimitWords:
    """Return the words of a limit."""
    return LIMITS.get((name, scope)) or SCOPES.get(scope) or SCOPES["account"]


def _named(words: LimitWords, limit: BindingLimit | LimitState) -> str:
    named = words.what.format(burst=number(limit.burst), day=number(limit.rate * DAY))
    return f"{named} (in tokens)" if getattr(limit, "unit", "") == "tokens" else named


def number(value: float) -> str:
    """Write an amount for people: whole above 100, else with up to two digits after the point, never rounded up."""
    if not math.isfinite(value):
        return "any number"
    if abs(value) >= 100:
        return f"{math.floor(value):,}"
    return f"{math.floor(value * 100) / 100:g}"


def rate(a_second: float) -> str:
    """Write a rate by the shortest span in which at least one unit comes back."""
    for seconds, name in reversed(SPANS):
        if a_second * seconds >= 1.0:
            return f"{_short(a_second * seconds)} {'an' if name == 'hour' else 'a'} {name}"
    return f"{_short(a_second * DAY)} a day"


def span(seconds: float) -> str:
    """Write a wait, rounded up, so that a request after it passes."""
    if seconds < 1.0:
        return f"{max(math.ceil(seconds * 1000), 1)} ms"
    for length, name in SPANS:
        if seconds >= length:
            found = math.ceil(seconds / length * 10) / 10
            return f"{found:g} {name}{'' if found == 1 else 's'}"
    return f"{seconds:g} seconds"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
