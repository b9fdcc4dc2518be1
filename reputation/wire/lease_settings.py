"""A tenant's settings of leases and holds."""

from typing import Annotated

from msgspec import Meta, Struct


class LeaseSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of leases and holds; with a lease a gateway enforces limits without a check for each request."""

    ttl: Annotated[
        float,
        Meta(
            ge=0.5,
            le=60,
            description="Lifetime of a busy key's lease, in seconds; a changed limit reaches the key within this time.",
        ),
    ] = 5.0
    longest: Annotated[
        float,
        Meta(
            ge=0.5,
            le=60,
            description="Maximum lifetime of a slow key's lease, in seconds; a lease is meant for about 60 requests.",
        ),
    ] = 60.0
    share: Annotated[
        float,
        Meta(gt=0, le=1, description="Maximum share of the tightest limit's remaining tokens that one lease takes."),
    ] = 0.25
    most: Annotated[int, Meta(ge=0, le=1_000_000, description="Maximum tokens of one lease; 0: no leases.")] = 1000
    hold: Annotated[
        float,
        Meta(ge=1, le=86_400, description="Seconds until an unsettled hold expires; its estimate stays charged."),
    ] = 600.0
    overrun: Annotated[
        float,
        Meta(
            ge=1,
            le=1e6,
            description="Maximum final cost of a hold, as a multiple of its estimate; a higher cost gets a 422.",
        ),
    ] = 100.0
