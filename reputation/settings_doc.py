"""docs/settings.md, drawn from the types of the configuration: `python -m reputation.settings_doc > docs/settings.md`.

Every setting is a row with its type, bounds, default and description, every preset is laid out, and so are the
options of `headcount serve`. A setting without a description is an error here, before it is one for a reader.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import click
import msgspec
from msgspec import inspect

from reputation.cli import Commands
from reputation.config import Settings
from reputation.policy import TIERS
from reputation.tenants import PRESETS, TenantSettings, compile_tenant, in_force

EXAMPLE = """\
tenants:
  acme:
    preset: balanced
    mode: shadow                                   # look first, enforce later
    weights: {asn: 0.5, proxy_network: 0}          # many customers of this tenant sit behind VPNs
    plans:
      free: {standard: {rate: 1, burst: 10, daily: 500}}
    tiers:
      restricted: {from_risk: 85, actions: [watermark, smaller_model]}
    gateway: {trusted_hops: 2}                     # a CDN in front of the gateway
geoip:
  databases: [/var/lib/headcount/GeoLite2-ASN.mmdb]
"""

_INTRO = """\
# Settings

This page is drawn from the code by `python -m reputation.settings_doc`; edit the descriptions there.

One YAML file, given with `--config` or `HEADCOUNT_CONFIG`. Everything in it is optional: no file at all means one
tenant, `default`, with the preset `balanced`. As soon as `tenants` names one, only the tenants named there exist.
The file is read strictly: an unknown key is an error that names its line and the nearest known key.

```yaml
{example}```

`headcount config validate FILE` reads a file as the sidecar would, `headcount config show FILE` prints every setting
in force with its preset laid out, and `headcount config schema` prints a JSON Schema for editors. After a change send
the sidecar SIGHUP: it keeps its state, and if the new file is wrong it keeps the old one and says so. `log`, `http`,
`memory` and `geoip.embedded` are read at start alone.
"""

_ENVIRONMENT = """\
## Options of `headcount serve`
Every option of every command can come from the environment. Beside them:
- `HEADCOUNT_HASH_KEY`: at least 16 characters, or `@` and the path of a file that holds them. API keys are stored as
  hashes with this key. Without it one is drawn at start, and hashes printed by `headcount hash` match nothing.
"""

NO_BOUND = (None, math.inf, -math.inf)


class Row(NamedTuple):
    """One setting as the page shows it."""

    name: str
    type: str
    default: str
    description: str


class Section(NamedTuple):
    """One struct of settings: where it stands in the file, what it says of itself, its settings."""

    path: str
    about: str
    rows: list[Row]


class Undescribed(Exception):
    """A setting has no description; the message names it."""


def sections(kind: type = Settings, path: str = "") -> Iterator[Section]:
    """Yield a section for a struct of settings and, after it, one for each struct below it."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - for the type checker: callers pass structs
    rows, below = [], []
    for field in info.fields:
        rows.append(_row(field, path))
        below += list(_structs(field.type, _join(path, field.encode_name)))
    yield Section(path, (kind.__doc__ or "").strip(), rows)
    for place, struct in below:
        yield from sections(struct, place)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _row(field: inspect.Field, path: str) -> Row:
    description = _description(field.type)
    if not description:
        raise Undescribed(_join(path, field.encode_name))
    return Row(field.encode_name, _words(field.type), _default(field), description)


def _description(info: inspect.Type) -> str:
    if isinstance(info, inspect.Metadata):
        return (info.extra_json_schema or {}).get("description", "")
    if isinstance(info, inspect.UnionType):
        return next((text for part in info.types if (text := _description(part))), "")
    return ""


def _structs(info: inspect.Type, path: str) -> Iterator[tuple[str, type]]:
    """Yield the structs that stand at a path or below it, with their paths as a reader would write them."""
    if isinstance(info, inspect.Metadata):
        yield from _structs(info.type, path)
    elif isinstance(info, inspect.UnionType):
        for part in info.types:
            yield from _structs(part, path)
    elif isinstance(info, inspect.DictType):
        yield from _structs(info.value_type, f"{path}.{_placeholder(path, info.key_type)}")
    elif isinstance(info, inspect.VarTupleType):
        yield from _structs(info.item_type, f"{path}[]")
    elif isinstance(info, inspect.StructType):
        yield path, info.cls


def _placeholder(path: str, key: inspect.Type) -> str:
    return "TIER" if isinstance(key, inspect.LiteralType) else path.rpartition(".")[2].removesuffix("s").upper()


