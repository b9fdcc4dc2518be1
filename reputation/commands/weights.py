"""`headcount weights`: revisions of a tenant's settings, from a draft to all accounts and back."""

import json
from pathlib import Path
from typing import Any

import click
import yaml
from rich.table import Column, Table

from geoip.terminal import add_row, console
from reputation.commands.admin_api import call, exchange, path_of
from reputation.commands.options import ends_well, json_option, moment, on_sidecar, say
from reputation.commands.weights_cases import test
from reputation.commands.weights_draft import laid_over, overrides_of, read_overrides
from reputation.commands.weights_replay import replay
from reputation.commands.weights_suggest import suggest

reason_option = click.option("--reason", required=True, help="The reason, for the revision and the audit log.")


@click.group()
def weights() -> None:
    """Tune a tenant: draft, replay, shadow, canary, live, rollback."""


@weights.command("list")
@click.option(
    "--quality",
    is_flag=True,
    help="Show precision and recall on labelled accounts, for each revision that has judged requests.",
)
@on_sidecar
@json_option
def list_(tenant: str, admin: str, token: str | None, *, quality: bool, as_json: bool) -> None:
    """List the tenant's revisions, the newest first, with the live revision and the revision on trial."""
    found = call(admin, token, "GET", path_of(tenant, "/revisions"))
    now = call(admin, token, "GET", path_of(tenant))
    judged = call(admin, token, "GET", path_of(tenant, "/quality"))["revisions"] if quality else []
    if as_json:
        click.echo(json.dumps(found | {"rollout": now["rollout"], "owner": now["owner"], "quality": judged}, indent=2))
    else:
        _show_list(found["revisions"], now, judged)


def _show_list(revisions: list[dict[str, Any]], now: dict[str, Any], judged: list[dict[str, Any]]) -> None:
    table = Table(Column("revision", no_wrap=True), "state", "from", "when (UTC)", "by", "reason")
    for one in revisions:
        when = moment(one["at"]) if one["at"] else ""
        add_row(table, str(one["number"]), _state(one["number"], now), str(one["parent"] or ""), when, one["author"],
                      one["reason"])  # fmt: skip
    console().print(table)
    for one in judged:
        right = one["labelled"]
        click.echo(
            f"revision {one['revision']}: {right['abusers_caught']} of {right['abusers']} labelled abusers caught, "
            f"{right['good_caught']} of {right['good']} good accounts, over {one['decisions']:,} decisions"
        )
    if now["owner"] == "file":
        click.echo("The configuration file owns this tenant: change it there, or set its `owner` to `api`.")


def _state(number: int, tenant: dict[str, Any]) -> str:
    if number == tenant["revision"]:
        return "live"
    if number != tenant["candidate"]:
        return ""
    return f"{tenant['percent']:g}%" if tenant["stage"] == "canary" else str(tenant["stage"])


@weights.command()
@click.argument("revision", type=click.IntRange(1), required=False)
@on_sidecar
@json_option
def show(revision: int | None, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """Show REVISION, or the live revision and any trial: overrides, and all effective settings."""
    found = call(admin, token, "GET", path_of(tenant, f"/revisions/{revision}" if revision else ""))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    head = {name: value for name, value in found.items() if name not in ("in_force", "settings")}
    click.echo(yaml.safe_dump(head | {"settings": found["settings"]}, sort_keys=False), nl=False)
    click.echo("# effective settings:\n" + yaml.safe_dump(found["in_force"], sort_keys=False), nl=False)


@weights.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True), required=False)
@click.option("--from", "parent", type=click.IntRange(1), help="Revision to start from.  [default: the live one]")
@click.option("--preset", help="Start from a preset, with no overrides: lenient, balanced or strict.")
@click.option(
    "--set", "changes", multiple=True, metavar="PATH=VALUE", help="A change such as weights.asn=0.5; may be repeated."
)
@reason_option
@on_sidecar
@json_option
@ends_well
def edit(file: Path | None, parent: int | None, preset: str | None, changes: tuple[str, ...], reason: str, tenant: str,
         admin: str, token: str | None, *, as_json: bool) -> None:  # fmt: skip
    """Make a new revision from FILE (YAML), from --set, or in your editor. The revision is not active yet."""
    heard = exchange(admin, token, "GET", path_of(tenant))
    parent = parent or heard.found["revision"]
    settings = call(admin, token, "GET", path_of(tenant, f"/revisions/{parent}"))["settings"]
    if preset is not None:
        settings = {"preset": preset}
    draft = read_overrides(file) if file else laid_over(settings, changes) if changes or preset else _edited(settings)
    body = {"settings": draft, "parent": parent, "reason": reason}
    made = exchange(admin, token, "POST", path_of(tenant, "/revisions"), body, heard.etag).found
    words = f"revision {made['number']} is stored, but not active yet. Next: headcount weights replay {made['number']}"
    say(made, words, as_json=as_json)


