"""The configuration file: settings as data, read strictly. An error names the line and the nearest known key."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from reputation.config.faults import first_fault
from reputation.config.secrets import SecretPlace
from reputation.config.sign_in import Role, SignInSettings, check_sign_in
from reputation.config.tenants import Tenant, TenantSettings, compile_tenant
from reputation.config.yaml_lines import Lines, parse
from reputation.scoring.risk import TIERS
from reputation.wire.errors import ConfigError, SettingError
from reputation.wire.messages import Text

Event = Literal[
    "cluster.found", "cluster.grown", "cluster.status", "newcomers.surge", "trial.stopped", "state.away", "state.back"
]
"""What may be notified."""
Fraction = Annotated[float, Meta(ge=0, le=1)]


class TokenSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A bearer token of the admin API, stored as its SHA-256."""

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256 of the token, in hex.")]
    name: Annotated[Text, Meta(description="Name of the token's holder, shown in error messages.")]
    role: Role = "reader"
    tenants: Annotated[tuple[Text, ...], Meta(description="Tenants that the token may access; empty: all.")] = ()


class GeoipSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Databases of IP addresses."""

    databases: Annotated[
        tuple[str, ...], Meta(description="Paths of MMDB files; the first file with a value for a fact supplies it.")
    ] = ()
    embedded: Annotated[bool, Meta(description="Also use the embedded database, after these files.")] = True


class LogSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Logging, on standard error."""

    format: Annotated[
        Literal["json", "console"], Meta(description="`json`: one JSON object a line; `console`: text for people.")
    ] = "json"
    decisions: Annotated[Fraction, Meta(description="Share of allowed verdicts to log.")] = 0.0
    stops: Annotated[Fraction, Meta(description="Share of all other verdicts to log.")] = 1.0
    per_second: Annotated[
        int, Meta(ge=1, le=100_000, description="Maximum lines a second; lines above it are dropped and counted.")
    ] = 400
    plain_identifiers: Annotated[
        bool, Meta(description="Log account ids and addresses in plain text instead of as keyed hashes.")
    ] = False


class HttpSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of the check listener, and who may use it; times in seconds."""

    secrets: Annotated[
        tuple[SecretPlace, ...],
        Meta(
            max_length=2,
            description="Places of the secrets of which each gateway must send one, in `X-Headcount-Secret`: `@` and a "
            "file, or `$` and an environment variable. Two during a rotation; none: every caller is answered.",
        ),
    ] = ()
    connections: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Maximum open connections; further connections are refused.")
    ] = 8192
    buffered: Annotated[
        int,
        Meta(
            ge=8_388_608,
            description="Maximum bytes of all requests that have not arrived whole; above it the oldest get 503.",
        ),
    ] = 67_108_864
    peer_connections: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None,
        Meta(description="Maximum open connections of one address; none: three quarters of `connections`."),
    ] = None
    header_timeout: Annotated[float, Meta(gt=0, description="Maximum wait for the head of a request.")] = 10.0
    body_timeout: Annotated[float, Meta(gt=0, description="Maximum wait for the body of a request.")] = 30.0
    idle_timeout: Annotated[float, Meta(gt=0, description="Maximum wait between two requests on a connection.")] = 300.0
    drain: Annotated[float, Meta(ge=0, description="Maximum wait for open requests after SIGTERM.")] = 10.0


class ExplainSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Storage of stops (verdicts against a request), to explain them and to decide appeals."""

    keep: Annotated[float, Meta(ge=3600, le=31_622_400, description="Seconds after which a stop is deleted.")] = (
        604_800.0
    )
    stops: Annotated[
        int, Meta(ge=0, le=10_000_000, description="Maximum stops of one tenant; at most 100 for one account.")
    ] = 100_000


class MemorySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of memory: of the two processes in bytes, and of each tenant in accounts."""

    sidecar: Annotated[
        int,
        Meta(
            ge=536_870_912,
            description="Bytes of the sidecar's process. Near it, accounts without a place share rows by network.",
        ),
    ] = 2_147_483_648
    linker: Annotated[
        int,
        Meta(
            ge=268_435_456,
            description="Bytes of the linker's process. Near it, the linker takes in nothing new; from half of it on, "
            "nothing of unconfirmed accounts.",
        ),
    ] = 2_147_483_648
    accounts: Annotated[
        int,
        Meta(
            ge=1000,
            le=100_000_000,
            description="Maximum accounts learnt from traffic; pushed accounts are not counted.",
        ),
    ] = 2_000_000
    strangers: Annotated[
        int, Meta(ge=100, le=10_000_000, description="Maximum unconfirmed accounts, such as made-up keys.")
    ] = 65_536


class WebhookSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Signing secrets of webhooks: this file says where each secret is, and never contains the secret itself."""

    stripe: Annotated[
        dict[Text, SecretPlace],
        Meta(
            description="By tenant, the place of the endpoint's signing secret: "
            "`@` and a file, or `$` and an environment variable."
        ),
    ] = {}


class RecordingSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Recording of decisions for each tenant. A replay scores a draft on the recorded decisions."""

    payers: Annotated[
        Fraction,
        Meta(
            description="Share of paying accounts and of accounts with an outcome to record; "
            "every decision of a recorded account is recorded."
        ),
    ] = 1.0
    others: Annotated[Fraction, Meta(description="Share of all other accounts to record.")] = 0.1
    per_second: Annotated[
        int,
        Meta(ge=0, le=100_000, description="Maximum decisions a second; decisions above it are dropped and counted."),
    ] = 500
    most: Annotated[
        int, Meta(ge=0, le=100_000_000, description="Maximum decisions to keep; the oldest are deleted first.")
    ] = 1_000_000
    days: Annotated[float, Meta(gt=0, le=3650, description="Days after which a decision is deleted.")] = 30.0


class StateSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Access to shared state; these settings do not apply to embedded state."""

    timeout: Annotated[
        float,
        Meta(
            gt=0,
            le=5,
            description="Maximum seconds that a check waits for shared state; then the state counts as unavailable.",
        ),
    ] = 0.05
    epoch: Annotated[
        float,
        Meta(ge=0.1, le=3600, description="Minimum seconds between two epochs of the linker that replicas share."),
    ] = 20.0


class NotifySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """An HTTP endpoint that gets a POST for each event."""

    url: Annotated[
        str,
        Meta(
            pattern="^(https?://[^ ]+|[@$].+)$",
            description="URL of the endpoint; if it is a secret, its place: `@` and a file, or `$` and an environment "
            "variable.",
        ),
    ]
    secret: Annotated[
        SecretPlace | None,
        Meta(
            description="Place of the secret that signs each notice: `@` and a file, or `$` and an environment "
            "variable; none: notices are not signed."
        ),
    ] = None
    format: Annotated[
        Literal["json", "slack"],
        Meta(description="`json`: the whole event; `slack`: a text, as Slack's incoming webhooks take it."),
    ] = "json"
    events: Annotated[tuple[Event, ...], Meta(description="Events to send; empty: all.")] = ()


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. Every setting is optional. Without a file there is one tenant, `default`, preset `balanced`."""

    tenants: Annotated[dict[Text, TenantSettings], Meta(description="Tenants by name.")] = {}
    tokens: Annotated[
        tuple[TokenSettings, ...],
        Meta(description="Bearer tokens of the admin API; without them and `sign_in` it answers only this machine."),
    ] = ()
    gateways: Annotated[
        dict[Text, Text],
        Meta(description="Your own gateway adapters: the name in the route, and the dotted name of the module."),
    ] = {}
    geoip: Annotated[GeoipSettings, Meta(description="Databases of IP addresses.")] = GeoipSettings()
    log: Annotated[LogSettings, Meta(description="Logging.")] = LogSettings()
    http: Annotated[HttpSettings, Meta(description="Limits of the check listener, and its secrets.")] = HttpSettings()
    memory: Annotated[MemorySettings, Meta(description="Limits of memory.")] = MemorySettings()
    explain: Annotated[ExplainSettings, Meta(description="Storage of stops.")] = ExplainSettings()
    state: Annotated[StateSettings, Meta(description="Access to shared state.")] = StateSettings()
    recording: Annotated[RecordingSettings, Meta(description="Recording of decisions, for replays.")] = (
        RecordingSettings()
    )
    webhooks: Annotated[WebhookSettings, Meta(description="Webhooks that `--webhooks` serves.")] = WebhookSettings()
    notify: Annotated[tuple[NotifySettings, ...], Meta(description="Endpoints to notify of events.")] = ()
    sign_in: Annotated[SignInSettings, Meta(description="Signing in to the console.")] = SignInSettings()

    @property
    def guarded(self) -> bool:
        """Whether callers of the admin listener must say who they are; otherwise it answers this machine alone."""
        return bool(self.tokens) or self.sign_in.names_people


DEFAULT = Settings()
_IN_A_PATH = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9!$&'()*+,;=:@_~.-]+")
"""A segment of a path that needs no encoding (RFC 3986, 3.3)."""


Check = Callable[[Settings], object]
"""Raises SettingError for a setting that cannot work, such as one that the gateways' adapters do not know."""


