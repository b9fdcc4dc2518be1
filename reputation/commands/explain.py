"""`headcount explain`: a past verdict in one sentence, with its request, its limits and its reasons."""

import json
from typing import Any

import click

from geoip.plain import plain
from reputation.commands.admin_api import call, part
from reputation.commands.check import show
from reputation.commands.options import admin_option, json_option, second, token_option


@click.command()
@click.argument("verdict")
@click.option("--tenant", default="default", show_default=True)
@admin_option
@token_option
@json_option
def explain(verdict: str, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """Say why VERDICT was what it was; VERDICT is the id of a recent verdict or of a stored stop.

    The binding limit is marked. The last lines name the signals without which the tier would be milder.
    """
    found = call(admin, token, "GET", f"/v1/decisions/{part(verdict)}?tenant={part(tenant)}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    show_past(found)


def show_past(found: dict[str, Any]) -> None:
    """Print a past verdict for people."""
    show(found["verdict"], found["sentence"], found["binding"], request_line(found))
    for milder in found["milder_without"]:
        click.echo(f"without {plain(milder['signal'])} the log-odds were {milder['log_odds']:+.2f}: a milder tier")


def request_line(found: dict[str, Any]) -> str:
    """Say which request it was: account, address, time and route."""
    request = found["request"]
    parts = (
        ("account", request["account"]),
        ("address", request["ip"]),
        ("at", f"{second(found['at'])} UTC"),
        ("route", request["route"]),
        ("cost", f"{request['cost']:g}"),
    )
    return ", ".join(f"{name} {plain(value)}" for name, value in parts if value is not None)
