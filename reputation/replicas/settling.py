"""The result of a settlement in shared state, as an answer."""

from reputation.engine.leases import NO_HOLD, foreign, settled, too_much
from reputation.stores.shared_values import FOREIGN, NOT_OPEN, TOO_MUCH, Came
from reputation.wire.errors import NotFound
from reputation.wire.lease_settings import LeaseSettings
from reputation.wire.messages import Settle, Settled


def settled_there(body: Settle, came: Came, settings: LeaseSettings) -> Settled:
    """Answer a settlement. Raises Invalid for too much, NotFound if it is closed or has another owner."""
    if TOO_MUCH in came.holds:
        raise too_much(settings)
    if NOT_OPEN in came.holds:
        raise NotFound(NO_HOLD, "/verdict")
    if FOREIGN in came.leases:
        raise foreign(came.leases.index(FOREIGN))
    charged = came.holds[0] if came.holds else None
    return settled(body, charged, [None if one < 0 else one for one in came.leases])