def load(path: Path | None, check: Check | None = None) -> Settings:
    """Read a configuration file. Raises ConfigError with the file, the line, the key and the fix."""
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
        _check_tokens(settings.tokens)
        check_sign_in(settings.sign_in)
        compile_tenants(settings)
        if check is not None:
            check(settings)
    except SettingError as error:
        raise ConfigError(f"{name}, line {lines.line(error.path)}: {error}") from None
    return settings


def can_stand_in_a_path(name: str) -> bool:
    """Say whether a tenant or gateway of this name can be reached by a path such as /gateway/nginx/NAME."""
    return _IN_A_PATH.fullmatch(name) is not None


def _check_names(settings: Settings) -> None:
    """Raise SettingError for a name impossible in any request."""
    for kind in ("tenants", "gateways"):
        for name in getattr(settings, kind):
            if not can_stand_in_a_path(name):
                raise SettingError(
                    (kind, name),
                    f"{name!r} cannot stand in a path such as /gateway/nginx/{kind[:-1].upper()}, so nothing would "
                    "reach it; use letters, digits, - . _ ~",
                )


def _check_tokens(tokens: Sequence[TokenSettings]) -> None:
    """Raise SettingError for a token that is there twice, because only one role and list of tenants can count."""
    seen: set[str] = set()
    for place, token in enumerate(tokens):
        if token.sha256 in seen:
            raise SettingError(("tokens", str(place), "sha256"), "an entry above has the same token; give each its own")
        seen.add(token.sha256)


def _located(data: Any, lines: Lines, name: str, error: msgspec.ValidationError) -> ConfigError:
    fault = first_fault(data, Settings)
    if fault is None:
        return ConfigError(f"{name}: {error}")
    key = ".".join(str(part) for part in fault.path) or "the file"
    return ConfigError(f"{name}, line {lines.line(fault.path)}: {key}: {fault.message}")


def compile_tenants(settings: Settings) -> dict[str, Tenant]:
    """Compile every tenant; without any, compile one tenant, `default`. Raises SettingError."""
    return {name: compile_tenant(name, tenant) for name, tenant in named_tenants(settings).items()}


def named_tenants(settings: Settings) -> dict[str, TenantSettings]:
    """Return every tenant's settings by name; without any, those of `default`, owned by the API and not by a file."""
    return settings.tenants or {"default": TenantSettings(owner="api")}


def schema() -> dict[str, Any]:
    """Return the file's JSON Schema, for editors."""
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Settings)}
    tenant = found["$defs"]["TenantSettings"]["properties"]
    tenant["tiers"]["propertyNames"] = {"enum": list(TIERS)}  # msgspec leaves out what keys may be
    return found
