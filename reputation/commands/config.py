"""`headcount config`: validate or show a configuration, or print its schema."""

import json
from collections.abc import Mapping
from pathlib import Path

import click
import msgspec
import yaml

from plugins.shipped import load
from reputation.commands.options import FAILED, config_option, ends_well, json_option, say
from reputation.config.file import compile_tenants, schema
from reputation.config.retired import ineffective, retired
from reputation.config.tenants import Tenant, in_force
from reputation.sidecar.build import read_settings
from reputation.state.unknown_plans import MOST_NAMED
from reputation.stores.sqlite.care import plans_in
from reputation.wire.errors import ConfigError

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def config() -> None:
    """Validate or show the configuration, or print its schema."""


@config.command()
@click.argument("file", type=FILE, required=False)
@config_option
@click.option("--state", type=FILE, help="A state file; list the plans of its accounts that FILE does not know.")
@json_option
@click.pass_context
def validate(
    context: click.Context, file: Path | None, config: Path | None, state: Path | None, *, as_json: bool
) -> None:
    """Read FILE, or the file of --config, strictly. The first fault is printed with its line; exit code 1.

    With --state, the command lists plans of accounts that FILE does not know. Accounts with these plans get the limits
    of accounts without a plan.
    """
    path = file or config
    if path is None:
        raise click.UsageError("give a file, or set HEADCOUNT_CONFIG")
    try:
        settings = read_settings(path)
        tenants = compile_tenants(settings)
        load(settings.gateways)
        unknown = {} if state is None else _unknown_plans(tenants, state)
    except ConfigError as error:
        if not as_json:
            raise click.ClickException(str(error)) from None
        click.echo(json.dumps({"file": str(path), "valid": False, "error": str(error)}, indent=2))
        context.exit(FAILED)
    warnings = [*retired({name: tenant.settings for name, tenant in tenants.items()})]
    warnings += [warning for tenant in tenants.values() for warning in ineffective(tenant)]
    found = {"file": str(path), "valid": True, "tenants": sorted(tenants), "warnings": warnings}
    if state is not None:
        found["unknown_plans"] = unknown
    lines = [f"{path}: OK; tenants: {', '.join(sorted(tenants))}", *warnings]
    lines += [
        f"tenant {tenant}: plan {plan!r} of {count:,} accounts is unknown; add it to plans, such as {{like: paid}}"
        for tenant, plans in unknown.items()
        for plan, count in plans.items()
    ]
    say(found, *lines, as_json=as_json)


def _unknown_plans(tenants: Mapping[str, Tenant], state: Path) -> dict[str, dict[str, int]]:
    """Count the accounts with unknown plans, by tenant and plan; the most frequent plan first."""
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
    """Print every effective setting of FILE, or of the file of --config, with all values of the presets.

    These settings are active for each tenant that the file owns.
    """
    settings = read_settings(file or config)
    found = msgspec.to_builtins(settings)
    found["tenants"] = {
        name: msgspec.to_builtins(in_force(tenant)) for name, tenant in compile_tenants(settings).items()
    }
    tuned = [name for name, tenant in settings.tenants.items() if tenant.owner == "api"]
    if tuned:
        words = "the API owns this tenant and starts from these settings; headcount weights show prints the active ones"
        click.echo(f"{', '.join(tuned)}: {words}", err=True)
    click.echo(json.dumps(found, indent=2) if as_json else yaml.safe_dump(found, sort_keys=False))


@config.command("schema")
@json_option
def schema_(*, as_json: bool) -> None:  # noqa: ARG001 - it is JSON anyway
    """Print the JSON Schema of the configuration file, for editors."""
    click.echo(json.dumps(schema(), indent=2))
