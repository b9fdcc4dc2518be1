"""The configuration file: settings as data, read strictly, with the line and the nearest known key in errors."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from reputation.config_faults import first_fault
from reputation.errors import ConfigError, SettingError
from reputation.events import Text
from reputation.policy import TIERS
from reputation.tenants import Tenant, TenantSettings, compile_tenant
from reputation.yaml_lines import Lines, parse

Fraction = Annotated[float, Meta(ge=0, le=1)]


class TokenSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A bearer token of the admin API, kept as its SHA-256."""

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256 of the token, in hex.")]
    name: Annotated[Text, Meta(description="Who holds it; refusals name it.")]
    role: Annotated[
        Literal["reader", "operator", "admin"],
        Meta(description="It may: `reader`: read; `operator`: facts, outcomes and clusters too; `admin`: everything."),
    ] = "reader"
    tenants: Annotated[tuple[Text, ...], Meta(description="Tenants it may see; none named: all.")] = ()


class GeoipSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of addresses."""

    databases: Annotated[
        tuple[str, ...], Meta(description="Paths of MMDB files; of several that know a fact the first wins.")
    ] = ()
    embedded: Annotated[bool, Meta(description="Use the embedded database behind them.")] = True


class LogSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged, on standard error."""

    format: Annotated[
        Literal["json", "console"], Meta(description="`json`: one object a line; `console`: for people.")
    ] = "json"
    decisions: Annotated[Fraction, Meta(description="Share of allowed verdicts that are logged.")] = 0.0
    stops: Annotated[Fraction, Meta(description="Share of all other verdicts that are logged.")] = 1.0
    per_second: Annotated[
        int, Meta(ge=1, le=100_000, description="Lines a second at most; what is above that is counted and dropped.")
    ] = 400
    plain_identifiers: Annotated[
        bool, Meta(description="Log account ids and addresses as they are, not as keyed hashes.")
    ] = False


class HttpSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of the check listener; times in seconds."""

    connections: Annotated[int, Meta(ge=1, le=1_000_000, description="Open connections at most; more are refused.")] = (
        8192
    )
    header_timeout: Annotated[float, Meta(gt=0, description="Longest wait for a request's head.")] = 10.0
    body_timeout: Annotated[float, Meta(gt=0, description="Longest wait for a request's body.")] = 30.0
    idle_timeout: Annotated[float, Meta(gt=0, description="Longest wait between two requests of a connection.")] = 300.0
    drain: Annotated[float, Meta(ge=0, description="Longest wait for open requests after SIGTERM.")] = 10.0


class ExplainSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of verdicts that stopped somebody, so that they can be explained and appealed."""

    keep: Annotated[float, Meta(ge=3600, le=31_622_400, description="Seconds for which stops are kept.")] = 604_800.0
    stops: Annotated[
        int, Meta(ge=0, le=10_000_000, description="Stops of one tenant that are kept; 100 an account at most.")
    ] = 100_000


class MemorySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of what is kept, for each tenant."""

    accounts: Annotated[
        int, Meta(ge=1000, le=100_000_000, description="Accounts met in traffic; pushed ones come on top.")
    ] = 2_000_000
    strangers: Annotated[
        int, Meta(ge=100, le=10_000_000, description="Unconfirmed accounts, such as made-up keys.")
    ] = 65_536


class WebhookSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the webhook listener finds what it checks signatures by; no secret stands in this file."""

    stripe: Annotated[
        dict[Text, Annotated[str, Meta(pattern="^[@$].+")]],
        Meta(description="A tenant's name, and where its endpoint's signing secret is: `@` a file, `$` a variable."),
    ] = {}


class RecordingSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is recorded of decisions, for each tenant, so that a draft can be replayed on them."""

    payers: Annotated[
        Fraction,
        Meta(description="Share recorded of paying accounts, and of those with an outcome; each is recorded whole."),
    ] = 1.0
    others: Annotated[Fraction, Meta(description="Share recorded of all other accounts.")] = 0.1
    per_second: Annotated[
        int,
        Meta(ge=0, le=100_000, description="Decisions a second at most; what is above that is counted and dropped."),
    ] = 500
    most: Annotated[int, Meta(ge=0, le=100_000_000, description="Decisions kept; the oldest make place.")] = 1_000_000
    days: Annotated[float, Meta(gt=0, le=3650, description="Longest time that a decision is kept.")] = 30.0


class StateSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How shared state is asked; embedded state has nothing to set."""

    timeout: Annotated[
        float, Meta(gt=0, le=5, description="Longest wait of a check for shared state, in seconds; then it is away.")
    ] = 0.05
    epoch: Annotated[
        float,
        Meta(ge=0.1, le=3600, description="Seconds between two epochs of the linker that replicas share, at least."),
    ] = 20.0


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. Everything is optional: no file at all is one tenant, `default`, preset `balanced`."""

    tenants: Annotated[dict[Text, TenantSettings], Meta(description="Tenants by name.")] = {}
    tokens: Annotated[
        tuple[TokenSettings, ...],
        Meta(description="Bearer tokens of the admin API; without any it answers this machine alone."),
    ] = ()
    gateways: Annotated[
        dict[Text, Text],
        Meta(description="Adapters of your own: a name for the route, and the dotted name of the module."),
    ] = {}
    geoip: Annotated[GeoipSettings, Meta(description="What is known of addresses, and from which files.")] = (
        GeoipSettings()
    )
    log: Annotated[LogSettings, Meta(description="What is logged.")] = LogSettings()
    http: Annotated[HttpSettings, Meta(description="Bounds of the check listener.")] = HttpSettings()
    memory: Annotated[MemorySettings, Meta(description="Bounds of what is kept of accounts.")] = MemorySettings()
    explain: Annotated[ExplainSettings, Meta(description="What is kept of stops.")] = ExplainSettings()
    state: Annotated[StateSettings, Meta(description="How shared state is asked.")] = StateSettings()
    recording: Annotated[RecordingSettings, Meta(description="What is recorded of decisions, to replay drafts on.")] = (
        RecordingSettings()
    )
    webhooks: Annotated[WebhookSettings, Meta(description="What `--webhooks` serves.")] = WebhookSettings()


DEFAULT = Settings()
_IN_A_PATH = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9!$&'()*+,;=:@_~.-]+")
"""A segment of a path that nobody has to encode (RFC 3986, 3.3)."""


Check = Callable[[Settings], object]
"""Raises SettingError for a setting that cannot work, such as one that the gateways' adapters do not know."""


def load(path: Path | None, check: Check | None = None) -> Settings:
    """Read a configuration file. Raises ConfigError naming file, line, key and mend."""
    if path is None:
        return DEFAULT
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    return from_text(text, str(path), check)


def from_text(text: str, name: str = "configuration", check: Check | None = None) -> Settings:
    """Read a configuration's text; an empty one is the default."""
    data, lines = parse(text, name)
    if data is None:
        return DEFAULT
    try:
        settings = msgspec.convert(data, Settings)
    except msgspec.ValidationError as error:
        raise _located(data, lines, name, error) from None
    try:
        _check_names(settings)
        compile_tenants(settings)
        if check is not None:
            check(settings)
    except SettingError as error:
        raise ConfigError(f"{name}, line {lines.line(error.path)}: {error}") from None
    return settings


def _check_names(settings: Settings) -> None:
    """Raise SettingError for a name that no request could come for."""
    for kind in ("tenants", "gateways"):
        for name in getattr(settings, kind):
            if not _IN_A_PATH.fullmatch(name):
                raise SettingError(
                    (kind, name),
                    f"{name!r} cannot stand in a path such as /gateway/nginx/{kind[:-1].upper()}, so nothing would "
                    "reach it; use letters, digits, - . _ ~",
                )


def _located(data: Any, lines: Lines, name: str, error: msgspec.ValidationError) -> ConfigError:
    fault = first_fault(data, Settings)
    if fault is None:
        return ConfigError(f"{name}: {error}")
    key = ".".join(str(part) for part in fault.path) or "the file"
    return ConfigError(f"{name}, line {lines.line(fault.path)}: {key}: {fault.message}")


def compile_tenants(settings: Settings) -> dict[str, Tenant]:
    """Compile every tenant; without any there is one, `default`. Raises SettingError."""
    return {name: compile_tenant(name, tenant) for name, tenant in named_tenants(settings).items()}


def named_tenants(settings: Settings) -> dict[str, TenantSettings]:
    """Every tenant's settings by name; without any there is one, `default`, which no file owns."""
    return settings.tenants or {"default": TenantSettings(owner="api")}


def schema() -> dict[str, Any]:
    """Return the file's JSON Schema, for editors."""
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Settings)}
    tenant = found["$defs"]["TenantSettings"]["properties"]
    tenant["tiers"]["propertyNames"] = {"enum": list(TIERS)}  # msgspec leaves out what keys may be
    return found
