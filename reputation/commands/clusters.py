"""`headcount clusters`: what is linked, and by what."""

import datetime
import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from reputation.commands.admin_api import call, part
from reputation.commands.options import admin_option, json_option, token_option


@click.command()
@click.argument("cluster", required=False)
@click.option("--tenant", default="default", show_default=True)
@admin_option
@token_option
@json_option
def clusters(cluster: str | None, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """List the clusters of a tenant, or show CLUSTER with its page of evidence."""
    path = "/v1/clusters" + (f"/{part(cluster)}" if cluster else "")
    found = call(admin, token, "GET", f"{path}?tenant={part(tenant)}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif cluster:
        _show_one(found)
    else:
        _show_all(found["clusters"])


def _day(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M")


def _show_all(found: list[dict[str, Any]]) -> None:
    table = Table("cluster", "accounts", "confidence", "standing", "since (UTC)", "families")
    for c in found:
        families = ", ".join(c["families"])
        table.add_row(c["id"], str(c["size"]), f"{c['confidence']:.3f}", c["standing"], _day(c["since"]), families)
    Console().print(table if found else "no clusters")


def _show_one(found: dict[str, Any]) -> None:
    console = Console()
    console.print(
        f"[bold]{found['id']}[/bold]: {found['size']} accounts that want {found['demand']:.0f} a day, "
        f"{found['standing']}, confidence {found['confidence']:.3f}, since {_day(found['since'])} UTC; "
        f"each may draw {found['level']:.2f} a day from its purse"
    )
    for evidence in found["evidence"]:
        console.print(f"  {evidence['words']} ({evidence['family']}, {evidence['nats']:.0f} nats)")
