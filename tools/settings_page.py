"""Generates docs/settings.md from the configuration types: `python -m tools.settings_page > docs/settings.md`.

Each setting is a row with its type, bounds, default and description. The page also lists every preset and the options
of `headcount serve`. A setting without a description is an error.
"""

import inspect as source
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import click
import msgspec
from msgspec import Struct, inspect

from reputation.commands.cli import Commands
from reputation.config.file import Settings
from reputation.config.presets import ORDINARY, PRESETS, Unit
from reputation.config.tenants import TenantSettings, compile_tenant, in_force
from reputation.scoring.risk import TIERS
from reputation.scoring.tiers import Allowance

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

INTRO = """\
# Settings

`python -m tools.settings_page` generates this page from the code. Edit the descriptions in the code.

The configuration is one YAML file, given with `--config` or `HEADCOUNT_CONFIG`. Every setting is optional. Without a
file there is one tenant, `default`, with the preset `balanced`. If `tenants` names at least one tenant, only the named
tenants exist. The file is read strictly: an unknown key is an error. The error names the line and the nearest known
key.

```yaml
{example}```

`headcount config validate FILE` reads a file as the sidecar does. `headcount config show FILE` prints every effective
setting, with all values of the preset. `headcount config schema` prints a JSON Schema for editors. After a change, send
SIGHUP to the sidecar. It keeps its state. If the new file has an error, the sidecar logs the error and keeps the old
settings. `log`, `http` and `memory` are read only at start; the secrets of `http.secrets` are read again.
"""

PRESETS_INTRO = """\
## Presets
The values of a tenant without overrides. `prior` is in log-odds. A tier begins at the risk below its name.
"""

OPTIONS = """\
## Options of `headcount serve`
The variable `HEADCOUNT_HASH_KEY` has no option. Its value has at least 16 characters and at most 64 bytes, or is `@`
and the path of a file with the value. Spaces and line ends around the value are ignored. API keys are stored as hashes
with this key. Without the variable, the sidecar generates a hash key once and stores it in the state, where `headcount
hash` finds it. The state contains a check value of the hash key. If a sidecar starts on this state with another hash
key, it stops with an error, because no stored key would match any more.

"""


class Undescribed(Exception):
    """A setting has no description; the message names it."""


class Section(NamedTuple):
    """A struct of settings: its places in the file, its docstring, and a row for each setting."""

    places: list[str]
    about: str
    rows: list[tuple[str, str, str, str]]


def sections() -> list[Section]:
    """Return a section for each struct of settings, in the order of the file. Raises Undescribed."""
    found: dict[type, Section] = {}
    for place, kind in _structs(inspect.type_info(Settings), ""):
        known = found.setdefault(kind, Section([], source.getdoc(kind) or "", []))
        if not known.places:
            known.rows.extend(_row(field, place) for field in _fields(kind))
        known.places.append(place)
    return list(found.values())


def _fields(kind: type) -> tuple[inspect.Field, ...]:
    return cast("inspect.StructType", inspect.type_info(kind)).fields


def _row(field: inspect.Field, place: str) -> tuple[str, str, str, str]:
    description = _description(field.type)
    if not description:
        raise Undescribed(f"{place}.{field.name}".lstrip("."))
    kind = _bare(field.type)
    words = _explained(kind, description, place) if isinstance(kind, inspect.LiteralType) else _words(kind)
    return f"`{field.name}`", words, _default(field), description


def _explained(info: inspect.LiteralType, description: str, place: str) -> str:
    """The words of a setting in the order of its description, each with its own sentence."""
    if set(info.values) == set(TIERS):
        return _literal(info)
    words = [str(word) for word in info.values]
    for word in words:
        if f"`{word}`: " not in description:
            raise Undescribed(f"{place}: what `{word}` means")
    return ", ".join(f"`{word}`" for word in sorted(words, key=lambda word: description.index(f"`{word}`: ")))


def _description(info: inspect.Type) -> str:
    """Return a setting's description from its annotation, also for an optional setting."""
    if isinstance(info, inspect.UnionType):
        return next((text for part in info.types if (text := _description(part))), "")
    extra = info.extra_json_schema if isinstance(info, inspect.Metadata) else None
    return str((extra or {}).get("description", ""))


def _bare(info: inspect.Type) -> inspect.Type:
    """Remove the description, and the None of an optional setting."""
    if isinstance(info, inspect.Metadata):
        return _bare(info.type)
    if isinstance(info, inspect.UnionType):
        return _bare(next(part for part in info.types if not isinstance(part, inspect.NoneType)))
    return info


def _structs(info: inspect.Type, place: str) -> Iterator[tuple[str, type]]:
    """Yield every struct at a place and below it, each with its place as written in the file."""
    info = _bare(info)
    if isinstance(info, inspect.DictType):
        yield from _structs(info.value_type, f"{place}.{_placeholder(place, _bare(info.key_type))}")
    elif isinstance(info, inspect.VarTupleType):
        yield from _structs(info.item_type, f"{place}[]")
    elif isinstance(info, inspect.StructType):
        yield place, info.cls
        for field in info.fields:
            yield from _structs(field.type, f"{place}.{field.name}".lstrip("."))


