"""Settings without effect: accepted, ignored, and named in a warning. Those of older files, and rungs of `entry`."""

from collections.abc import Iterator, Mapping

from reputation.config.tenants import Tenant, TenantSettings
from reputation.scoring.ladder import CARD, EMAIL, PHONE, PREPAID, Ladder
from reputation.scoring.risk import STANDARD

NEIGHBOURHOODS = "neighbourhoods"
GIVEN = (PHONE, PREPAID, CARD)


def retired(tenants: Mapping[str, TenantSettings]) -> Iterator[str]:
    """Describe each setting without effect, with the fix."""
    for name, tenant in tenants.items():
        linking, path = tenant.linking, f"tenants.{name}.linking"
        if linking.floor is not None:
            yield f"{path}.floor has no effect, because crowded neighbourhoods have no budgets any more; remove it"
        if NEIGHBOURHOODS in linking.without:
            yield f"{path}.without: {NEIGHBOURHOODS} has no effect, because they have no budgets any more; remove it"


def ineffective(tenant: Tenant) -> Iterator[str]:
    """Describe each rung of `entry` that changes no limit of a tenant, with the fix.

    A rung below the one that each account has anyway gives nothing, and above the tier's limit that limit holds alone.
    """
    ladders = [(plan, ladder) for plan, ladder in tenant.entry.items() if ladder is not None]
    rungs, path = tenant.settings.entry, f"tenants.{tenant.name}.entry"
    for rung in GIVEN if ladders else ():
        given = getattr(rungs, rung)
        if given < rungs.email:
            yield (
                f"{path}.{rung} ({given:g}) has no effect, because each account has {path}.{EMAIL} ({rungs.email:g}); "
                f"raise {rung}, or lower {EMAIL}"
            )
    for plan, ladder in ladders:
        yield from _above_the_tier(tenant, path, plan, ladder)


def _above_the_tier(tenant: Tenant, path: str, plan: str, ladder: Ladder) -> Iterator[str]:
    most = tenant.policy.limits[plan][STANDARD].daily.burst
    for rung in (EMAIL, *GIVEN):
        if ladder.rungs[rung] > most:
            yield (
                f"{path}.{rung} gives {ladder.rungs[rung]:g} units a day on the plan {plan!r}, more than its tier "
                f"standard ({most:g}, daily), which holds alone; lower {rung} to {most / ladder.newcomer:g} at most, "
                f"or raise plans.{plan}.standard.daily"
            )
