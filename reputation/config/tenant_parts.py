"""Small parts of a tenant's settings."""

from typing import Annotated

from msgspec import Meta, Struct


class OutcomeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Decay of outcomes. Payment declines always count for 30 days."""

    half_life: Annotated[
        float, Meta(ge=1, le=3650, description="Days after which the weight of an outcome has halved.")
    ] = 90.0


class PriceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Prices for the report of a replay, in US dollars for one unit of cost."""

    cost_usd: Annotated[float, Meta(ge=0, description="Your cost of serving one unit.")] = 0.0
    price_usd: Annotated[float, Meta(ge=0, description="Price of one unit for a paying account.")] = 0.0