def _placeholder(place: str, key: inspect.Type) -> str:
    return "TIER" if isinstance(key, inspect.LiteralType) else place.rpartition(".")[2].removesuffix("s").upper()


def _words(info: inspect.Type) -> str:
    """Describe a type and its bounds in a few words."""
    info = _bare(info)
    words = _WORDS[type(info)]
    return words if isinstance(words, str) else words(info)


def _literal(info: inspect.LiteralType) -> str:
    if set(info.values) == set(TIERS):
        return "a tier"
    return ", ".join(f"`{word}`" for word in info.values)


def _bounded(noun: str) -> Callable[[Any], str]:
    def words(info: Any) -> str:
        signs = (("≥", info.ge), (">", info.gt), ("≤", info.le), ("<", info.lt))
        return ", ".join([noun, *(f"{sign} {_number(bound)}" for sign, bound in signs if bound is not None)])

    return words


_WORDS: Mapping[type[inspect.Type], str | Callable[[Any], str]] = {
    inspect.BoolType: "true or false",
    inspect.StructType: "see below",
    inspect.IntType: _bounded("whole number"),
    inspect.FloatType: _bounded("number"),
    inspect.StrType: lambda info: f"text matching `{info.pattern}`" if info.pattern else "text",
    inspect.LiteralType: _literal,
    inspect.VarTupleType: lambda info: f"list: {_words(info.item_type)}",
    inspect.DictType: lambda info: f"map: {_words(info.key_type)} → {_words(info.value_type)}",
}


def _number(value: float) -> str:
    return f"{value:,.10g}"


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if isinstance(value, bool | str):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return _number(value)
    return "see below" if isinstance(value, Struct) else "none"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _section(section: Section) -> str:
    title = ", ".join(f"`{place}`" for place in section.places if place) or "The whole file"
    return f"## {title}\n{section.about}\n\n{table(('setting', 'is', 'default', 'means'), section.rows)}"


def _presets() -> Iterator[str]:
    forced = _forced("requests")
    yield PRESETS_INTRO
    yield table(("preset", "`prior`", *TIERS), [_risks(name, settings) for name, settings in forced.items()])
    yield "The same in all presets:\n"
    settings = forced["balanced"]
    yield table(
        ("tier", "`decision`", "`actions`"),
        [(tier, f"`{rule.decision}`", ", ".join(rule.actions) or "none") for tier, rule in settings.tiers.items()],
    )
    families = settings.caps.items()
    yield table(
        ("family", "`weights`", "`caps`"), [(name, _number(settings.weights[name]), _number(c)) for name, c in families]
    )
    for unit, cost in ORDINARY.items():
        yield from _amounts(unit, cost)


def _forced(unit: Unit) -> dict[str, TenantSettings]:
    return {name: in_force(compile_tenant("default", TenantSettings(preset=name, unit=unit))) for name in PRESETS}


def _amounts(unit: Unit, cost: float) -> Iterator[str]:
    """Yield the amounts of presets in a unit."""
    forced = _forced(unit)
    yield f"With `unit: {unit}` `request_cost` is {_number(cost)}, and the limits are:\n"
    yield table(("preset", "plan", "tier", *_PARTS.values()), [row for name in forced for row in _limits(name, forced)])
    yield "The limit that all unconfirmed accounts of one address share:\n"
    shared = [(name, *_allowance(settings.unconfirmed)) for name, settings in forced.items()]
    yield table(("preset", *_PARTS.values()), shared)


_PARTS = {"rate": "a second", "burst": "at once", "daily": "a day"}


def _risks(name: str, settings: TenantSettings) -> list[str]:
    return [name, _number(settings.prior or 0.0), *(_number(settings.tiers[tier].from_risk) for tier in TIERS)]


def _limits(name: Any, forced: Mapping[Any, TenantSettings]) -> Iterator[Sequence[str]]:
    for plan, rows in forced[name].plans.items():
        for tier in TIERS:
            yield name, plan, tier, *_allowance(getattr(rows, tier))


def _allowance(allowance: Allowance | None) -> list[str]:
    return [_number(getattr(allowance, part)) for part in _PARTS]


def _options() -> str:
    commands = Commands("headcount")
    serve = cast("click.Command", commands.get_command(click.Context(commands), "serve"))
    options = [parameter for parameter in serve.params if isinstance(parameter, click.Option)]
    rows = [(f"`{o.opts[0]}`", _variable(o), _option_default(o), o.help or "") for o in options]
    return OPTIONS + table(("option", "environment", "default", "means"), rows)


def _variable(option: click.Option) -> str:
    return "`HEADCOUNT_" + option.opts[0].removeprefix("--").replace("-", "_").upper() + "`"


def _option_default(option: click.Option) -> str:
    return f"`{option.default}`" if isinstance(option.default, str) else "none"


def render() -> str:
    """Return the whole page. Raises Undescribed for a setting without a description."""
    return "\n".join([INTRO.format(example=EXAMPLE), *map(_section, sections()), *_presets(), _options()])


if __name__ == "__main__":
    sys.stdout.write(render())
