"""Tenants: presets, overrides, and the compiled tables for checks."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from reputation.config.families import Cap, FindEvidence, family_names, family_of, load_signal
from reputation.config.faults import nearest
from reputation.config.gateways import GatewaySettings
from reputation.config.plans import check_amounts, check_newcomers, check_together, laid_out, newcomers, unsettled
from reputation.config.presets import ORDINARY, PRESETS, Preset, Unit, times
from reputation.config.tenant_parts import LinkingSettings, OutcomeSettings, PriceSettings, PurseSettings
from reputation.limits.bucket import Limit
from reputation.scoring.ladder import Ladder
from reputation.scoring.risk import TIERS, Family, Policy, compile_policy
from reputation.scoring.tiers import Allowance, EarnedSettings, EntrySettings, NewcomersSettings, PlanSettings, TierRule
from reputation.wire.errors import SettingError
from reputation.wire.known import Standards
from reputation.wire.lease_settings import LeaseSettings
from reputation.wire.messages import Mode, Text, Tier

Weight = Annotated[float, Meta(ge=0, le=5)]

UNNUMBERED = 0  # of settings until they have a number: a configuration that was just read

UNCONFIRMED_NETWORK = 4.0
"""Budget shared by the unconfirmed accounts of one IPv6 /48, in budgets of one address.

One internet connection can use all /64s of its /48.
"""
UNCONFIRMED_LASTING = 0.25
"""Extra budget for unconfirmed accounts that are older than one day, as a part of their address's budget."""

PER_USD = 1000.0
"""Ordinary requests for a settled dollar: in 2,200 simulated honest accounts 0.7% of payers' requests lie above."""

MOST_LOG_ODDS = 26.0
"""Maximum sum of prior and caps. Risk is a float below 100; at 26 it still gives its log-odds to 3e-5."""


class TenantSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of one tenant: a preset and overrides."""

    preset: Annotated[
        Preset,
        Meta(
            description="Starting values. `lenient`: higher limits; `balanced`: usual limits; `strict`: lower limits."
        ),
    ] = "balanced"
    mode: Annotated[
        Mode, Meta(description="`enforce`: apply decisions; `shadow`: score and charge, but let every request pass.")
    ] = "enforce"
    unit: Annotated[
        Unit,
        Meta(description="Unit of costs and limits. `requests`: each costs 1; `tokens`: each gives its own cost."),
    ] = "requests"
    request_cost: (
        Annotated[
            float,
            Meta(
                gt=0, le=1e9, description="Cost of an ordinary request; every limit must hold one; none: see presets."
            ),
        ]
        | None
    ) = None
    prior: (
        Annotated[
            float,
            Meta(ge=-8, le=4, description="Log-odds of abuse for an account without any evidence; none: the preset's."),
        ]
        | None
    ) = None
    weights: Annotated[
        dict[str, Weight], Meta(description="Factor for each family of evidence; a family that is left out keeps 1.")
    ] = {}
    caps: Annotated[
        dict[str, Cap],
        Meta(
            description="Maximum log-odds that each family may add or subtract; "
            "a family that is left out keeps the preset's value."
        ),
    ] = {}
    tiers: Annotated[
        dict[Tier, TierRule],
        Meta(
            description="Starting risk, decision and actions of each tier; a tier that is left out keeps the preset's."
        ),
    ] = {}
    hysteresis: Annotated[
        float,
        Meta(
            ge=0,
            le=3,
            description="Hysteresis in log-odds: an account moves to a milder tier "
            "only when its score is this far below the tier's threshold.",
        ),
    ] = 0.3
    plans: Annotated[
        dict[Text, PlanSettings],
        Meta(description="Limits of each tier of a plan; a tier that is left out keeps the preset's."),
    ] = {}
    payer_plan: Annotated[Text, Meta(description="Plan for a payer whose own plan is missing or unknown.")] = "paid"
    unconfirmed: (
        Annotated[
            Allowance,
            Meta(description="Limit shared by all unconfirmed accounts of one address; none: the preset's."),
        ]
        | None
    ) = None
    organisation: (
        Annotated[
            Allowance,
            Meta(description="Limit shared by the members of a verified organisation; none: the linker sets a quota."),
        ]
        | None
    ) = None
    standards: Annotated[Standards, Meta(description="Conditions for a payer and a proven account.")] = Standards()
    outcomes: Annotated[OutcomeSettings, Meta(description="Decay of outcomes.")] = OutcomeSettings()
    linking: Annotated[LinkingSettings, Meta(description="Limits of linked accounts.")] = LinkingSettings()
    purse: Annotated[PurseSettings, Meta(description="Shared limit of linked accounts with overt evidence alone.")] = (
        PurseSettings()
    )
    entry: Annotated[EntrySettings, Meta(description="Daily allowance of unproven accounts.")] = EntrySettings()
    newcomers: Annotated[NewcomersSettings, Meta(description="Reserve above the allowances of unproven accounts.")] = (
        NewcomersSettings()
    )
    earned: Annotated[EarnedSettings, Meta(description="What settled money buys.")] = EarnedSettings()
    leases: Annotated[LeaseSettings, Meta(description="Leases and holds.")] = LeaseSettings()
    gateway: Annotated[GatewaySettings, Meta(description="Messages from the tenant's gateway.")] = GatewaySettings()
    prices: Annotated[PriceSettings, Meta(description="Prices of units and of credentials.")] = PriceSettings()
    on_state_loss: Annotated[
        Literal["local", "open", "closed"],
        Meta(description="While shared state is down. `local`: own share of limits; `open`: no limits; `closed`: 503."),
    ] = "local"
    owner: Annotated[
        Literal["file", "api"],
        Meta(description="Source of changes. `file`: this file; `api`: the admin API, which starts from this file."),
    ] = "file"


class Tenant(Struct, frozen=True):
    """A tenant as a check reads it, compiled once for each revision."""

    name: str
    revision: int
    settings: TenantSettings
    request_cost: float
    prior: float
    signals: tuple[tuple[FindEvidence, Family], ...]
    families: Mapping[str, Family]
    policy: Policy
    unconfirmed: tuple[Limit, Limit]
    unconfirmed_network: tuple[Limit, Limit]
    lasting: tuple[Limit, Limit]
    lasting_network: tuple[Limit, Limit]
    organisation: tuple[Limit, Limit] | None
    entry: Mapping[str, Ladder | None]
    """By plan; None where a plan has no allowances for newcomers."""
    unsettled: Mapping[str, str]
    """By plan; the plan whose ladder counts for accounts known to have settled less than `earned.plan_usd`."""


def compile_tenant(name: str, settings: TenantSettings, revision: int = 1, *, stored: bool = False) -> Tenant:
    """Apply a tenant's overrides to its preset. Raises SettingError for impossible settings.

    stored: they were in force before, so an allowance that limits no account is left as it is.
    """
    preset = PRESETS[settings.preset]
    names = family_names(settings.weights)
    _check_known(("tenants", name, "caps"), settings.caps, names)
    loaded = {n: load_signal(name, n) for n in names}
    families = {n: family_of(one, settings.weights.get(n, 1.0), settings.caps.get(n)) for n, one in loaded.items()}
    prior = preset.prior if settings.prior is None else settings.prior
    _check_sum(name, prior, families)
    tiers = {**preset.tiers, **settings.tiers}
    _check_order(name, tiers)
    amounts = preset.amounts[settings.unit]
    plans = laid_out(name, settings.plans, amounts.plans)
    _check_known(("tenants", name, "payer_plan"), [settings.payer_plan], list(plans))
    unconfirmed = settings.unconfirmed or amounts.unconfirmed
    request_cost = settings.request_cost or ORDINARY[settings.unit]
    check_amounts(name, request_cost, plans, {"unconfirmed": unconfirmed, "organisation": settings.organisation})
    days = newcomers(name, settings.plans, amounts.entry, plans)
    if not stored:
        check_newcomers(name, request_cost, days, settings.entry, plans)
    check_together(name, request_cost, settings.newcomers.together_units)
    policy = compile_policy(tiers, plans, settings.hysteresis, settings.payer_plan)
    return Tenant(
        name=name,
        revision=revision,
        settings=settings,
        request_cost=request_cost,
        prior=prior,
        signals=tuple((one.evidence, families[n]) for n, one in loaded.items() if families[n].weight),
        families=families,
        policy=policy,
        unconfirmed=limits_of(unconfirmed),
        unconfirmed_network=limits_of(times(unconfirmed, UNCONFIRMED_NETWORK)),
        lasting=limits_of(times(unconfirmed, UNCONFIRMED_LASTING)),
        lasting_network=limits_of(times(unconfirmed, UNCONFIRMED_LASTING * UNCONFIRMED_NETWORK)),
        organisation=limits_of(settings.organisation) if settings.organisation else None,
        entry={plan: None if day is None else ladder(settings, day, request_cost) for plan, day in days.items()},
        unsettled=unsettled(settings.plans, days, policy.default_plan),
    )


def ladder(settings: TenantSettings, day: float, request_cost: float) -> Ladder:
    """Make the ladder of a plan with this newcomer's day."""
    per_usd = per_usd_of(settings, request_cost)
    return Ladder(day, settings.entry, settings.newcomers, request_cost, per_usd, settings.earned.plan_usd)


