"""`headcount config`: validate or show a configuration, or print its schema."""

import json
from collections.abc import Mapping
from pathlib import Path

import click
import msgspec
import yaml

from reputation.commands.options import FAILED, config_option, ends_well, json_option, say
from reputation.config import compile_tenants, schema
from reputation.errors import ConfigError
from reputation.sidecar import read_settings
from reputation.stores.sqlite_care import plans_in
from reputation.stores.unknown_plans import MOST_NAMED
from reputation.tenants import Tenant, in_force

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def config() -> None:
    """Validate or show the configuration, or print its schema."""


@config.command()
@click.argument("file", type=FILE, required=False)
@config_option
@click.option("--state", type=FILE, help="A state file: plans of its accounts that FILE does not know are named.")
@json_option
@click.pass_context
def validate(
    context: click.Context, file: Path | None, config: Path | None, state: Path | None, *, as_json: bool
) -> None:
    """Read FILE, or the one of --config, strictly; the first fault is named with its line, and is exit code 1.

    With --state the plans of accounts are named that FILE does not know: they have the limits of a plan that is not
    told.
    """
    path = file or config
    if path is None:
        raise click.UsageError("name a file, or set HEADCOUNT_CONFIG")
    try:
        tenants = compile_tenants(read_settings(path))
        unknown = {} if state is None else _unknown_plans(tenants, state)
    except ConfigError as error:
        if not as_json:
            raise click.ClickException(str(error)) from None
        click.echo(json.dumps({"file": str(path), "valid": False, "error": str(error)}, indent=2))
        context.exit(FAILED)
    found = {"file": str(path), "valid": True, "tenants": sorted(tenants), "unknown_plans": unknown}
    lines = [f"{path}: well; tenants: {', '.join(sorted(tenants))}"]
    lines += [
        f"tenant {tenant}: no setting knows plan {plan!r} of {count:,} accounts; name it in plans, as {{like: paid}}"
        for tenant, plans in unknown.items()
        for plan, count in plans.items()
    ]
    say(found, "\n".join(lines), as_json=as_json)


def _unknown_plans(tenants: Mapping[str, Tenant], state: Path) -> dict[str, dict[str, int]]:
    """Count accounts by tenant and plan, the most first, of plans that the tenant's settings do not know."""
    found = {
        name: {plan: n for plan, n in plans.most_common() if plan not in tenants[name].policy.limits}
        for name, plans in plans_in(state).items()
        if name in tenants
    }
    return {name: dict([*plans.items()][:MOST_NAMED]) for name, plans in found.items() if plans}


@config.command()
@click.argument("file", type=FILE, required=False)
@config_option
@json_option
@ends_well
def show(file: Path | None, config: Path | None, *, as_json: bool) -> None:
    """Show every setting of FILE, or of --config, presets laid out: in force for each tenant that the file owns."""
    settings = read_settings(file or config)
    found = msgspec.to_builtins(settings)
    found["tenants"] = {
        name: msgspec.to_builtins(in_force(tenant)) for name, tenant in compile_tenants(settings).items()
    }
    tuned = [name for name, tenant in settings.tenants.items() if tenant.owner == "api"]
    if tuned:
        words = "where the API tunes a tenant this is what it begins with; headcount weights show says what is in force"
        click.echo(f"{', '.join(tuned)}: {words}", err=True)
    click.echo(json.dumps(found, indent=2) if as_json else yaml.safe_dump(found, sort_keys=False))


@config.command("schema")
@json_option
def schema_(*, as_json: bool) -> None:  # noqa: ARG001 - it is JSON anyway
    """Print the JSON Schema of the configuration file, for editors."""
    click.echo(json.dumps(schema(), indent=2))
