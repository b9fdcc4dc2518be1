"""ASN: outcomes of other accounts there, and whether it hosts servers (weak evidence)."""

from typing import Final

from reputation.signals.believed import believed
from reputation.signals.seen import Seen
from reputation.wire.messages import Reason

CAP: Final = 0.8
LEAST: Final = 0.05
HOSTING_POINTS: Final = 0.3  # a data-centre list hits 17% of honest visitors: likelihood ratio near 1.3


def evidence(seen: Seen, now: float) -> list[Reason]:  # noqa: ARG001 - every family has the same two arguments
    address = seen.address
    found = []
    if address is not None and address.kind == "hosting":
        sure, fresh = address.kind_confidence, address.kind_freshness
        found.append(believed("hosting", HOSTING_POINTS, "hosting network", sure, fresh))
    if abs(seen.asn_odds) >= LEAST:
        words = f"{'more' if seen.asn_odds > 0 else 'fewer'} bad accounts on this ASN than elsewhere"
        fresh = 1.0 if address is None else address.asn_freshness
        found.append(believed("asn_density", seen.asn_odds, words, None, fresh))
    return found
