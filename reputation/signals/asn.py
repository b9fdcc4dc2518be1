"""ASN: what became of other accounts there, and whether it hosts servers, which is weak evidence."""

from reputation.events import Reason
from reputation.signals.seen import Seen

FAMILY = "asn"
LEAST = 0.05
HOSTING_POINTS = 0.3  # a data-centre list hits 17% of honest visitors: likelihood ratio near 1.3


def evidence(seen: Seen, now: float) -> list[Reason]:  # noqa: ARG001 - every family has the same two arguments
    address = seen.address
    found = []
    if address is not None and address.kind == "hosting":
        found.append(Reason("hosting", HOSTING_POINTS, "hosting network"))
    if abs(seen.asn_odds) >= LEAST:
        which = "more" if seen.asn_odds > 0 else "fewer"
        found.append(Reason("asn_density", seen.asn_odds, f"{which} bad accounts on this ASN than elsewhere"))
    return found
