"""`headcount allow`: exceptions with an expiry and a reason."""

import json
from typing import Any, get_args

import click
from rich.table import Column, Table

from geoip.terminal import add_row, console
from reputation.commands.admin_api import call, part
from reputation.commands.options import Span, json_option, moment, on_sidecar, say
from reputation.tuning.exceptions import AllowKind


@click.group()
def allow() -> None:
    """Let an account, a network, an ASN or an organisation through, whatever the evidence says, for a stated time."""


@allow.command()
@click.argument("kind", type=click.Choice(get_args(AllowKind)))
@click.argument("value")
@click.option("--expires", type=Span(), required=True, help="How long it stands, such as 12h, 7d or 4w.")
@click.option("--reason", required=True, help="Why; every verdict that it touches tells it.")
@click.option("--within-limits", is_flag=True, help="The account's own limits still hold.")
@on_sidecar
@json_option
def add(tenant: str, admin: str, token: str | None, *, as_json: bool, **given: Any) -> None:
    """Let VALUE through: an account's id, a network as 203.0.113.0/24, an ASN, a verified organisation's id."""
    body = {name: given[name] for name in ("kind", "value", "reason", "within_limits")}
    body["expires_in"] = given["expires"]
    found = call(admin, token, "POST", f"/v1/allow?tenant={part(tenant)}", body)
    words = (
        f"{found['kind']} {found['value']} is let through until {moment(found['expires'])}. "
        f"To end it before: headcount allow remove {found['id']} --reason ..."
    )
    say(found, words, as_json=as_json)


@allow.command("list")
@on_sidecar
@json_option
def list_(tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """List the exceptions in force, those that end first before the others."""
    found = call(admin, token, "GET", f"/v1/allow?tenant={part(tenant)}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    table = Table(Column("id", no_wrap=True), "kind", Column("value", no_wrap=True), "until (UTC)", "by", "reason")
    for one in found["allow"]:
        words = one["reason"] + (" (within limits)" if one["within_limits"] else "")
        add_row(table, one["id"], one["kind"], one["value"], moment(one["expires"]), one["by"], words)
    console().print(table if found["allow"] else "no exceptions")


@allow.command()
@click.argument("exception")
@click.option("--reason", required=True, help="Why; it goes to the audit log.")
@on_sidecar
@json_option
def remove(exception: str, reason: str, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """End EXCEPTION, the id of one in force, before its time."""
    call(admin, token, "DELETE", f"/v1/allow/{part(exception)}?tenant={part(tenant)}&reason={part(reason)}")
    say({"id": exception, "tenant": tenant, "reason": reason}, f"{exception}: ended", as_json=as_json)