def per_usd_of(settings: TenantSettings, request_cost: float) -> float:
    """Return the units per settled dollar."""
    per_usd = settings.earned.per_usd
    return PER_USD * request_cost if per_usd is None else per_usd


def limits_of(allowance: Allowance) -> tuple[Limit, Limit]:
    """Return the burst and the daily limit of an allowance."""
    return Limit(allowance.rate, allowance.burst), Limit(allowance.daily / 86_400.0, allowance.daily)


def _check_known(path: tuple[str, ...], words: Iterable[str], known: list[str]) -> None:
    for word in words:
        if word not in known:
            raise SettingError(path, f"{word!r} is not known; {nearest(word, known)}")


def _check_sum(tenant: str, prior: float, families: Mapping[str, Family]) -> None:
    most = abs(prior) + sum(family.cap for family in families.values())
    if most > MOST_LOG_ODDS:
        raise SettingError(
            ("tenants", tenant, "caps"),
            f"prior and caps add up to {most:g}; the maximum is {MOST_LOG_ODDS:g}, because above it every risk is 100",
        )


def _check_order(tenant: str, tiers: Mapping[Tier, TierRule]) -> None:
    risks = [tiers[tier].from_risk for tier in TIERS[1:]]
    if risks != sorted(risks) or not all(0 < risk < 100 for risk in risks):
        raise SettingError(
            ("tenants", tenant, "tiers"),
            f"from_risk must rise from standard to blocked, between 0 and 100; got {risks}",
        )
    if tiers["trusted"].decision != "allow":
        raise SettingError(
            ("tenants", tenant, "tiers", "trusted", "decision"), "the mildest tier must let requests pass: allow"
        )


def _entry(tenant: Tenant, plan: str) -> float | Literal["off"]:
    found = tenant.entry[plan]
    return "off" if found is None else found.newcomer


def in_force(tenant: Tenant) -> TenantSettings:
    """Return a tenant's effective settings: its overrides together with every value of its preset."""
    policy = tenant.policy
    plans = {
        plan: PlanSettings(
            None, _entry(tenant, plan), *[Allowance(row.burst.rate, row.burst.burst, row.daily.burst) for row in rows]
        )
        for plan, rows in policy.limits.items()
    }
    burst, daily = tenant.unconfirmed
    return structs.replace(
        tenant.settings,
        request_cost=tenant.request_cost,
        prior=tenant.prior,
        weights={name: family.weight for name, family in tenant.families.items()},
        caps={name: family.cap for name, family in tenant.families.items()},
        tiers=dict(zip(TIERS, policy.rules, strict=True)),
        plans=plans,
        unconfirmed=Allowance(burst.rate, burst.burst, daily.burst),
        earned=structs.replace(tenant.settings.earned, per_usd=per_usd_of(tenant.settings, tenant.request_cost)),
    )
