"""How far a gateway may go without asking: a tenant's settings of leases and holds."""

from typing import Annotated

from msgspec import Meta, Struct


class LeaseSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How far a gateway may go without asking, and how long a hold stays open."""

    ttl: Annotated[
        float, Meta(ge=0.5, le=60, description="Seconds that a busy key's lease lasts; news reach the key that late.")
    ] = 5.0
    longest: Annotated[
        float, Meta(ge=0.5, le=60, description="Seconds that a slow key's lease lasts, which is used some 60 times.")
    ] = 60.0
    share: Annotated[
        float, Meta(gt=0, le=1, description="Most of what the tightest limit still holds that one lease takes.")
    ] = 0.25
    most: Annotated[int, Meta(ge=0, le=1_000_000, description="Tokens of one lease at most; 0: no leases.")] = 1000
    hold: Annotated[
        float,
        Meta(ge=1, le=86_400, description="Seconds until a forgotten hold expires, charged as it was estimated."),
    ] = 600.0
    overrun: Annotated[
        float, Meta(ge=1, le=1e6, description="Most that a hold may come to, in times of its estimate; more is a 422.")
    ] = 100.0
