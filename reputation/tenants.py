"""What a tenant is: presets, sparse overrides, and the compiled tables that a check reads."""

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from msgspec import Meta, Struct, structs

from reputation.bucket import Limit
from reputation.config_faults import nearest
from reputation.errors import SettingError
from reputation.events import Mode, Reason, Text, Tier
from reputation.gateway import GatewaySettings
from reputation.hydra.sightings import Part
from reputation.known import Standards
from reputation.lease_settings import LeaseSettings
from reputation.plans import check_amounts, laid_out
from reputation.policy import TIERS, Allowance, Policy, TierRule, compile_policy
from reputation.presets import ORDINARY, PRESETS, Preset, Unit, times
from reputation.score import Family
from reputation.tenant_parts import OutcomeSettings, PriceSettings
from reputation.tier_rules import PlanSettings

Weight = Annotated[float, Meta(ge=0, le=5)]
Cap = Annotated[float, Meta(ge=0, le=10)]
Signal = Callable[[Any, float], Sequence[Reason]]

FAMILIES = ("account", "payment", "address", "asn", "proxy_network", "velocity", "hydra")
"""The families of evidence in the order of their reasons; each is a module of reputation.signals."""

EXTERNAL = frozenset({"address", "asn", "proxy_network", "velocity", "hydra"})
"""Families that others can cause: together they cannot break a payer's floor, nor challenge or deny anybody.

Somebody else's family is one of them unless its module says `OWN_EVIDENCE = True`.
"""

UNNUMBERED = 0  # of settings until they have a number: a configuration that was just read

NETWORK_OF_STRANGERS = 4.0
"""Addresses' worth that the unconfirmed accounts of one IPv6 /48 share, since one line can have all its /64s."""
LASTING_STRANGERS = 0.25
"""Part of an address's budget that its unconfirmed accounts of more than one day have on top, for themselves."""

CAPS = {
    "account": 4.0,
    "payment": 3.0,
    "address": 1.0,
    "asn": 0.8,
    "proxy_network": 0.8,
    "velocity": 1.5,
    "hydra": 2.0,
}


MOST_LOG_ODDS = 25.0
"""Most that prior and caps may add up to: risk is a float below 100, and at 25 still tells its log-odds to 1e-5."""


class LinkingSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What linked accounts share. Units are a typical honest account's daily use, learnt from proven accounts."""

    enabled: Annotated[bool, Meta(description="Link accounts of one actor, and give them one purse.")] = True
    purse_units: Annotated[
        float,
        Meta(gt=0, le=1e6, description="Size of a cluster's purse, in typical honest accounts' daily use."),
    ] = 2.0
    payer_floor_units: Annotated[
        float,
        Meta(ge=0, description="What a payer in a cluster has a day before the purse is asked, in the same unit."),
    ] = 0.25
    floor: Annotated[
        float, Meta(ge=0, description="Ordinary requests a day that any account keeps in a crowded neighbourhood.")
    ] = 2.0
    without: Annotated[
        tuple[Part, ...], Meta(description="Detectors and families of evidence that linking does not use.")
    ] = ()
    trials: Annotated[
        float,
        Meta(ge=0, le=1, description="Share of three-hour blocks with an hour that holds nobody, to see who reacts."),
    ] = 0.0


class TenantSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One tenant's part of the configuration: a preset and sparse overrides."""

    preset: Annotated[
        Preset,
        Meta(
            description="Where the other settings start. `lenient`: more room; `balanced`: the usual; `strict`: less."
        ),
    ] = "balanced"
    mode: Annotated[
        Mode, Meta(description="`enforce`: what is decided holds; `shadow`: it is scored and charged, and all pass.")
    ] = "enforce"
    unit: Annotated[
        Unit,
        Meta(description="What cost and limits count. `requests`: each as 1; `tokens`: what each says."),
    ] = "requests"
    request_cost: (
        Annotated[
            float,
            Meta(gt=0, le=1e9, description="Units of an ordinary request; every limit holds one; none: see presets."),
        ]
        | None
    ) = None
    prior: (
        Annotated[
            float,
            Meta(ge=-8, le=4, description="Log-odds of abuse of an account nothing is known of; none: the preset's."),
        ]
        | None
    ) = None
    weights: Annotated[
        dict[str, Weight], Meta(description="Factor on each family of evidence; a family left out keeps 1.")
    ] = {}
    caps: Annotated[
        dict[str, Cap], Meta(description="Most log-odds each family may add or take; one left out keeps the preset's.")
    ] = {}
    tiers: Annotated[
        dict[Tier, TierRule],
        Meta(description="Risk each tier begins at, its decision and its actions; one left out keeps the preset's."),
    ] = {}
    hysteresis: Annotated[
        float, Meta(ge=0, le=3, description="Log-odds below its beginning at which a tier is left for a milder one.")
    ] = 0.3
    plans: Annotated[
        dict[Text, PlanSettings],
        Meta(description="Limits of a plan's tiers; a tier left out keeps the preset's."),
    ] = {}
    payer_plan: Annotated[Text, Meta(description="Plan of payers whose plan is not told.")] = "paid"
    unconfirmed: (
        Annotated[
            Allowance, Meta(description="What all unconfirmed accounts of one address share; none: the preset's.")
        ]
        | None
    ) = None
    organisation: (
        Annotated[
            Allowance,
            Meta(description="What the members of one verified organisation share; none: no limit."),
        ]
        | None
    ) = None
    standards: Annotated[Standards, Meta(description="Who is a payer and who is proven.")] = Standards()
    outcomes: Annotated[OutcomeSettings, Meta(description="How long outcomes weigh.")] = OutcomeSettings()
    linking: Annotated[LinkingSettings, Meta(description="What linked accounts share.")] = LinkingSettings()
    leases: Annotated[LeaseSettings, Meta(description="What gateways may enforce alone.")] = LeaseSettings()
    gateway: Annotated[GatewaySettings, Meta(description="What the tenant's gateway sends.")] = GatewaySettings()
    prices: Annotated[PriceSettings, Meta(description="What a replay reckons in money.")] = PriceSettings()
    on_state_loss: Annotated[
        Literal["local", "open", "closed"],
        Meta(description="While shared state is away. `local`: own share of limits; `open`: no limits; `closed`: 503."),
    ] = "local"
    owner: Annotated[
        Literal["file", "api"],
        Meta(description="Who tunes it. `file`: this file; `api`: the admin API, from what this file says on."),
    ] = "file"