def _edited(settings: dict[str, Any]) -> dict[str, Any]:
    text = click.edit(yaml.safe_dump(settings, sort_keys=False), extension=".yaml")
    if text is None:
        raise click.ClickException("nothing was changed, so there is no new revision")
    return overrides_of(text, "the draft")


@weights.command()
@click.argument("before", type=click.IntRange(1))
@click.argument("after", type=click.IntRange(1), required=False)
@on_sidecar
@json_option
def diff(before: int, after: int | None, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """Show the differences between BEFORE and AFTER; with one revision, its differences from the live revision."""
    query = f"?before={before}&after={after}" if after else f"?after={before}"
    found = call(admin, token, "GET", path_of(tenant, f"/diff{query}"))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    table = Table("setting", f"revision {found['before']}", f"revision {found['after']}")
    for change in found["changes"]:
        add_row(table, change["path"], json.dumps(change["before"]), json.dumps(change["after"]))
    console().print(table if found["changes"] else "no difference")


@weights.command()
@click.argument("revision", type=click.IntRange(1))
@reason_option
@on_sidecar
@json_option
def shadow(revision: int, reason: str, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """Score live traffic also with REVISION; the live revision still makes every decision."""
    stepped = _step(admin, token, tenant, {"step": "shadow", "revision": revision, "reason": reason})
    words = f"revision {revision} scores traffic in shadow. Next: headcount weights show, to see its effects"
    say(stepped, words, as_json=as_json)


@weights.command()
@click.argument("revision", type=click.IntRange(1))
@click.option("--percent", type=click.FloatRange(0, 100, min_open=True), default=100.0, show_default=True,
              help="Share of the accounts; below 100 it is a canary.")  # fmt: skip
@click.option("--max-payers-tightened", type=click.IntRange(0), default=0, show_default=True,
              help="The canary ends itself if it is stricter with more payers than this.")  # fmt: skip
@reason_option
@on_sidecar
@json_option
def promote(revision: int, percent: float, max_payers_tightened: int, reason: str, tenant: str, admin: str,
            token: str | None, *, as_json: bool) -> None:  # fmt: skip
    """Let REVISION judge a share of the accounts, or all of them, on every replica within 2 s."""
    body = {"step": "promote", "revision": revision, "percent": percent, "reason": reason}
    stepped = _step(admin, token, tenant, body | {"most_payers_tightened": max_payers_tightened})
    back = "headcount weights rollback --reason ..."
    next_ = f"To go back: {back}" if percent >= 100 else "Next: headcount weights show, to see its effects"
    words = f"revision {revision} judges {'every account' if percent >= 100 else f'{percent:g}% of accounts'}. {next_}"
    say(stepped, words, as_json=as_json)


@weights.command()
@reason_option
@on_sidecar
@json_option
def rollback(reason: str, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """End a trial; without a trial, make the revision live again that was live before."""
    heard = exchange(admin, token, "GET", path_of(tenant))
    tried = heard.found["candidate"]
    body = {"step": "rollback", "reason": reason}
    stepped = exchange(admin, token, "POST", path_of(tenant, "/rollout"), body, heard.etag).found
    live = stepped["rollout"]["live"]
    back = f"the trial of revision {tried} has ended; revision {live} judges every account as before"
    say(stepped, f"revision {live} is live again" if tried is None else back, as_json=as_json)


@weights.command()
@reason_option
@on_sidecar
@json_option
def stop(reason: str, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """End a shadow or a canary; the live revision judges every account."""
    stepped = _step(admin, token, tenant, {"step": "stop", "reason": reason})
    rollout = stepped["rollout"]
    say(stepped, f"the trial is over; revision {rollout['live']} judges every account", as_json=as_json)


weights.add_command(replay)
weights.add_command(suggest)
weights.add_command(test)


def _step(admin: str, token: str | None, tenant: str, body: dict[str, Any]) -> Any:
    """Apply a step of the rollout; return {"tenant", "rollout"}."""
    etag = exchange(admin, token, "GET", path_of(tenant)).etag
    return exchange(admin, token, "POST", path_of(tenant, "/rollout"), body, etag).found
