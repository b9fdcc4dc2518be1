"""Operator rulings on clusters: split, pin, release and bless (allow-list), with a reason and an expiry."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from reputation.hydra.sightings import OperatorRuling
from reputation.wire.errors import Invalid
from reputation.wire.messages import Text

NEEDS = {"split": "cluster", "bless": "cluster", "release": "account", "pin": "both", "forget": "either"}
DAY = 86_400.0
Word = Literal["split", "pin", "release", "bless", "forget"]
"""What an operator may rule about clusters."""


class OrderBody(Struct, frozen=True):
    """The body of POST /v1/orders. expires_in: seconds; none for `forget`, the withdrawal of a ruling."""

    ruling: Word
    reason: Annotated[str, Meta(min_length=1, max_length=1024)]
    cluster: Text | None = None
    account: Text | None = None
    expires_in: Annotated[float, Meta(gt=0, le=3650 * DAY)] = 30 * DAY


def ruling_of(body: OrderBody, now: float) -> OperatorRuling:
    """Check the ids of a ruling and convert it for the linker. Raises Invalid."""
    needs = NEEDS[body.ruling]
    if needs in ("cluster", "both") and body.cluster is None:
        raise Invalid(f"{body.ruling} needs the cluster's id", "/cluster")
    if needs in ("account", "both") and body.account is None:
        raise Invalid(f"{body.ruling} needs the account's id", "/account")
    if needs == "either" and body.cluster is None and body.account is None:
        raise Invalid("forget needs the cluster or the account of the ruling to withdraw", "/cluster")
    return OperatorRuling(body.ruling, body.cluster, body.account, now + body.expires_in, body.reason)