class Tenant(Struct, frozen=True):
    """A tenant as a check reads it: compiled once a revision."""

    name: str
    revision: int
    settings: TenantSettings
    request_cost: float
    prior: float
    signals: tuple[tuple[Signal, Family, bool], ...]
    external: frozenset[str]
    families: Mapping[str, Family]
    policy: Policy
    unconfirmed: tuple[Limit, Limit]
    unconfirmed_network: tuple[Limit, Limit]
    lasting: tuple[Limit, Limit]
    lasting_network: tuple[Limit, Limit]
    organisation: tuple[Limit, Limit] | None


def compile_tenant(name: str, settings: TenantSettings, revision: int = 1) -> Tenant:
    """Lay a tenant's overrides over its preset. Raises SettingError for what cannot work."""
    preset = PRESETS[settings.preset]
    names = [*FAMILIES, *(family for family in settings.weights if family not in FAMILIES)]
    _check_known(("tenants", name, "caps"), settings.caps, names)
    families = {n: Family(settings.weights.get(n, 1.0), settings.caps.get(n, CAPS.get(n, 1.0))) for n in names}
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
    loaded = {n: load_signal(name, n) for n in names if families[n].weight}
    external = frozenset(n for n in names if n in EXTERNAL or (n in loaded and not loaded[n].own))
    return Tenant(
        name=name,
        revision=revision,
        settings=settings,
        request_cost=request_cost,
        prior=prior,
        signals=tuple((one.evidence, families[n], n in external) for n, one in loaded.items()),
        external=external,
        families=families,
        policy=compile_policy(tiers, plans, settings.hysteresis, settings.payer_plan),
        unconfirmed=limits_of(unconfirmed),
        unconfirmed_network=limits_of(times(unconfirmed, NETWORK_OF_STRANGERS)),
        lasting=limits_of(times(unconfirmed, LASTING_STRANGERS)),
        lasting_network=limits_of(times(unconfirmed, LASTING_STRANGERS * NETWORK_OF_STRANGERS)),
        organisation=limits_of(settings.organisation) if settings.organisation else None,
    )


def limits_of(allowance: Allowance) -> tuple[Limit, Limit]:
    """An allowance's burst and daily buckets."""
    return Limit(allowance.rate, allowance.burst), Limit(allowance.daily / 86_400.0, allowance.daily)


class Loaded(NamedTuple):
    """A family's function, and whether its account alone can cause what it says."""

    evidence: Signal
    own: bool


def load_signal(tenant: str, family: str) -> Loaded:
    """Load a family's `evidence`: a module of ours by its name, somebody else's by its dotted name."""
    ours = "." not in family
    try:
        module = importlib.import_module(f"reputation.signals.{family}" if ours else family)
        signal: Signal = module.evidence
    except (ImportError, AttributeError, SyntaxError) as error:
        mend = nearest(family, list(FAMILIES)) if ours else f"{error}"
        raise SettingError(
            ("tenants", tenant, "weights", family),
            f"no such family of evidence; {mend}; or name a module with a function `evidence`, with its dots",
        ) from None
    return Loaded(signal, family not in EXTERNAL if ours else getattr(module, "OWN_EVIDENCE", False) is True)


def _check_known(path: tuple[str, ...], words: Iterable[str], known: list[str]) -> None:
    for word in words:
        if word not in known:
            raise SettingError(path, f"{word!r} is not known; {nearest(word, known)}")


def _check_sum(tenant: str, prior: float, families: Mapping[str, Family]) -> None:
    most = abs(prior) + sum(family.cap for family in families.values())
    if most > MOST_LOG_ODDS:
        raise SettingError(
            ("tenants", tenant, "caps"),
            f"with the prior they come to {most:g}, and may to {MOST_LOG_ODDS:g}; above that risk is just 100",
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
            ("tenants", tenant, "tiers", "trusted", "decision"), "the mildest tier lets requests pass: allow"
        )


def in_force(tenant: Tenant) -> TenantSettings:
    """Return a tenant's settings with its preset laid out, so that nothing is left to look up."""
    policy = tenant.policy
    plans = {
        plan: PlanSettings(None, *[Allowance(row.burst.rate, row.burst.burst, row.daily.burst) for row in rows])
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
    )
