"""`headcount decisions`: recent verdicts of a running sidecar."""

import json
from typing import Any, get_args
from urllib.parse import urlencode

import click
from rich.table import Column, Table

from geoip.terminal import add_row, console
from reputation.admin.sentences import number
from reputation.commands.admin_api import call
from reputation.commands.options import json_option, on_sidecar, second
from reputation.scoring.risk import TIERS
from reputation.wire.ids import time_of
from reputation.wire.messages import Decision

FILTERS = ("account", "decision", "tier", "cluster")


@click.command()
@click.option("--account", help="Only verdicts on this account.")
@click.option("--decision", type=click.Choice(get_args(Decision)), help="Only verdicts with this decision.")
@click.option("--tier", type=click.Choice(TIERS), help="Only verdicts in this tier.")
@click.option("--cluster", help="Only verdicts on members of this cluster.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Maximum verdicts.")
@on_sidecar
@json_option
def decisions(tenant: str, admin: str, token: str | None, *, as_json: bool, **given: Any) -> None:
    """List the newest verdicts of the last hour, the newest first. headcount explain says why one of them was given."""
    chosen = {name: given[name] for name in FILTERS if given[name] is not None}
    query = urlencode({"tenant": tenant, "limit": given["limit"], **chosen})
    found = call(admin, token, "GET", f"/v1/recent?{query}")["recent"]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    table = Table(
        "at (UTC)", Column("verdict", no_wrap=True), "account", "address", "decision", "tier", "risk", "limit"
    )
    for one in found:
        verdict, request = one["verdict"], one["request"]
        judged = verdict.get("shadow") or verdict
        words = ("would " if "shadow" in verdict and judged["decision"] != "allow" else "") + judged["decision"]
        cells = (request["account"] or "", request["ip"] or "", words, verdict["tier"], number(verdict["risk"]))
        add_row(table, second(time_of(verdict["id"])), verdict["id"], *cells, judged["limit"]["scope"])
    console().print(table if found else "no such verdict within the last hour; stops are kept for days: headcount find")
