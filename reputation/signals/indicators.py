"""Indicators: values that another operator saw with an actor, such as a network or a TLS fingerprint.

Honest people share such values too, so this is weak evidence that ends by itself, and it cannot break a payer's floor.
"""

from typing import Final

from reputation.signals.seen import Seen
from reputation.wire.messages import Reason

CAP: Final = 1.0


def evidence(seen: Seen, now: float) -> list[Reason]:  # noqa: ARG001 - every family has the same two arguments
    return list(seen.indicators)
