"""`headcount audit`: the audit log, with author, change, reason, and old and new values or the changed fields."""

import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import click
from rich.progress import Progress, TextColumn
from rich.table import Table

from geoip.terminal import add_row, console
from reputation.commands.admin_api import call
from reputation.commands.options import Moment, chained, ends_well, json_option, moment, on_sidecar
from reputation.tuning.audit import PEOPLE, PROGRAMS

PAGE = 1000
filtered = chained(
    click.option("--who", help="Only the entries of this author."),
    click.option(
        "--what", help="Only this action, such as allow.add, or all that begin with its words, such as allow."
    ),
    click.option("--since", type=Moment(), help="Only from this time on: 7d ago, or 2026-11-30T12:00Z."),
    click.option("--until", type=Moment(), help="Only before this time."),
    click.option("--by", type=click.Choice([PEOPLE, PROGRAMS]), help="Only what people decided, or programs pushed."),
    click.option("--account", help="Only the entries about this account; an entry has its keyed hash, not its id."),
)


@click.group()
def audit() -> None:
    """Show or export the audit log: author, change, old value, new value and reason."""


@audit.command()
@filtered
@on_sidecar
@json_option
@ends_well
def export(tenant: str, admin: str, token: str | None, *, as_json: bool, **given: Any) -> None:  # noqa: ARG001 - it is JSON anyway
    """Print the entries of the log as JSON lines, the oldest first."""
    columns = (TextColumn("exporting"), TextColumn("{task.completed:,.0f} entries"))
    terminal = console(err=True)
    hidden = sys.stdout.isatty() or not terminal.is_terminal  # the lines themselves show how far it is
    with Progress(*columns, console=terminal, transient=True, disable=hidden) as shown:
        task = shown.add_task("exporting", total=None)
        for entry in _all(admin, token, _query(tenant, given)):
            click.echo(json.dumps(entry))
            shown.advance(task)


@audit.command("list")
@click.option("--limit", type=click.IntRange(1, PAGE), default=20, show_default=True, help="Maximum entries.")
@filtered
@on_sidecar
@json_option
def list_(limit: int, tenant: str, admin: str, token: str | None, *, as_json: bool, **given: Any) -> None:
    """Show the newest entries, the newest first."""
    found = call(admin, token, "GET", f"/v1/audit?{urlencode({**_query(tenant, given), 'limit': limit})}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    table = Table("when (UTC)", "who", "role", "what", "of", "fields", "why")
    for entry in found["entries"]:
        fields = ", ".join(entry.get("fields", ()))
        row = (
            moment(entry["at"]),
            entry["who"],
            entry.get("role", ""),
            entry["what"],
            entry.get("subject", ""),
            fields,
            entry.get("why", ""),
        )
        add_row(table, *row)
    console().print(table if found["entries"] else "no entries yet")


def _query(tenant: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"tenant": tenant, **{name: value for name, value in given.items() if value is not None}}


def _all(admin: str, token: str | None, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    last = ""
    while True:
        path = f"/v1/audit?{urlencode({**query, 'limit': PAGE, 'after': last})}"
        entries = call(admin, token, "GET", path)["entries"]
        yield from entries
        if len(entries) < PAGE:
            return
        last = entries[-1]["id"]
