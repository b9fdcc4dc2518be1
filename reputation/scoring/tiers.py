"""Settings of tiers: their rules, and the limits of a plan in each tier."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

ActionWord = Annotated[str, Meta(pattern="^[A-Za-z0-9_.:-]{1,64}$")]


class Allowance(Struct, frozen=True, forbid_unknown_fields=True):
    """A limit: a bucket of `burst` units that refills with `rate` units a second, and `daily` units a day."""

    rate: Annotated[float, Meta(gt=0, le=1e9, description="Units a second that refill the bucket.")]
    burst: Annotated[float, Meta(ge=1, le=1e9, description="Maximum units at once.")]
    daily: Annotated[float, Meta(ge=1, le=1e12, description="Maximum units a day.")]


class PlanSettings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Limits of one plan in each tier. A tier that is left out has the limits of the plan in `like`."""

    like: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="Plan with the default limits; none: the preset's plan of this name, or `free`.",
            ),
        ]
        | None
    ) = None
    trusted: Annotated[Allowance, Meta(description="Limits of trusted accounts; none: those of `like`.")] | None = None
    standard: Annotated[Allowance, Meta(description="Limits of standard accounts; none: those of `like`.")] | None = (
        None
    )
    limited: Annotated[Allowance, Meta(description="Limits of limited accounts; none: those of `like`.")] | None = None
    restricted: (
        Annotated[Allowance, Meta(description="Limits of restricted accounts; none: those of `like`.")] | None
    ) = None
    blocked: Annotated[Allowance, Meta(description="Limits of blocked accounts; none: those of `like`.")] | None = None


class TierRule(Struct, frozen=True, forbid_unknown_fields=True):
    """A tier: the risk at which it begins, its decision, and the actions for the upstream."""

    from_risk: Annotated[float, Meta(ge=0, le=100, description="Risk at which the tier begins.")]
    decision: Annotated[
        Literal["allow", "challenge", "deny"],
        Meta(
            description="`allow`: only limits stop a request; `challenge`: ask for proof of identity; `deny`: refuse."
        ),
    ] = "allow"
    actions: Annotated[tuple[ActionWord, ...], Meta(description="Actions that the upstream should take.")] = ()
