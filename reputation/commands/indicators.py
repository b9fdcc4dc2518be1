"""`headcount indicators`: a cluster as a bundle of STIX 2.1, and bundles of other operators as evidence."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode

import click
from rich.table import Column, Table

from geoip.terminal import add_row, console
from reputation.commands.admin_api import call, part
from reputation.commands.options import Span, json_option, moment, on_sidecar, say
from reputation.tuning.stix import StixObject

READ = StixObject.__struct_fields__
"""What the sidecar reads of an indicator."""
AT_ONCE, MOST_BYTES = 400, 60_000
"""Indicators and bytes of one request."""


@click.group()
def indicators() -> None:
    """Share what the members of a cluster have in common, and use what others shared.

    A bundle of STIX 2.1 holds networks, ASNs, TLS fingerprints, card issuer numbers and domains of e-mail addresses. No
    account, address, card, device or session is in it.
    """


@indicators.command()
@click.argument("cluster")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A file, in place of standard output.")
@on_sidecar
@json_option
def export(cluster: str, out: Path | None, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """Describe what the members of CLUSTER have in common, as a bundle of STIX 2.1, which is JSON."""
    found = call(admin, token, "GET", f"/v1/indicators?tenant={part(tenant)}&cluster={part(cluster)}")
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}") from None
    number = sum(one["type"] == "indicator" for one in found["objects"])
    say({"file": str(out), "indicators": number}, f"{out}: {number:,} indicators", as_json=as_json)


@indicators.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--source", help="Whose bundle it is; reasons name it. By default the file's name.")
@click.option(
    "--weight", type=click.FloatRange(0, 1, min_open=True), default=0.5, show_default=True,
    help="Points, in log-odds, of an indicator that its source is sure of.",
)  # fmt: skip
@click.option("--expires", type=Span(), default="14d", show_default=True, help="How long it counts: 12h, 7d or 4w.")
@click.option("--reason", required=True, help="The reason, for the audit log.")
@click.option("--dry-run", is_flag=True, help="Only say what the bundle holds.")
@on_sidecar
@json_option
def import_(tenant: str, admin: str, token: str | None, *, as_json: bool, **given: Any) -> None:
    """Count the indicators in FILE, a bundle of STIX 2.1, as weak evidence until they end."""
    query = {
        "tenant": tenant, "source": given["source"] or Path(given["file"].name).stem, "reason": given["reason"],
        "weight": given["weight"], "expires_in": given["expires"], "dry_run": str(given["dry_run"]).lower(),
    }  # fmt: skip
    parts = list(_parts(_read(given["file"])))
    found = [call(admin, token, "POST", f"/v1/indicators?{urlencode(query)}", one) for one in parts]
    total = {name: sum(one[name] for one in found) for name in ("taken", "ended", "unread")}
    verb = "would count" if given["dry_run"] else "count"
    lines = [f"{total['taken']:,} indicators of {query['source']} {verb} until {moment(found[0]['expires'])} UTC"]
    lines += [f"{total['ended']:,} have ended"] if total["ended"] else []
    lines += [f"{total['unread']:,} have a pattern that Headcount does not read"] if total["unread"] else []
    if not given["dry_run"]:
        lines += [f"To take it back: headcount indicators remove {one['id']} --reason ..." for one in found]
    say({**total, "bundles": found}, *lines, as_json=as_json)


def _read(file: IO[bytes]) -> dict[str, Any]:
    """Read a bundle. Raises click.ClickException."""
    try:
        bundle = json.load(file)
    except (ValueError, RecursionError) as error:
        raise click.ClickException(f"{file.name}: no JSON: {error}") from None
    if not isinstance(bundle, dict) or bundle.get("type") != "bundle":
        raise click.ClickException(f"{file.name}: no bundle of STIX 2.1: its type must be bundle")
    objects = bundle.get("objects", [])
    if not isinstance(objects, list) or not all(isinstance(one, dict) for one in objects):
        raise click.ClickException(f"{file.name}: no bundle of STIX 2.1: its objects must be a list of objects")
    return bundle


def _parts(bundle: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Split a bundle into those that a request can hold, with what the sidecar reads of each indicator."""
    kept = [
        {name: one[name] for name in READ if name in one}
        for one in bundle.get("objects", [])
        if one.get("type") == "indicator"
    ]
    piece: list[dict[str, Any]] = []
    size = 0
    for one in kept:
        length = len(json.dumps(one)) + 2
        if piece and (len(piece) == AT_ONCE or size + length > MOST_BYTES):
            yield {"type": "bundle", "objects": piece}
            piece, size = [], 0
        piece.append(one)
        size += length
    yield {"type": "bundle", "objects": piece}


@indicators.command("list")
@on_sidecar
@json_option
def list_(tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """List the bundles in force; the bundle that ends first is at the top."""
    found = call(admin, token, "GET", f"/v1/indicators?tenant={part(tenant)}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    table = Table(Column("id", no_wrap=True), "source", "indicators", "weight", "until (UTC)", "by", "reason")
    for one in found["bundles"]:
        number, weight = f"{len(one['indicators']):,}", f"{one['weight']:g}"
        add_row(table, one["id"], one["source"], number, weight, moment(one["expires"]), one["by"], one["reason"])
    console().print(table if found["bundles"] else "no indicators")


@indicators.command()
@click.argument("bundle")
@click.option("--reason", required=True, help="The reason, for the audit log.")
@on_sidecar
@json_option
def remove(bundle: str, reason: str, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """End BUNDLE, the id of a bundle in force, before it expires."""
    call(admin, token, "DELETE", f"/v1/indicators/{part(bundle)}?tenant={part(tenant)}&reason={part(reason)}")
    say({"id": bundle, "tenant": tenant, "reason": reason}, f"{bundle}: ended", as_json=as_json)
