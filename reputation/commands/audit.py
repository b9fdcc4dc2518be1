"""`headcount audit`: the audit log, with author, change, reason, and old and new values or the changed fields."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import click
from rich.progress import Progress, TextColumn
from rich.table import Table

from geoip.terminal import add_row, console
from reputation.commands.admin_api import call, part
from reputation.commands.options import ends_well, json_option, moment, on_sidecar

PAGE = 1000


@click.group()
def audit() -> None:
    """Show or export the audit log: author, change, old value, new value and reason."""


@audit.command()
@on_sidecar
@json_option
@ends_well
def export(tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:  # noqa: ARG001 - it is JSON anyway
    """Print every entry of the log as a JSON line, the oldest first."""
    columns = (TextColumn("exporting"), TextColumn("{task.completed:,.0f} entries"))
    terminal = console(err=True)
    hidden = sys.stdout.isatty() or not terminal.is_terminal  # the lines themselves show how far it is
    with Progress(*columns, console=terminal, transient=True, disable=hidden) as shown:
        task = shown.add_task("exporting", total=None)
        for entry in _all(tenant, admin, token):
            click.echo(json.dumps(entry))
            shown.advance(task)


@audit.command("list")
@click.option("--limit", type=click.IntRange(1, PAGE), default=20, show_default=True, help="Maximum entries.")
@click.option("--account", help="Only the entries about this account; an entry has its keyed hash, not its id.")
@on_sidecar
@json_option
def list_(limit: int, account: str | None, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """Show the newest entries, the newest first."""
    of = "" if account is None else f"&account={part(account)}"
    found = call(admin, token, "GET", f"/v1/audit?tenant={part(tenant)}&limit={limit}{of}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    table = Table("when (UTC)", "who", "what", "of", "fields", "why")
    for entry in found["entries"]:
        fields = ", ".join(entry.get("fields", ()))
        row = (moment(entry["at"]), entry["who"], entry["what"], entry.get("subject", ""), fields, entry.get("why", ""))
        add_row(table, *row)
    console().print(table if found["entries"] else "no entries yet")


def _all(tenant: str, admin: str, token: str | None) -> Iterator[dict[str, Any]]:
    last = ""
    while True:
        path = f"/v1/audit?tenant={part(tenant)}&limit={PAGE}&after={part(last)}"
        entries = call(admin, token, "GET", path)["entries"]
        yield from entries
        if len(entries) < PAGE:
            return
        last = entries[-1]["id"]
