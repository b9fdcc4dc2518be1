"""Plans: a tenant's overrides applied to a preset, and a check of every limit against one request's cost. Pure."""

from collections.abc import Mapping

from reputation.config.faults import nearest
from reputation.scoring.policy import TIERS
from reputation.scoring.tiers import Allowance, PlanSettings
from reputation.wire.errors import SettingError
from reputation.wire.messages import Tier

Rows = Mapping[Tier, Allowance]
NOTHING = PlanSettings()


def laid_out(tenant: str, told: Mapping[str, PlanSettings], preset: Mapping[str, Rows]) -> dict[str, Rows]:
    """Return every plan's limits by tier, the preset's plans first. Raises SettingError for an unknown `like`."""
    names = [*preset, *(name for name in told if name not in preset)]
    return {name: _rows(tenant, name, told, preset, ()) for name in names}


def _rows(
    tenant: str, name: str, told: Mapping[str, PlanSettings], preset: Mapping[str, Rows], above: tuple[str, ...]
) -> Rows:
    own = told.get(name, NOTHING)
    base = preset.get(name, preset["free"])
    if own.like is not None:
        path = ("tenants", tenant, "plans", name, "like")
        if own.like not in told and own.like not in preset:
            raise SettingError(path, f"no plan is called {own.like!r}; {nearest(own.like, [*preset, *told])}")
        if own.like in (*above, name):
            raise SettingError(path, f"{own.like!r} is in turn like {name!r}, so neither has limits")
        base = _rows(tenant, own.like, told, preset, (*above, name))
    mine = {tier: getattr(own, tier) for tier in TIERS}
    return {**base, **{tier: allowance for tier, allowance in mine.items() if allowance is not None}}


def check_amounts(tenant: str, cost: float, plans: Mapping[str, Rows], shared: Mapping[str, Allowance | None]) -> None:
    """Raise SettingError for a limit too small for any request of `cost` units."""
    named = {("plans", plan, tier): one for plan, rows in plans.items() for tier, one in rows.items()}
    for path, one in (named | {(name,): one for name, one in shared.items()}).items():
        for part in () if one is None else ("burst", "daily"):
            holds = getattr(one, part)
            if holds < cost:
                raise SettingError(
                    ("tenants", tenant, *path, part),
                    f"{holds:g} units are fewer than one request needs ({cost:g}, request_cost), so no request passes; "
                    f"raise this limit, or lower tenants.{tenant}.request_cost",
                )
