"""`headcount clusters`: linked accounts, the evidence for each cluster, and operator rulings."""

import json
import re
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from geoip.plain import plain
from geoip.terminal import add_row, console
from reputation.commands.admin_api import call, part
from reputation.commands.options import json_option, moment, on_sidecar, say

_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@click.group()
def clusters() -> None:
    """List clusters, show a cluster with its evidence, and apply operator rulings."""


@clusters.command("list")
@on_sidecar
@json_option
def list_(tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """List the clusters, the largest first."""
    found = call(admin, token, "GET", f"/v1/clusters?tenant={part(tenant)}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _show_all(found["clusters"])


@clusters.command()
@click.argument("cluster")
@on_sidecar
@json_option
def show(cluster: str, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """Show CLUSTER with its evidence."""
    found = call(admin, token, "GET", f"/v1/clusters/{part(cluster)}?tenant={part(tenant)}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _show_one(found)


@clusters.command()
@click.argument("ruling", type=click.Choice(["split", "pin", "release", "bless", "forget"]))
@click.option("--cluster", help="The cluster's id.")
@click.option("--account", help="The account's id.")
@click.option("--expires", default="30d", show_default=True, help="How long the ruling lasts, such as 12h, 7d or 4w.")
@click.option("--reason", required=True, help="The reason; it is shown with the ruling.")
@on_sidecar
@json_option
def order(*, as_json: bool, **given: Any) -> None:
    """Apply an operator ruling to a cluster or to an account in it. It is active from the next linking.

    split: never link the members with each other again. pin: keep the account in the cluster. release: remove the
    account from every cluster. bless: allow-list the cluster, which stays visible and is never restrained. forget:
    withdraw a ruling.
    """
    body = {name: given[name] for name in ("ruling", "cluster", "account", "reason") if given[name] is not None}
    body["expires_in"] = _seconds(given["expires"])
    call(given["admin"], given["token"], "POST", f"/v1/orders?tenant={part(given['tenant'])}", body)
    say(body, f"{given['ruling']}: active from the next linking", as_json=as_json)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not a length of time; write it as 12h, 7d or 4w", param_hint="--expires")
    return int(match[1]) * _UNITS[match[2]]


def _show_all(found: list[dict[str, Any]]) -> None:
    table = Table("cluster", "accounts", "confidence", "standing", "since (UTC)", "families")
    for c in found:
        families = ", ".join(c["families"])
        add_row(table, c["id"], str(c["size"]), f"{c['confidence']:.3f}", c["standing"], moment(c["since"]), families)
    console().print(table if found else "no clusters")


def _show_one(found: dict[str, Any]) -> None:
    out = console()
    words = (
        f": {found['size']} accounts that ask for {found['demand']:.0f} a day, "
        f"{found['standing']}, confidence {found['confidence']:.3f}, since {moment(found['since'])} UTC; "
        f"each may draw {found['level']:.2f} a day from its purse"
    )
    out.print(Text.assemble((plain(found["id"]), "bold"), words))
    for evidence in found["evidence"]:
        out.print(plain(f"  {evidence['words']} ({evidence['family']}, {evidence['nats']:.0f} nats)"))
