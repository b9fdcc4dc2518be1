"""`headcount allow`: exceptions with an expiry and a reason."""

import json
from typing import Any, get_args

import click
from rich.table import Column, Table

from geoip.terminal import add_row, console
from reputation.commands.admin_api import call, part
from reputation.commands.options import Span, json_option, moment, on_sidecar, say
from reputation.engine.exceptions import MOST_TIMES, AllowKind


@click.group()
def allow() -> None:
    """Let requests of an account, a network, an ASN or an organisation pass for a stated time, despite the evidence."""


@allow.command()
@click.argument("kind", type=click.Choice(get_args(AllowKind)))
@click.argument("value")
@click.option("--expires", type=Span(), required=True, help="How long the exception lasts, such as 12h, 7d or 4w.")
@click.option("--reason", required=True, help="The reason; every verdict under the exception shows it.")
@click.option("--within-limits", is_flag=True, help="Keep the account's own limits.")
@click.option("--times", type=click.FloatRange(1, MOST_TIMES), default=1.0, show_default=True,
              help="With --within-limits: multiply the account's own limits by this.")  # fmt: skip
@on_sidecar
@json_option
def add(tenant: str, admin: str, token: str | None, *, as_json: bool, **given: Any) -> None:
    """Let VALUE pass: an account's id, a network such as 203.0.113.0/24, an ASN, or a verified organisation's id."""
    body = {name: given[name] for name in ("kind", "value", "reason", "within_limits", "times")}
    body["expires_in"] = given["expires"]
    found = call(admin, token, "POST", f"/v1/allow?tenant={part(tenant)}", body)
    words = (
        f"{found['kind']} {found['value']} may pass until {moment(found['expires'])} UTC. "
        f"To end the exception earlier: headcount allow remove {found['id']} --reason ..."
    )
    say(found, words, *[f"warning: {one}" for one in found["warnings"]], as_json=as_json)


@allow.command("list")
@on_sidecar
@json_option
def list_(tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """List the active exceptions; the exception that ends first is at the top."""
    found = call(admin, token, "GET", f"/v1/allow?tenant={part(tenant)}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    table = Table(Column("id", no_wrap=True), "kind", Column("value", no_wrap=True), "until (UTC)", "by", "reason")
    for one in found["allow"]:
        times = "" if one["times"] == 1 else f", {one['times']:g} times"
        words = one["reason"] + (f" (within limits{times})" if one["within_limits"] else "")
        add_row(table, one["id"], one["kind"], one["value"], moment(one["expires"]), one["by"], words)
    console().print(table if found["allow"] else "no exceptions")


@allow.command()
@click.argument("exception")
@click.option("--reason", required=True, help="The reason, for the audit log.")
@on_sidecar
@json_option
def remove(exception: str, reason: str, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """End EXCEPTION, the id of an active exception, before it expires."""
    call(admin, token, "DELETE", f"/v1/allow/{part(exception)}?tenant={part(tenant)}&reason={part(reason)}")
    say({"id": exception, "tenant": tenant, "reason": reason}, f"{exception}: ended", as_json=as_json)
