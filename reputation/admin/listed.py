"""Which entry of operators' lists counts for an account, and why, for its page."""

from typing import Any

from geoip.facts import host_text
from reputation.engine.denials import Deny
from reputation.engine.exceptions import Allow
from reputation.engine.judge import Listed
from reputation.engine.limiter import TenantLimiter
from reputation.state.crowds import Row
from reputation.state.history import visits

NOUNS = {Allow: "exception", Deny: "denial"}
ORDER = "account, then card, cluster and organisation, then the narrower network, then ASN"


def listed_view(tenant: TenantLimiter, account: str, row: Row, now: float) -> dict[str, Any]:
    """Return the entry that counts at the account's last address, the one that does not, and both in words."""
    seen = visits(row.recent)
    address = None if not seen else tenant.address_of(host_text(seen[0][0]).removesuffix("/64"))
    membership = tenant.links.members.get(account)
    listed = tenant.listed_as(account, row.facts, None if membership is None else membership[0], address, now)
    counts = listed.allow or listed.deny
    return {"counts": counts, "overruled": listed.overruled, "words": words_of(listed)}


def words_of(listed: Listed) -> str | None:
    """Say which of two entries counts, and why; None without an entry."""
    counts, other = listed.allow or listed.deny, listed.overruled
    if counts is None:
        return None
    first = f"The {NOUNS[type(counts)]} of {counts.kind} {counts.value} counts"
    if other is None:
        return f"{first}."
    second = f"the {NOUNS[type(other)]} of {other.kind} {other.value}"
    if isinstance(counts, Allow):
        return f"{first}, not {second}: an exception wins over a denial unless the denial is more specific ({ORDER})."
    return f"{first}, not {second}: it is more specific ({ORDER})."
