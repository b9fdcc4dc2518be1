"""`headcount clusters`: what is linked and by what, and an operator's word on it."""

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
    """List clusters, show one with its evidence, and split, pin, release or bless."""


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
    """Show CLUSTER with its page of evidence."""
    found = call(admin, token, "GET", f"/v1/clusters/{part(cluster)}?tenant={part(tenant)}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _show_one(found)


@clusters.command()
@click.argument("ruling", type=click.Choice(["split", "pin", "release", "bless", "forget"]))
@click.option("--cluster", help="The cluster's id.")
@click.option("--account", help="The account's id.")
@click.option("--expires", default="30d", show_default=True, help="How long it stands, such as 12h, 7d, 4w.")
@click.option("--reason", required=True, help="Why; it is shown with the order.")
@on_sidecar
@json_option
def order(*, as_json: bool, **given: Any) -> None:
    """Say what is to become of a cluster or of an account in it, from the next linking on.

    split: the members are not linked with each other again; pin: the account stays in the cluster; release: the
    account is in no cluster; bless: the cluster stays known and is never restrained; forget: take an order back.
    """
    body = {name: given[name] for name in ("ruling", "cluster", "account", "reason") if given[name] is not None}
    body["expires_in"] = _seconds(given["expires"])
    call(given["admin"], given["token"], "POST", f"/v1/orders?tenant={part(given['tenant'])}", body)
    say(body, f"{given['ruling']}: in force from the next linking on", as_json=as_json)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if match is None:
        raise click.BadParameter(f"{text!r} is no time; write it as 12h, 7d or 4w", param_hint="--expires")
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
        f": {found['size']} accounts that want {found['demand']:.0f} a day, "
        f"{found['standing']}, confidence {found['confidence']:.3f}, since {moment(found['since'])} UTC; "
        f"each may draw {found['level']:.2f} a day from its purse"
    )
    out.print(Text.assemble((plain(found["id"]), "bold"), words))
    for evidence in found["evidence"]:
        out.print(plain(f"  {evidence['words']} ({evidence['family']}, {evidence['nats']:.0f} nats)"))
