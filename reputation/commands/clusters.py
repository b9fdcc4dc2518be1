"""`headcount clusters`: linked accounts, the evidence for each cluster, and operator rulings."""

import json
from typing import Any

import click
from rich.table import Column, Table
from rich.text import Text

from geoip.plain import plain
from geoip.terminal import add_row, console
from reputation.commands.admin_api import call, part
from reputation.commands.deny import confirm
from reputation.commands.options import Span, json_option, moment, on_sidecar, say


@click.group()
def clusters() -> None:
    """List clusters, show a cluster with its evidence, and apply operator rulings."""


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
    """Show CLUSTER with its evidence."""
    found = call(admin, token, "GET", f"/v1/clusters/{part(cluster)}?tenant={part(tenant)}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _show_one(found)


def _ruling(word: str, words: str, account: str = "none") -> None:
    """Add the command of one ruling. account: "none", "optional" or "needed"."""

    @clusters.command(word, help=words)
    @click.argument("cluster")
    @click.option("--expires", type=Span(), default="30d", show_default=True,
                  help="How long the ruling lasts, such as 12h, 7d or 4w.")  # fmt: skip
    @click.option("--reason", required=True, help="The reason; it is shown with the ruling.")
    @click.option("--dry-run", is_flag=True, help="Only count the accounts and paying customers in it.")
    @click.option("--yes", is_flag=True, help="Do not ask, also if it stops paying customers.")
    @on_sidecar
    @json_option
    def command(cluster: str, tenant: str, admin: str, token: str | None, *, as_json: bool, **given: Any) -> None:
        path = f"/v1/clusters/{part(cluster)}/rulings?tenant={part(tenant)}"
        body = {"ruling": word, "reason": given["reason"], "expires_in": given["expires"]}
        if given.get("account"):
            body["account"] = given["account"]
        found = call(admin, token, "POST", path, body | {"dry_run": True})
        what = f"{word} {cluster}" + (f", account {given['account']}" if given.get("account") else "")
        if given["dry_run"]:
            say(found, f"{what}: would touch {found['reach']['words']}", as_json=as_json)
            return
        if word in ("restrain", "deny"):
            confirm(found["reach"], what, yes=given["yes"])
        found = call(admin, token, "POST", path, body)
        begins = "now" if word == "deny" else "from the next linking"
        lines = [
            f"{what}: touches {found['reach']['words']}, {begins} until {moment(found['expires'])} UTC",
            f"To take it back: headcount clusters undo {found['id']} --reason ...",
        ]
        say(found, *lines, as_json=as_json)

    if account != "none":
        command.params.insert(1, click.Argument(["account"], required=account == "needed"))


_ruling("restrain", "Hold every member of CLUSTER to the tier restricted at best, however sure the links are.")
_ruling("deny", "Refuse every request of the members of CLUSTER, except those with an exception of their own.")
_ruling("release", "Remove ACCOUNT from CLUSTER and from every other; without ACCOUNT all members.", "optional")
_ruling("split", "Let the members of CLUSTER go, and do not link them with each other again.")
_ruling("allow", "Allow-list CLUSTER: it stays visible and is never restrained.")
_ruling("pin", "Keep ACCOUNT in CLUSTER.", "needed")


@clusters.command()
@click.argument("cluster", required=False)
@on_sidecar
@json_option
def rulings(cluster: str | None, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """List the rulings in force, the newest first; with CLUSTER those on it."""
    path = "/v1/rulings" if cluster is None else f"/v1/clusters/{part(cluster)}/rulings"
    found = call(admin, token, "GET", f"{path}?tenant={part(tenant)}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    id_ = Column("id", no_wrap=True)
    table = Table(id_, "ruling", Column("cluster", no_wrap=True), "account", "until (UTC)", "by", "reason")
    for one in found["rulings"]:
        until = moment(one["expires"])
        add_row(table, one["id"], one["ruling"], one["cluster"], one["account"] or "", until, one["by"], one["reason"])
    console().print(table if found["rulings"] else "no rulings")


@clusters.command()
@click.argument("ruling")
@click.option("--reason", required=True, help="The reason, for the audit log.")
@on_sidecar
@json_option
def undo(ruling: str, reason: str, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """Take RULING back, by its id, also after its cluster is gone."""
    call(admin, token, "DELETE", f"/v1/rulings/{part(ruling)}?tenant={part(tenant)}&reason={part(reason)}")
    say({"id": ruling, "tenant": tenant, "reason": reason}, f"{ruling}: taken back", as_json=as_json)


@clusters.command()
@click.argument("cluster")
@click.argument("label", type=click.Choice(["good", "abuse"]))
@click.option("--reason", required=True, help="The reason, for the audit log.")
@on_sidecar
@json_option
def label(cluster: str, label: str, reason: str, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """Label every member of CLUSTER: a person's decision, which counts in full."""
    path = f"/v1/clusters/{part(cluster)}/labels?tenant={part(tenant)}"
    found = call(admin, token, "POST", path, {"label": label, "reason": reason})
    say(found, f"{found['labelled']} members of {cluster} labelled: {label}", as_json=as_json)


def _show_all(found: list[dict[str, Any]]) -> None:
    table = Table("cluster", "accounts", "confidence", "standing", "since (UTC)", "families")
    for c in found:
        families = ", ".join(c["families"])
        add_row(table, c["id"], str(c["size"]), f"{c['confidence']:.3f}", c["standing"], moment(c["since"]), families)
    console().print(table if found else "no clusters")


def _show_one(found: dict[str, Any]) -> None:
    out = console()
    words = (
        f": {found['size']} accounts that ask for {found['demand']:.0f} a day, "
        f"{found['standing']}, confidence {found['confidence']:.3f}, since {moment(found['since'])} UTC; "
        f"each may draw {found['level']:.2f} a day from its purse"
    )
    out.print(Text.assemble((plain(found["id"]), "bold"), words))
    out.print(plain(f"  {found['sentence']} Its status is {found['standing']}: {found['why']}."))
    for evidence in found["evidence"]:
        out.print(plain(f"  {evidence['words']} ({evidence['family']})"))
    table = Table(
        "account", "created (UTC)", "plan", "payer", "settled USD", "label", "last seen (UTC)", "passed", "stopped"
    )
    for one in found["who"]:
        add_row(
            table, one["account"], _moment(one["created_at"]), one["plan"] or "", "yes" if one["payer"] else "no",
            "" if one["settled_usd"] is None else f"{one['settled_usd']:g}", one["label"] or "",
            _moment(one["last_seen"]), str(one["passed"]), str(one["stopped"]),
        )  # fmt: skip
    out.print(table)


def _moment(at: float | None) -> str:
    return "" if at is None else moment(at)
