"""Plans: a tenant's overrides applied to a preset, and a check of every limit against one request's cost. Pure."""

from collections.abc import Iterable, Mapping

from reputation.config.faults import nearest
from reputation.scoring.ladder import parts_of_facts
from reputation.scoring.risk import TIERS
from reputation.scoring.tiers import Allowance, EntrySettings, PlanSettings
from reputation.wire.errors import SettingError
from reputation.wire.messages import Tier

Rows = Mapping[Tier, Allowance]
NOTHING = PlanSettings()


def laid_out(tenant: str, given: Mapping[str, PlanSettings], preset: Mapping[str, Rows]) -> dict[str, Rows]:
    """Return every plan's limits by tier, the preset's plans first. Raises SettingError for an unknown `like`."""
    names = [*preset, *(name for name in given if name not in preset)]
    return {name: _rows(tenant, name, given, preset, ()) for name in names}


def _rows(
    tenant: str, name: str, given: Mapping[str, PlanSettings], preset: Mapping[str, Rows], above: tuple[str, ...]
) -> Rows:
    own = given.get(name, NOTHING)
    base = preset.get(name, preset["free"])
    if own.like is not None:
        path = ("tenants", tenant, "plans", name, "like")
        if own.like not in given and own.like not in preset:
            raise SettingError(path, f"no plan is called {own.like!r}; {nearest(own.like, [*preset, *given])}")
        if own.like in (*above, name):
            raise SettingError(path, f"{own.like!r} is in turn like {name!r}, so neither has limits")
        base = _rows(tenant, own.like, given, preset, (*above, name))
    mine = {tier: getattr(own, tier) for tier in TIERS}
    return {**base, **{tier: allowance for tier, allowance in mine.items() if allowance is not None}}


def newcomers(
    tenant: str, given: Mapping[str, PlanSettings], preset: Mapping[str, float], names: Iterable[str]
) -> dict[str, float | None]:
    """Return every plan's newcomer's day; None: it is off. Raises SettingError for `true`."""
    return {name: _newcomer(tenant, name, given, preset) for name in names}


def _newcomer(tenant: str, name: str, given: Mapping[str, PlanSettings], preset: Mapping[str, float]) -> float | None:
    own = given.get(name, NOTHING)
    if own.entry is True:
        raise SettingError(("tenants", tenant, "plans", name, "entry"), "give units a day, or off")
    if own.entry is not None:
        return None if own.entry is False or own.entry == "off" else float(own.entry)
    if any(getattr(own, tier) is not None for tier in TIERS):
        return None  # an operator who writes limits expects these, and no lower ones
    if own.like is not None:
        return _newcomer(tenant, own.like, given, preset)
    return preset.get(name, preset["free"])


def unsettled(given: Mapping[str, PlanSettings], days: Mapping[str, float | None], default: str) -> dict[str, str]:
    """Return for each plan the one whose newcomer's day counts until money has settled: itself, or `default`.

    It is the default plan where that has a smaller day, and no `entry` says otherwise: a plan's name costs nothing.
    """
    least = days[default]
    return {
        plan: default
        if day is not None and least is not None and least < day and not _says_entry(plan, given)
        else plan
        for plan, day in days.items()
    }


def _says_entry(plan: str, given: Mapping[str, PlanSettings]) -> bool:
    own = given.get(plan, NOTHING)
    return own.entry is not None or (own.like is not None and _says_entry(own.like, given))


def check_newcomers(
    tenant: str, cost: float, days: Mapping[str, float | None], entry: EntrySettings, plans: Mapping[str, Rows]
) -> None:
    """Raise SettingError for an allowance that limits no account, or that is below one request.

    It limits none if the newcomer's day, or what every account has of it, is above the limit of `standard`.
    entry.active is in addition to what other facts give, so it may be small.
    """
    for plan, day in days.items():
        if day is None:
            continue
        path, most = ("tenants", tenant, "plans", plan, "entry"), plans[plan]["standard"].daily
        if day > most:
            raise SettingError(
                path,
                f"{day:g} units a day are more than the tier standard of the plan allows ({most:g}, daily), so this "
                f"allowance limits nobody; lower it, raise daily, or set it to off",
            )
        if day * entry.email > most:
            raise SettingError(
                ("tenants", tenant, "entry", "email"),
                f"it gives each account of the plan {plan!r} {day * entry.email:g} units a day ({entry.email:g} "
                f"newcomer's days of {day:g}), more than the tier standard of the plan allows ({most:g}, daily), so "
                f"this allowance limits nobody; lower it to {most / day:g} at most, or set plans.{plan}.entry to off",
            )
        for rung, part in parts_of_facts(entry).items():
            units = day * part
            if units < cost:
                raise SettingError(
                    path,
                    f"entry.{rung} of it is {units:g} units a day, fewer than one request needs ({cost:g}, "
                    f"request_cost), so no request passes; raise it, or set it to off",
                )


def check_together(tenant: str, cost: float, units: float | None) -> None:
    """Raise SettingError for an amount of all newcomers together below one request."""
    if units is not None and units < cost:
        raise SettingError(
            ("tenants", tenant, "newcomers", "together_units"),
            f"{units:g} units a day are fewer than one request needs ({cost:g}, request_cost), so a cap lets no "
            f"newcomer's request pass; raise it, or leave it out to learn it",
        )


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
