"""Small parts of a tenant's settings."""

from typing import Annotated

from msgspec import Meta, Struct


class OutcomeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How long outcomes weigh. Declines count for 30 days, whatever this says."""

    half_life: Annotated[
        float, Meta(ge=1, le=3650, description="Days after which an outcome weighs half of what it did.")
    ] = 90.0


class PriceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What a replay reckons in money, in US dollars for each unit of cost."""

    cost_usd: Annotated[float, Meta(ge=0, description="What serving one unit costs you.")] = 0.0
    price_usd: Annotated[float, Meta(ge=0, description="What a paying account pays for one unit.")] = 0.0
