"""`headcount weights replay`: the effect of a draft on recorded traffic, with an exit code for CI."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from geoip.plain import plain
from geoip.terminal import console
from reputation.commands.admin_api import call, download, part, path_of
from reputation.commands.options import Span, ends_well, json_option, moment, on_sidecar
from reputation.commands.weights_draft import read_overrides
from reputation.config.tenants import Tenant, TenantSettings
from reputation.tuning.revisions import Revision, check_floor, compiled

LIMIT_PASSED = 3
"""Exit code if --max-paying-tightened or another --max-… limit is exceeded."""
MOST_SHOWN = 50
MOST_NAMES = 1000


@click.command()
@click.argument("draft")
@click.option("--since", type=Span(), default="7d", show_default=True, help="How far back, such as 24h or 7d.")
@click.option("--against", type=click.IntRange(1), help="Revision to compare with.  [default: the live revision]")
@click.option(
    "--max-paying-tightened", type=click.IntRange(0), help="Exit code 3 if more payers than this are tightened."
)
@click.option(
    "--max-good-caught", type=click.IntRange(0), help="Exit code 3 if more accounts labelled good than this are caught."
)
@click.option("--save", type=click.Path(path_type=Path, dir_okay=False), help="File for the whole report, as JSON.")
@on_sidecar
@json_option
@ends_well
def replay(draft: str, since: float, against: int | None, max_paying_tightened: int | None, max_good_caught: int | None,
           save: Path | None, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:  # fmt: skip
    """Score recorded decisions with DRAFT, a revision's number or a file of overrides.

    Exit codes: 0 success, 1 error, 2 usage error, 3 a --max-… limit was exceeded.
    """

    def get(rest: str) -> Any:
        return call(admin, token, "GET", path_of(tenant, rest))

    live = revision_of(get, tenant, str(against or get("")["revision"]))
    drafted = revision_of(get, tenant, draft)
    check_floor(drafted)
    segments, fetch = recorded(admin, token, tenant, since)
    report = replayed(live, drafted, segments, fetch, labels_of(admin, token, tenant))
    report["names"] = _names(admin, token, tenant, report)
    if save is not None:
        save.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        show(report)
    _end(report, max_paying_tightened, max_good_caught)


def revision_of(get: Callable[[str], Any], tenant: str, word: str) -> Tenant:
    """Compile a stored revision, by its number, or a file of overrides. Raises click.ClickException."""
    if word.isdigit():
        found = get(f"/revisions/{word}")
        revision = Revision(found["number"], found["parent"], "", "", 0.0, found["settings"])
    elif Path(word).exists():
        revision = Revision(0, None, "", "", 0.0, read_overrides(Path(word)))
    else:
        raise click.ClickException(f"{word!r} is neither a revision's number nor a file of overrides")
    return compiled(tenant, revision, TenantSettings(), stored=word.isdigit())


def recorded(
    admin: str, token: str | None, tenant: str, since: float
) -> tuple[list[dict[str, Any]], Callable[[str], bytes]]:
    """Return the segments recorded in the last `since` seconds, and a function to fetch a segment by its id."""

    def fetch(id_: str) -> bytes:
        return download(admin, token, path_of(tenant, f"/recorded/{part(id_)}"))

    listed = call(admin, token, "GET", path_of(tenant, f"/recorded?since={max(time.time() - since, 0):.0f}"))
    return listed["segments"], fetch


def labels_of(admin: str, token: str | None, tenant: str) -> dict[int, Any]:
    """Return the labels by the account's keyed hash, as a number."""
    found = call(admin, token, "GET", f"/v1/labels?tenant={part(tenant)}&limit=1000000")["labels"]
    return {int(one["hash"], 16): one["label"] for one in found}


def replayed(
    live: Tenant, draft: Tenant, segments: list[dict[str, Any]], fetch: Callable[[str], bytes], labels: dict[int, Any]
) -> dict[str, Any]:
    """Fetch and replay segments one by one; on a terminal, show a progress bar."""
    from reputation.recordings.columns import read_all  # noqa: PLC0415 - numpy, for this command alone
    from reputation.recordings.effects import Effects  # noqa: PLC0415 - the same
    from reputation.recordings.report import report  # noqa: PLC0415 - the same

    effects = Effects(live, draft)
    with progress_of(sum(segment["decisions"] for segment in segments)) as advance:
        for segment in segments:
            for decisions in read_all([fetch(segment["id"])]):
                effects.add(decisions)
                advance(len(decisions))
    found: dict[str, Any] = msgspec.to_builtins(report(effects, labels))
    return found


