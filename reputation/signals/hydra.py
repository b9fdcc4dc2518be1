"""Hydra: the account is linked with others of one evident actor."""

from typing import Final

from reputation.signals.seen import Seen
from reputation.wire.messages import Reason

CAP: Final = 2.0
MEMBER_POINTS: Final = 2.0


def evidence(seen: Seen, now: float) -> list[Reason]:  # noqa: ARG001 - every family has the same two arguments
    if not seen.cluster_confidence:
        return []
    points = MEMBER_POINTS * seen.cluster_confidence
    return [Reason("cluster", points, f"one of {seen.cluster_size} linked accounts")]
