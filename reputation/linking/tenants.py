"""The linked tenants, and their settings for the linker."""

from hashlib import blake2b

from reputation.config.presets import PRESETS
from reputation.config.tenants import Tenant, TenantSettings, per_usd_of
from reputation.engine.limiter import Limiter, TenantLimiter
from reputation.hydra.linker_settings import PRIOR_USE, Held, LinkerSettings, Plans
from reputation.scoring.ladder import RUNGS, Ladder, part_of
from reputation.scoring.risk import STANDARD

Tenants = list[tuple[str, TenantLimiter]]


def linker_settings(tenant: TenantLimiter, key: bytes = b"") -> LinkerSettings:
    """Return a tenant's configuration for the linker. key: draws trials; a replay's key is no secret."""
    linking, prior = tenant.tenant.settings.linking, PRIOR_USE * tenant.tenant.request_cost
    without = tuple(part for part in linking.without if part != "neighbourhoods")
    standards, newcomers = tenant.tenant.settings.standards, tenant.tenant.settings.newcomers
    together = Held(newcomers.together_times, newcomers.together_units, newcomers.together == "cap")
    reserves, plans = reserves_of(tenant.tenant), plans_of(tenant.tenant)
    return LinkerSettings(
        linking.purse_units, prior, without=without, trials=linking.trials, key=key[:64], reserves=reserves,
        plans=plans, seats=tenant.tenant.settings.purse.seats, organisation_days=standards.proven_days,
        organisation_usd=standards.proven_usd, bound=linking.bound, together=together,
        ids=ids_of(tenant.tenant.name, key), reserve_accounts=newcomers.reserve_accounts,
    )  # fmt: skip


def ids_of(tenant: str, key: bytes) -> int:
    """Return where the ids of a tenant's clusters begin: they differ between tenants and installations, not runs.

    Without a key, as in a replay, they begin at 0, so a replay gives the same bytes everywhere.
    """
    return int.from_bytes(blake2b(tenant.encode(), key=key[:64], digest_size=2).digest()) if key else 0


def plans_of(tenant: Tenant) -> Plans:
    """Return the settings of plans for earning.

    Where a plan has no entry allowances, the linker bounds use by the newcomer's day of the preset, and an account of
    it has the whole day of the tier alone.
    """
    full = {plan: rows[STANDARD].daily.burst for plan, rows in tenant.policy.limits.items()}
    days = {
        plan: _preset_day(tenant.settings, plan) if ladder is None else ladder.newcomer
        for plan, ladder in tenant.entry.items()
    }
    entry = {plan: entry_of(ladder, full[plan]) for plan, ladder in tenant.entry.items()}
    default = tenant.policy.default_plan
    bounds = tenant.settings.newcomers
    return Plans(
        days, days[default], per_usd_of(tenant.settings, tenant.request_cost), entry, entry[default], default,
        bounds.least, bounds.most, tenant.settings.entry.active,
        full, dict(tenant.unsettled), tenant.settings.earned.plan_usd,
    )  # fmt: skip


def entry_of(ladder: Ladder | None, full: float) -> dict[str, float]:
    """Return what an unproven account of a plan has by rung, never more than all that its tier gives.

    Without entry allowances it has that.
    """
    if ladder is None:
        return dict.fromkeys(RUNGS, full)
    return {rung: min(units, full) for rung, units in ladder.rungs.items()}


def _preset_day(settings: TenantSettings, plan: str) -> float:
    """Return the newcomer's day of the preset for a plan, or for the one that it is like."""
    preset, given = PRESETS[settings.preset].amounts[settings.unit].entry, settings.plans
    while plan not in preset and (own := given.get(plan)) is not None and own.like is not None:
        plan = own.like
    return preset.get(plan, preset["free"])


def reserves_of(tenant: Tenant) -> dict[str, float]:
    """Return the size of each newcomers' reserve, in units a day, by its name."""
    ladders = [(plan, ladder) for plan, ladder in tenant.entry.items() if ladder is not None and ladder.has_reserve]
    return {
        part_of(plan, rung, recent=recent): ladder.reserve.burst
        for plan, ladder in ladders
        for rung in RUNGS
        for recent in (True, False)
    }


def linked(limiter: Limiter) -> Tenants:
    """Return the tenants with linking, and let them take notes."""
    found = [(name, t) for name, t in limiter.tenants.items() if t.tenant.settings.linking.enabled]
    for _, tenant in found:
        tenant.outbox.listening = True
    return found