def _words(info: inspect.Type) -> str:
    """Say a type and its bounds in a few words."""
    if isinstance(info, inspect.Metadata):
        return _words(info.type)
    if isinstance(info, inspect.UnionType):
        return _words(next(part for part in info.types if not isinstance(part, inspect.NoneType)))
    if isinstance(info, inspect.DictType):
        return f"map of {_words(info.key_type)} to {_words(info.value_type)}"
    if isinstance(info, inspect.VarTupleType):
        return f"list of {_words(info.item_type)}"
    if isinstance(info, inspect.LiteralType):
        return ", ".join(f"`{word}`" for word in _ordered(info.values))
    plain = _PLAIN[type(info)]
    bounds = _bounds(info)
    return f"{plain} {bounds}" if bounds else plain


_PLAIN: dict[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.IntType: "whole number",
    inspect.FloatType: "number",
    inspect.StrType: "text",
    inspect.StructType: "settings below",
}


def _ordered(values: Sequence[Any]) -> list[Any]:
    """Tiers in their order, other words by the alphabet."""
    return sorted(values, key=lambda word: (TIERS.index(word) if word in TIERS else -1, word))


def _bounds(info: inspect.Type) -> str:
    signs = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
    found = [(sign, getattr(info, name, None)) for name, sign in signs]
    words = [f"{sign} {_number(value)}" for sign, value in found if value not in NO_BOUND]
    pattern = getattr(info, "pattern", None)
    return ", ".join([*words, *([f"matching `{pattern}`"] if pattern else [])])


def _number(value: float) -> str:
    return f"{value:,.10g}"


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if isinstance(value, msgspec.Struct):
        return "as below"
    if value is None or value in ((), {}):
        return "none"
    return (
        f"`{value}`"
        if isinstance(value, str)
        else _number(value)
        if not isinstance(value, bool)
        else str(value).lower()
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _section(section: Section) -> str:
    title = f"`{section.path}`" if section.path else "The whole file"
    return f"## {title}\n{section.about}\n\n" + table(("setting", "is", "default", "means"), section.rows)


def _presets() -> str:
    forced = {name: in_force(compile_tenant("default", TenantSettings(preset=name))) for name in PRESETS}
    limits = [
        (name, plan, tier, *(_number(getattr(rows[tier], part)) for part in ("rate", "burst", "daily")))
        for name, settings in forced.items()
        for plan, rows in settings.plans.items()
        for tier in TIERS
    ]
    return (
        "## Presets\nWhat a tenant has that overrides nothing. `prior` is in log-odds; the risk at which each tier begins "
        "stands below its name.\n\n"
        + table(("preset", "`prior`", *TIERS), [_preset(name, settings) for name, settings in forced.items()])
        + "\n"
        + _alike(forced)
        + "\nLimits, in the tenant's unit:\n\n"
        + table(("preset", "plan", "tier", "a second", "burst", "a day"), limits)
        + "\nWhat all unconfirmed accounts of one address share:\n\n"
        + table(("preset", "a second", "burst", "a day"), [_unconfirmed(n, s) for n, s in forced.items()])
    )


def _preset(name: str, settings: TenantSettings) -> list[str]:
    return [name, _number(settings.prior or 0.0), *(_number(settings.tiers[tier].from_risk) for tier in TIERS)]


def _unconfirmed(name: str, settings: TenantSettings) -> list[str]:
    allowance = settings.unconfirmed
    assert allowance is not None  # noqa: S101 - in_force has filled it in
    return [name, _number(allowance.rate), _number(allowance.burst), _number(allowance.daily)]


def _alike(forced: dict[Any, TenantSettings]) -> str:
    """Tell what every preset has in common: decisions, actions, weights and caps."""
    settings = next(iter(forced.values()))
    tiers = [(t, f"`{r.decision}`", ", ".join(r.actions) or "none") for t, r in settings.tiers.items()]
    families = [(name, _number(settings.weights[name]), _number(cap)) for name, cap in settings.caps.items()]
    return (
        "Alike in all of them:\n\n"
        + table(("tier", "`decision`", "`actions`"), tiers)
        + "\n"
        + table(("family", "`weights`", "`caps`"), families)
    )


def _options() -> str:
    context = click.Context(Commands("headcount"))
    command = Commands("headcount").get_command(context, "serve")
    assert command is not None  # noqa: S101 - for the type checker: serve is in the table
    rows = [
        (
            f"`{option.opts[0]}`",
            f"`HEADCOUNT_{(option.name or '').upper()}`",
            _option_default(option),
            option.help or "",
        )
        for option in command.params
        if isinstance(option, click.Option)
    ]
    return _ENVIRONMENT + "\n" + table(("option", "environment", "default", "means"), rows)


def _option_default(option: click.Option) -> str:
    return f"`{option.default}`" if isinstance(option.default, str) else "none"


def render() -> str:
    """Return the whole page. Raises Undescribed for a setting without a description."""
    parts = [_INTRO.format(example=EXAMPLE), *map(_section, sections()), _presets(), _options()]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(render())
