"""`headcount tenants`: the tenants of a running sidecar."""

import json
from typing import Any

import click
from rich.table import Column, Table

from geoip.terminal import add_row, console
from reputation.commands.admin_api import call, path_of
from reputation.commands.options import admin_option, json_option, say, token_option


@click.group()
def tenants() -> None:
    """List the tenants of a running sidecar, or show one."""


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


def _trial(found: dict[str, Any]) -> str:
    if found["candidate"] is None:
        return "none"
    share = f" {found['percent']:g}%" if found["stage"] == "canary" else ""
    return f"{found['candidate']} ({found['stage']}{share})"
