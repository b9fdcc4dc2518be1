"""`headcount tenants`: the tenants of a running sidecar."""

import json
from pathlib import Path
from typing import Any

import click
from rich.table import Column, Table

from geoip.terminal import add_row, console
from reputation.commands.admin_api import call, part, path_of
from reputation.commands.options import admin_option, ask, ends_well, json_option, say, token_option
from reputation.config.yaml_lines import parse


@click.group()
def tenants() -> None:
    """List the tenants of a running sidecar, show one, or create and delete those that the API owns."""


@tenants.command("list")
@admin_option
@token_option
@json_option
def list_(admin: str, token: str | None, *, as_json: bool) -> None:
    """List the tenants that the token may see, by name."""
    found = call(admin, token, "GET", "/v1/tenants")["tenants"]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    table = Table(Column("tenant", no_wrap=True), "owner", "preset", "mode", "revision", "on trial")
    for one in found:
        add_row(table, one["name"], one["owner"], one["preset"], one["mode"], one["revision"], _trial(one))
    console().print(table)


@tenants.command()
@click.argument("tenant")
@admin_option
@token_option
@json_option
def show(tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """Show TENANT: its owner, mode and live revision, and the settings that differ from its preset."""
    found = call(admin, token, "GET", path_of(tenant))
    lines = [
        f"tenant {found['name']}: owner {found['owner']}, preset {found['preset']}, mode {found['mode']}",
        f"live revision {found['revision']}, newest revision {found['latest']}, on trial: {_trial(found)}",
        f"settings: {json.dumps(found['settings']) if found['settings'] else 'those of the preset'}",
    ]
    say(found, *lines, as_json=as_json)


@tenants.command()
@click.argument("tenant")
@click.option("--unit", type=click.Choice(["requests", "tokens"]), default="requests", show_default=True,
              help="Unit of costs and limits; it cannot be changed later.")  # fmt: skip
@click.option("--settings", "file", type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="YAML file of settings, as under a tenant's name in the configuration.")  # fmt: skip
@click.option("--reason", required=True, help="The reason, for the audit log.")
@admin_option
@token_option
@json_option
@ends_well
def create(tenant: str, admin: str, token: str | None, *, as_json: bool, **given: Any) -> None:
    """Create TENANT. It answers checks at once, on every replica within a second. headcount weights tunes it."""
    body = {"name": tenant, "unit": given["unit"], "reason": given["reason"]}
    if given["file"] is not None:
        body["settings"] = parse(given["file"].read_text(encoding="utf-8"), str(given["file"]))[0] or {}
    found = call(admin, token, "POST", "/v1/tenants", body)
    say(found, f"tenant {tenant}: created, preset {found['preset']}, mode {found['mode']}", as_json=as_json)


@tenants.command()
@click.argument("tenant")
@click.option("--reason", required=True, help="The reason, for the log.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@admin_option
@token_option
@json_option
def delete(tenant: str, reason: str, admin: str, token: str | None, *, yes: bool, as_json: bool) -> None:
    """Delete TENANT, which the API made. Its checks are answered with 404 then; what is stored of it stays.

    The command asks first; without a terminal it needs --yes.
    """
    if not yes:
        call(admin, token, "GET", path_of(tenant))  # an unknown tenant is an error before any question
        ask(f"Checks of tenant {tenant} will be answered with 404 after this")
    call(admin, token, "DELETE", f"{path_of(tenant)}?reason={part(reason)}")
    say({"tenant": tenant, "reason": reason}, f"tenant {tenant}: deleted", as_json=as_json)


def _trial(found: dict[str, Any]) -> str:
    if found["candidate"] is None:
        return "none"
    share = f" {found['percent']:g}%" if found["stage"] == "canary" else ""
    return f"{found['candidate']} ({found['stage']}{share})"