@contextlib.contextmanager
def progress_of(total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function to report replayed decisions; on a terminal, show a progress bar."""
    terminal = console(err=True)
    if not terminal.is_terminal or not total:
        yield lambda _: None
        return
    columns = (TextColumn("replaying"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.advance(task, done)


def _names(admin: str, token: str | None, tenant: str, report: dict[str, Any]) -> dict[str, str]:
    """Return the account names for the hashes in the report, if the sidecar knows them."""
    hashes = [one["account"] for one in report["payers_tightened"] + report["movers"]] + report["newly_caught"]
    hashes = list(dict.fromkeys(hashes))
    found: dict[str, str] = {}
    for i in range(0, len(hashes), MOST_NAMES):
        body = {"hashes": hashes[i : i + MOST_NAMES]}
        found |= call(admin, token, "POST", path_of(tenant, "/names"), body)["names"]
    return found


def show(report: dict[str, Any]) -> None:
    """Print a report for people."""
    terminal, names = console(), report["names"]
    draft = f"revision {report['after']}" if report["after"] else "the draft"
    if not report["decisions"]:
        terminal.print("no decisions are recorded for this time; wait for traffic, or set a longer --since")
        return
    terminal.print(
        f"{draft} against revision {report['before']} over {report['decisions']:,} decisions of "
        f"{report['accounts']:,} accounts, {moment(report['first'])} to {moment(report['last'])} UTC"
    )
    if report["differences"]:
        words = f"{report['differences']:,} of {report['checked']:,} decisions differ from the recording"
        terminal.print(words, style="red")
    _show_matrix(terminal, report)
    _show_payers(terminal, report["payers_tightened"], names, report["payers"])
    _show_caught(terminal, report, names)
    _show_movers(terminal, report["movers"], names)
    saved = report["savings"]
    terminal.print(
        f"stopped in addition: {saved['requests_stopped']:,.0f} requests, {saved['saved_usd']:,.2f} USD of cost saved, "
        f"{saved['throttled_usd']:,.2f} USD of payers' use throttled; allowed in addition: "
        f"{saved['requests_released']:,.0f} requests"
    )


def _show_matrix(terminal: Console, report: dict[str, Any]) -> None:
    table = Table("accounts, was ↓ would be →", *(Column(t, justify="right") for t in report["tiers"]))
    for tier, row in zip(report["tiers"], report["accounts_moved"], strict=True):
        table.add_row(tier, *(f"{n:,}" if n else "·" for n in row))
    terminal.print(table)


def _show_payers(terminal: Console, tightened: list[dict[str, Any]], names: dict[str, str], payers: int) -> None:
    if not tightened:
        terminal.print(f"no paying account is tightened, of {payers:,}", style="green")
        return
    terminal.print(f"{len(tightened):,} of {payers:,} paying accounts are tightened:", style="red")
    for one in tightened[:MOST_SHOWN]:
        name = names.get(one["account"], f"#{one['account']}")
        words = f"  {name}: {one['before']} to {one['after']}, {one['decisions']:,} decisions"
        terminal.print(plain(words))
    if len(tightened) > MOST_SHOWN:
        terminal.print(f"  and {len(tightened) - MOST_SHOWN:,} more; --json or --save has them all")


def _show_caught(terminal: Console, report: dict[str, Any], names: dict[str, str]) -> None:
    before, after = report["caught_before"], report["caught_after"]
    if not before["abusers"] and not before["good"]:
        terminal.print("none of these accounts has a label; add labels with headcount label ACCOUNT abuse or good")
        return
    new = ", ".join(names.get(name, f"#{name}") for name in report["newly_caught"][:10]) or "no new account"
    words = (
        f"labelled abusers caught: {before['abusers_caught']} to {after['abusers_caught']} of {after['abusers']} "
        f"({new}); labelled good ones caught: {before['good_caught']} to {after['good_caught']} of {after['good']}"
    )
    terminal.print(plain(words))


def _show_movers(terminal: Console, movers: list[dict[str, Any]], names: dict[str, str]) -> None:
    for mover in movers:
        signals = ", ".join(
            f"{s['signal']} {s['before']:+.2f} to {s['after']:+.2f}"
            for s in mover["signals"]
            if s["before"] != s["after"]
        )
        name = names.get(mover["account"], f"#{mover['account']}")
        terminal.print(plain(f"  {name}: {mover['before']:+.2f} to {mover['after']:+.2f} ({signals})"))


def _end(report: dict[str, Any], most_payers: int | None, most_good: int | None) -> None:
    if report["differences"]:
        raise click.ClickException(
            "the replay of the live revision differs from the recording; do not trust this report"
        )
    tightened, good = len(report["payers_tightened"]), report["caught_after"]["good_caught"]
    if most_payers is not None and tightened > most_payers:
        click.echo(f"paying accounts tightened: {tightened}, the limit is {most_payers}", err=True)
        sys.exit(LIMIT_PASSED)
    if most_good is not None and good > most_good:
        click.echo(f"accounts labelled good and caught: {good}, the limit is {most_good}", err=True)
        sys.exit(LIMIT_PASSED)
