"""Settings of tiers: their rules, and the limits of a plan in each tier."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

ActionWord = Annotated[str, Meta(pattern="^[A-Za-z0-9_.:-]{1,64}$")]


class Allowance(Struct, frozen=True, forbid_unknown_fields=True):
    """A limit: a bucket of `burst` units that refills with `rate` units a second, and `daily` units a day."""

    rate: Annotated[float, Meta(gt=0, le=1e9, description="Units a second that refill the bucket.")]
    burst: Annotated[float, Meta(ge=1, le=1e9, description="Maximum units at once.")]
    daily: Annotated[float, Meta(ge=1, le=1e12, description="Maximum units a day.")]


class EntrySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Daily allowance of an unproven account by the facts known about it, as multiples of its plan's newcomer's day.

    The largest one that applies counts. Settled money counts too, by `earned.per_usd`. What an account uses above its
    allowance comes out of the newcomers' reserve.
    """

    email: Annotated[float, Meta(gt=0, le=1000, description="Part for an account of which no more is known.")] = 0.25
    phone: Annotated[float, Meta(gt=0, le=1000, description="Part for a verified phone.")] = 0.5
    prepaid: Annotated[float, Meta(gt=0, le=1000, description="Part for a prepaid card.")] = 0.5
    card: Annotated[float, Meta(gt=0, le=1000, description="Part for any other card, or a verified identity.")] = 1.0
    active: Annotated[
        float,
        Meta(
            gt=0,
            le=1000,
            description="Part for use on each of the last 30 days; fewer days count in proportion, "
            "and no account gets more than twice its own usual day.",
        ),
    ] = 0.5


class NewcomersSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Reserves for use above the entry allowances, bounds of the learnt newcomer's day, and what newcomers may take
    together.

    Each plan has two reserves for each kind of evidence: one for accounts of up to 14 days, one for older
    accounts. Cheap accounts cannot use the reserve of expensive ones. `together` is about unproven accounts of up to 14
    days that have settled less than `earned.plan_usd`.
    """

    reserve: Annotated[
        float, Meta(ge=0, le=1e6, description="Size of each reserve a day, in newcomer's days of the plan; 0: none.")
    ] = 20.0
    reserve_accounts: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Proven accounts and payers in use for whom a reserve is meant; "
            "for each time as many there is one more; 0: it does not grow.",
        ),
    ] = 250
    part: Annotated[
        float,
        Meta(
            gt=0,
            le=1,
            description="Maximum share of a reserve for one account until the linker has published its level.",
        ),
    ] = 0.05
    least: Annotated[
        float,
        Meta(gt=0, le=1, description="Minimum of a learnt newcomer's day, as a part of the plan's configured day."),
    ] = 0.5
    most: Annotated[
        float,
        Meta(
            ge=1, le=1000, description="Maximum of a learnt newcomer's day, as a multiple of the plan's configured day."
        ),
    ] = 5.0
    together: Annotated[
        Literal["watch", "cap"],
        Meta(
            description="`watch`: report when newcomers together take more than `together_times` their usual share; "
            "`cap`: also hold them to that, until this is `watch` again."
        ),
    ] = "watch"
    together_times: Annotated[
        float, Meta(ge=1, le=1000, description="Multiple of the usual share of newcomers above which it is a surge.")
    ] = 3.0
    together_units: (
        Annotated[
            float,
            Meta(
                gt=0,
                le=1e12,
                description="Units a day of all newcomers together, in place of a multiple of their usual share; "
                "none: it is learnt.",
            ),
        ]
        | None
    ) = None


class EarnedSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What money buys, whatever other accounts do."""

    per_usd: (
        Annotated[
            float, Meta(ge=0, le=1e12, description="Units for each settled US dollar; none: 1,000 ordinary requests.")
        ]
        | None
    ) = None
    plan_usd: Annotated[
        float,
        Meta(
            ge=0,
            le=1e12,
            description="An account that is known to have settled fewer US dollars has the newcomer's day of accounts "
            "without a plan, if that is lower; 0: never.",
        ),
    ] = 10.0


Entry = Annotated[float, Meta(gt=0, le=1e12)] | Literal["off"] | bool


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
    entry: (
        Annotated[
            Entry,
            Meta(
                description="Newcomer's day: units a day of an unproven account with a card; see `entry`. "
                "`off`: the tier's limit alone; none: `off` if the plan states limits, else that of `like`, "
                "see also `earned.plan_usd`."
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
