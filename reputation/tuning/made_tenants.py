"""Tenants that the API makes: their value, and the settings that they make together with the configuration file. Pure.

A tenant of the file comes before one of the API with the same name.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

from reputation.config.file import Settings, can_stand_in_a_path, named_tenants
from reputation.config.tenants import TenantSettings, compile_tenant
from reputation.engine.entries import Reasoned
from reputation.tuning.revisions import check_floor, settings_of
from reputation.wire.errors import Conflict, Invalid, SettingError
from reputation.wire.messages import Text

KIND, EVERYBODY = "tenant", ""
"""The kind of record that such a tenant is kept as, in the name of no tenant."""
MOST = 1000
"""Tenants that the API may make; each has memory of its own."""


class TenantBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/tenants. settings: sparse overrides of its preset, as in a revision."""

    name: Text
    reason: Reasoned
    unit: Literal["requests", "tokens"] = "requests"
    settings: Annotated[dict[str, Any], Meta(max_length=100)] = {}


class MadeTenant(Struct, frozen=True):
    """A tenant as it is kept. by: the token's name; at: seconds since 1970."""

    name: str
    unit: Literal["requests", "tokens"]
    settings: dict[str, Any]
    by: str
    at: float
    reason: str


def made_of(body: TenantBody, by: str, now: float, file: Settings, made: list[MadeTenant]) -> MadeTenant:
    """Check a body and make the tenant of it. Raises Invalid, and Conflict if there is one with this name."""
    if not can_stand_in_a_path(body.name):
        raise Invalid("use letters, digits, - . _ ~ in the name, because it stands in the paths of gateways", "/name")
    if body.name in named_tenants(file) or any(one.name == body.name for one in made):
        raise Conflict(f"there is a tenant {body.name!r}; its settings are changed by revisions", "/name")
    if len(made) >= MOST:
        raise Conflict(f"the API makes at most {MOST:,} tenants; delete some", "/name")
    found = MadeTenant(body.name, body.unit, body.settings, by, now, body.reason)
    try:
        check_floor(compile_tenant(found.name, overridden(found)))
    except SettingError as error:
        raise Invalid(str(error).partition(": ")[2], "/".join(["/settings", *map(str, error.path[2:])])) from None
    return found


def overridden(made: MadeTenant) -> TenantSettings:
    """Return the settings that such a tenant begins with. Raises Invalid."""
    return settings_of(made.settings, TenantSettings(owner="api", unit=made.unit))


def with_made(file: Settings, made: Iterable[MadeTenant], warn: Callable[[str, str], None]) -> Settings:
    """Return a file's settings with the tenants that the API made; `warn` hears of one that can no longer be read."""
    tenants = dict(named_tenants(file))
    for one in made:
        if one.name in tenants:
            continue
        try:
            settings = overridden(one)
            compile_tenant(one.name, settings, stored=True)
        except (Invalid, SettingError) as error:
            warn(one.name, str(error))
            continue
        tenants[one.name] = settings
    return file if tenants == named_tenants(file) else structs.replace(file, tenants=tenants)
