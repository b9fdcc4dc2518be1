"""`headcount config`: validate or show a configuration, or print its schema."""

import json
from pathlib import Path

import click
import msgspec
import yaml

from reputation.commands.options import ends_well, json_option
from reputation.config import compile_tenants, schema
from reputation.sidecar import read_settings
from reputation.tenants import in_force

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def config() -> None:
    """Validate or show the configuration, or print its schema."""


@config.command()
@click.argument("file", type=FILE)
@ends_well
def validate(file: Path) -> None:
    """Read FILE strictly; the first fault is named with its line."""
    names = sorted(compile_tenants(read_settings(file)))
    click.echo(f"{file}: well; tenants: {', '.join(names)}")


@config.command()
@click.argument("file", type=FILE, required=False)
@json_option
@ends_well
def show(file: Path | None, *, as_json: bool) -> None:
    """Show every setting of FILE as it is in force, presets laid out."""
    settings = read_settings(file)
    found = msgspec.to_builtins(settings)
    found["tenants"] = {
        name: msgspec.to_builtins(in_force(tenant)) for name, tenant in compile_tenants(settings).items()
    }
    click.echo(json.dumps(found, indent=2) if as_json else yaml.safe_dump(found, sort_keys=False))


@config.command("schema")
def schema_() -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    click.echo(json.dumps(schema(), indent=2))
