"""Revisions of a tenant's settings: immutable, numbered, each with author, reason, parent and time. Pure.

A revision is a preset and sparse overrides, as in the configuration file. Number 1 is what the file said first (or
nothing), and what it says later is a revision too; these have no parent. What belongs to the deployment and not to
tuning stays with the file.
"""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, structs

from reputation.config.faults import first_fault
from reputation.config.tenant_parts import LinkingSettings
from reputation.config.tenants import Tenant, TenantSettings, compile_tenant, in_force
from reputation.engine.entries import Reasoned
from reputation.scoring.risk import STANDARD, TIERS, tier_of
from reputation.wire.errors import Invalid, SettingError

OF_THE_FILE = ("owner", "unit", "gateway", "on_state_loss")
"""Settings that no revision changes: they say how the tenant is connected, not how it judges."""
START = 1
LINKING = LinkingSettings()
"""What every preset has of linking."""
MOST_BYTES = 64 * 1024


class Revision(Struct, frozen=True):
    """One revision. settings: sparse overrides, as in the configuration file; at: seconds since 1970."""

    number: int
    parent: int | None
    author: str
    reason: str
    at: float
    settings: dict[str, Any]


class RevisionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/tenants/{tenant}/revisions. parent: the revision it starts from; by default the live one."""

    settings: dict[str, Any]
    reason: Reasoned
    parent: Annotated[int, Meta(ge=1)] | None = None


def document_id(number: int) -> str:
    """Return the id of a stored revision; ids sort like the numbers."""
    return f"{number:010d}"


def start(settings: TenantSettings) -> Revision:
    """Return the tenant's settings in the configuration file, as the first revision."""
    return Revision(START, None, "configuration", "what the configuration says", 0.0, sparse(settings))


def sparse(settings: TenantSettings) -> dict[str, Any]:
    """Return a tenant's overrides, without the file's own settings."""
    found: dict[str, Any] = _differences(settings)
    return {name: value for name, value in found.items() if name not in OF_THE_FILE}


def _differences(value: Struct) -> dict[str, Any]:
    found = {}
    for name in value.__struct_fields__:
        mine = getattr(value, name)
        default = next(f for f in structs.fields(value) if f.name == name)
        usual = default.default if default.default is not msgspec.NODEFAULT else _made(default.default_factory)
        if mine != usual:
            nested = isinstance(mine, Struct) and isinstance(usual, Struct)
            found[name] = _differences(mine) if nested else msgspec.to_builtins(mine)
    return found


def _made(factory: Any) -> Any:
    return None if factory is msgspec.NODEFAULT else factory()


def settings_of(overrides: dict[str, Any], file: TenantSettings) -> TenantSettings:
    """Read overrides strictly, and add the file's own settings. Raises Invalid with a pointer."""
    for name in OF_THE_FILE:
        if name in overrides:
            raise Invalid(f"revisions cannot change {name}; change it in the configuration file", f"/settings/{name}")
    try:
        found = msgspec.convert(overrides, TenantSettings)
    except msgspec.ValidationError as error:
        fault = first_fault(overrides, TenantSettings)
        path, words = ((), str(error)) if fault is None else fault
        raise Invalid(words, "/".join(["/settings", *map(str, path)])) from None
    return structs.replace(found, **{name: getattr(file, name) for name in OF_THE_FILE})


def compiled(name: str, revision: Revision, file: TenantSettings, *, stored: bool = False) -> Tenant:
    """Compile a revision. Raises Invalid with a pointer for impossible settings.

    stored: another release or another replica took it, so rules about settings without effect do not refuse it now.
    """
    try:
        return compile_tenant(name, settings_of(revision.settings, file), revision.number, stored=stored)
    except SettingError as error:
        words = str(error).partition(": ")[2]
        raise Invalid(words, "/".join(["/settings", *error.path[2:]])) from None


def check_floor(tenant: Tenant) -> None:
    """Refuse settings by which evidence caused by others could break a payer's floor alone. Raises Invalid.

    The floor is the tier that a payer deserves by its own evidence alone, at worst `standard`, and in a
    cluster so many requests a day before the purse is asked.
    """
    policy, settings = tenant.policy, tenant.settings
    if tier_of(policy, tenant.prior, -1) > STANDARD:
        raise Invalid(
            f"a payer without any evidence against it would be {TIERS[tier_of(policy, tenant.prior, -1)]}; "
            f"keep the prior below {policy.bounds[STANDARD + 1]:.3f}, where that tier begins, or move the tier",
            "/settings/prior",
        )
    if policy.rules[STANDARD].decision != "allow":
        raise Invalid(
            "this tier is the floor of payers, so its decision must be allow", "/settings/tiers/standard/decision"
        )
    own, worse = (policy.limits[policy.payer_plan][STANDARD + i] for i in (0, 1))
    if own.burst.rate < worse.burst.rate or own.daily.burst < worse.daily.burst:
        raise Invalid(
            "the floor of payers must not have lower limits than the tier below it",
            f"/settings/plans/{policy.payer_plan}/standard",
        )
    if settings.linking.enabled and settings.linking.payer_floor_units <= 0:
        raise Invalid(
            f"with 0, being in a cluster would be enough to stop a payer; the preset has {LINKING.payer_floor_units:g}",
            "/settings/linking/payer_floor_units",
        )


class Difference(Struct, frozen=True):
    """One setting with different values in two revisions; the path has dots, a missing value is null."""

    path: str
    before: Any
    after: Any


def differences(before: Tenant, after: Tenant) -> list[Difference]:
    """Return every effective setting with a difference."""
    one, other = (dict(_flat(msgspec.to_builtins(in_force(tenant)))) for tenant in (before, after))
    paths = [path for path in dict.fromkeys([*one, *other]) if one.get(path) != other.get(path)]
    return [Difference(path, one.get(path), other.get(path)) for path in paths]


def _flat(value: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from _flat(inner, f"{path}{name}.")
        else:
            yield f"{path}{name}", inner
