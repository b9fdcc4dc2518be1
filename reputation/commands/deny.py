"""`headcount deny`: the deny list, with an expiry and a reason."""

import json
from typing import Any, get_args

import click
from rich.table import Column, Table

from geoip.terminal import add_row, console
from reputation.commands.admin_api import call, part
from reputation.commands.options import Span, ask, json_option, moment, on_sidecar, say
from reputation.engine.denials import DenyKind


@click.group()
def deny() -> None:
    """Stop requests of an account, a network, an ASN, a card or a cluster for a stated time, whatever the evidence."""


@deny.command()
@click.argument("kind", type=click.Choice(get_args(DenyKind)))
@click.argument("value")
@click.option("--expires", type=Span(), required=True, help="How long the denial lasts, such as 12h, 7d or 4w.")
@click.option("--reason", required=True, help="The reason; every verdict under the denial shows it.")
@click.option("--dry-run", is_flag=True, help="Only count the accounts and paying customers that it would stop.")
@click.option("--yes", is_flag=True, help="Do not ask, also if it stops paying customers.")
@on_sidecar
@json_option
def add(tenant: str, admin: str, token: str | None, *, as_json: bool, yes: bool, **given: Any) -> None:
    """Stop VALUE: an account's or a cluster's id, a network such as 203.0.113.0/24, an ASN, or a card's fingerprint.

    Before a denial that stops paying customers the command asks; without a terminal it needs --yes.
    """
    path = f"/v1/deny?tenant={part(tenant)}"
    body = {name: given[name] for name in ("kind", "value", "reason")} | {"expires_in": given["expires"]}
    found = call(admin, token, "POST", path, body | {"dry_run": True})
    if not given["dry_run"]:
        confirm(found["reach"], f"Deny {found['kind']} {found['value']}", yes=yes)
        found = call(admin, token, "POST", path, body)
    verb = "would stop" if given["dry_run"] else "stops"
    lines = [f"{found['kind']} {found['value']}: {verb} {found['reach']['words']} until {moment(found['expires'])} UTC"]
    if not given["dry_run"]:
        lines.append(f"To take it back: headcount deny remove {found['id']} --reason ...")
    say(found, *lines, *[f"warning: {one}" for one in found["warnings"]], as_json=as_json)


def confirm(reach: dict[str, Any], what: str, *, yes: bool) -> None:
    """Ask before paying customers are stopped. Raises click.ClickException if nothing can be asked."""
    if not reach["payers"] or yes:
        return
    ask(f"{what} stops {reach['words']}: {', '.join(reach['payer_names'])}")


@deny.command("list")
@on_sidecar
@json_option
def list_(tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """List the active denials; the denial that ends first is at the top."""
    found = call(admin, token, "GET", f"/v1/deny?tenant={part(tenant)}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    table = Table(Column("id", no_wrap=True), "kind", Column("value", no_wrap=True), "until (UTC)", "by", "reason")
    for one in found["deny"]:
        add_row(table, one["id"], one["kind"], one["value"], moment(one["expires"]), one["by"], one["reason"])
    console().print(table if found["deny"] else "no denials")


@deny.command()
@click.argument("denial")
@click.option("--reason", required=True, help="The reason, for the audit log.")
@on_sidecar
@json_option
def remove(denial: str, reason: str, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """End DENIAL, the id of an active denial, before it expires."""
    call(admin, token, "DELETE", f"/v1/deny/{part(denial)}?tenant={part(tenant)}&reason={part(reason)}")
    say({"id": denial, "tenant": tenant, "reason": reason}, f"{denial}: ended", as_json=as_json)
