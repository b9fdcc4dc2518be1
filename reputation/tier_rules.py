"""What configuration says of tiers: their rules, and what a plan gets in each."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

ActionWord = Annotated[str, Meta(pattern="^[A-Za-z0-9_.:-]{1,64}$")]


class Allowance(Struct, frozen=True, forbid_unknown_fields=True):
    """What one plan gets in one tier: `rate` units a second up to `burst`, and `daily` units a day."""

    rate: Annotated[float, Meta(gt=0, le=1e9, description="Units a second.")]
    burst: Annotated[float, Meta(ge=1, le=1e9, description="Units at once.")]
    daily: Annotated[float, Meta(ge=1, le=1e12, description="Units a day.")]


class PlanSettings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one plan gets in each tier; a tier left out has what the plan has that it is `like`."""

    like: (
        Annotated[
            str, Meta(min_length=1, description="Plan that it is like; none: the preset's of its name, or `free`.")
        ]
        | None
    ) = None
    trusted: Annotated[Allowance, Meta(description="Limits of trusted accounts; none: as above.")] | None = None
    standard: Annotated[Allowance, Meta(description="Limits of standard accounts; none: as above.")] | None = None
    limited: Annotated[Allowance, Meta(description="Limits of limited accounts; none: as above.")] | None = None
    restricted: Annotated[Allowance, Meta(description="Limits of restricted accounts; none: as above.")] | None = None
    blocked: Annotated[Allowance, Meta(description="Limits of blocked accounts; none: as above.")] | None = None


class TierRule(Struct, frozen=True, forbid_unknown_fields=True):
    """What a tier means: the risk it begins at, what is decided, and what the upstream is asked to do."""

    from_risk: Annotated[float, Meta(ge=0, le=100, description="Risk at which the tier begins.")]
    decision: Annotated[
        Literal["allow", "challenge", "deny"],
        Meta(
            description="What a check is told. `allow`: limits alone stop it; `challenge`: show who it is; `deny`: no."
        ),
    ] = "allow"
    actions: Annotated[tuple[ActionWord, ...], Meta(description="What the upstream is asked to do.")] = ()
