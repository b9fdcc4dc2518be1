"""Address: outcomes of other accounts in the same /24 or /48."""

from typing import Final

from reputation.signals.seen import Seen
from reputation.wire.messages import Reason

CAP: Final = 1.0
LEAST: Final = 0.05  # log-odds that are not worth a line


def evidence(seen: Seen, now: float) -> list[Reason]:  # noqa: ARG001 - every family has the same two arguments
    if abs(seen.net_odds) < LEAST:
        return []
    which = "more" if seen.net_odds > 0 else "fewer"
    return [Reason("network_density", seen.net_odds, f"{which} bad accounts in this network than elsewhere")]
