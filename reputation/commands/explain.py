"""`headcount explain`: the reasons of a past verdict."""

import json

import click

from geoip.plain import plain
from reputation.commands.admin_api import call, part
from reputation.commands.check import show
from reputation.commands.options import admin_option, json_option, token_option


@click.command()
@click.argument("verdict")
@click.option("--tenant", default="default", show_default=True)
@admin_option
@token_option
@json_option
def explain(verdict: str, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """Print the reasons of VERDICT, the id of a recent verdict, and the signals that make it stricter."""
    found = call(admin, token, "GET", f"/v1/decisions/{part(verdict)}?tenant={part(tenant)}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    show(found["verdict"])
    for milder in found["milder_without"]:
        click.echo(f"without {plain(milder['signal'])} the log-odds were {milder['log_odds']:+.2f}: a milder tier")
