"""`headcount find`: a verdict, account, key, address, card, customer or cluster, by whatever text there is."""

import json
import sys
from urllib.parse import urlencode

import click
from rich.table import Column, Table

from geoip.terminal import add_row, console
from reputation.commands.admin_api import call
from reputation.commands.options import admin_option, json_option, token_option


@click.command()
@click.argument("text")
@click.option("--tenant", default=None, help="Name of the tenant; without it all tenants of the token are searched.")
@click.option("--limit", type=click.IntRange(1, 100), default=50, show_default=True, help="Maximum hits.")
@admin_option
@token_option
@json_option
def find(text: str, tenant: str | None, limit: int, admin: str, token: str | None, *, as_json: bool) -> None:
    """Find TEXT: a verdict's id, an account's id, an API key, an address, a card's fingerprint, a device, a customer's
    id at Stripe, or a cluster's id. With - the text is read from standard input, so that no key is in a history.

    An address, a card or a device leads to the accounts that were seen with it.
    """
    wanted = {"q": sys.stdin.readline().strip() if text == "-" else text, "limit": limit}
    found = call(admin, token, "GET", f"/v1/find?{urlencode(wanted | ({'tenant': tenant} if tenant else {}))}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    out = console()
    table = Table("kind", "tenant", Column("id", no_wrap=True), "what")
    for hit in found["hits"]:
        add_row(table, hit["kind"], hit["tenant"], hit["id"], hit["words"])
    out.print(table if found["hits"] else "nothing found; verdicts that allowed are kept for an hour, stops for days")
    if found["left_off"]:
        out.print(f"{found['left_off']} more; --limit shows up to 100")
    if found["away"]:
        out.print("shared state did not answer, so hits may be missing")
