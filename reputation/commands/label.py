"""`headcount label`: report an outcome or a label for an account to a running sidecar."""

import csv
from pathlib import Path
from typing import Any, get_args

import click
from rich.progress import track

from geoip.terminal import console
from reputation.commands.admin_api import call, part
from reputation.commands.options import json_option, on_sidecar, say
from reputation.tuning.labels import LabelWord
from reputation.wire.messages import OutcomeKind

COLUMNS = ("account", "label")


@click.command()
@click.argument("account", required=False)
@click.argument("outcome", type=click.Choice(get_args(OutcomeKind)), required=False, metavar="[OUTCOME]")
@click.option("--csv", "file", type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="Read labels from a file with the columns account, label and, optionally, reason.")  # fmt: skip
@click.option("--reason", default="", help="The reason; it is stored with a label.")
@on_sidecar
@json_option
def label(account: str | None, outcome: str | None, file: Path | None, reason: str, tenant: str, admin: str,
          token: str | None, *, as_json: bool) -> None:  # fmt: skip
    """Report OUTCOME for ACCOUNT, or import labels from a CSV file. The outcomes abuse and good are labels.

    OUTCOME is chargeback, declined, abuse, good, challenge_passed or challenge_failed.
    """
    if file is not None:
        if account is not None:
            raise click.UsageError("give either an account or --csv, not both")
        rows = _rows(file)
        unknown = 0
        for row in track(rows, "labelling", transient=True, console=console(err=True)):
            unknown += bool(_keep(admin, token, tenant, row))
        words = f"{len(rows):,} labels stored" + (f", {unknown:,} of them for unknown accounts" if unknown else "")
        say({"tenant": tenant, "labels": len(rows), "unknown": unknown}, words, as_json=as_json)
        return
    if account is None or outcome is None:
        raise click.UsageError("give an account and an outcome, such as: headcount label acct_42 good")
    warnings: list[str] = []
    if outcome in get_args(LabelWord):
        warnings = _keep(admin, token, tenant, {"account": account, "label": outcome, "reason": reason})
    else:
        call(admin, token, "POST", "/v1/outcomes", {"tenant": tenant, "account": account, "outcome": outcome})
    found = {"tenant": tenant, "account": account, "outcome": outcome, **({"warnings": warnings} if warnings else {})}
    say(found, f"{account}: {outcome}", *[f"warning: {one}" for one in warnings], as_json=as_json)


def _keep(admin: str, token: str | None, tenant: str, row: dict[str, Any]) -> list[str]:
    """Store a label; return the warnings about it."""
    body = {"account": row["account"], "label": row["label"], "reason": row.get("reason") or ""}
    found: list[str] = call(admin, token, "POST", f"/v1/labels?tenant={part(tenant)}", body)["warnings"]
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    """Read the whole file before any label is stored. Raises click.ClickException with the line of the fault."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows, named = list(reader), reader.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise click.ClickException(f"{path}: {error}") from None
    missing = [name for name in COLUMNS if name not in named]
    if missing:
        raise click.ClickException(f"{path}: the first line has no column {', '.join(missing)}")
    for number, row in enumerate(rows, 2):
        if not row["account"] or row["label"] not in get_args(LabelWord):
            raise click.ClickException(f"{path}, line {number}: needs an account, and the label abuse or good")
    return rows
