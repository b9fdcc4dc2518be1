"""What configuration says of tiers: their rules, and what a plan gets in each."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

ActionWord = Annotated[str, Meta(pattern="^[A-Za-z0-9_.:-]{1,64}$")]


class Allowance(Struct, frozen=True, forbid_unknown_fields=True):
    """What one plan gets in one tier: `rate` units a second up to `burst`, and `daily` units a day."""

    rate: Annotated[float, Meta(gt=0, le=1e9, description="Units a second.")]
    burst: Annotated[float, Meta(ge=1, le=1e9, description="Units at once.")]
    daily: Annotated[float, Meta(ge=1, le=1e12, description="Units a day.")]


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
