"""`headcount weights suggest`: a draft with weights fitted to labels, and the measured gain."""

import json
from pathlib import Path
from typing import Any

import click
import msgspec
import yaml
from rich.table import Table

from geoip.plain import plain
from geoip.terminal import console
from reputation.commands.admin_api import call, path_of
from reputation.commands.options import Span, ends_well, json_option, on_sidecar
from reputation.commands.weights_replay import labels_of, progress_of, recorded, revision_of


@click.command()
@click.option("--since", type=Span(), default="30d", show_default=True, help="How far back, such as 24h or 7d.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File for the draft, as YAML.")
@on_sidecar
@json_option
@ends_well
def suggest(since: float, out: Path | None, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """Fit weights to the labelled accounts in recorded decisions, and measure the gain by cross-validation.

    Nothing is applied. The result is a draft, to replay, shadow and promote like any other draft. This command needs
    the extra [suggest].
    """

    def get(rest: str) -> Any:
        return call(admin, token, "GET", path_of(tenant, rest))

    live = revision_of(get, tenant, str(get("")["revision"]))
    _need_library()
    from reputation.recordings.columns import read_all  # noqa: PLC0415 - numpy, for this command alone
    from reputation.recordings.evidence import gather  # noqa: PLC0415 - the same
    from reputation.recordings.fit import suggest as fit  # noqa: PLC0415 - the same

    segments, fetch = recorded(admin, token, tenant, since)
    parts: list[Any] = []
    with progress_of(sum(segment["decisions"] for segment in segments)) as advance:
        for segment in segments:
            parts += read_all([fetch(segment["id"])])
            advance(segment["decisions"])
    found = msgspec.to_builtins(fit(gather(parts, labels_of(admin, token, tenant), live), live))
    if out is not None:
        out.write_text(yaml.safe_dump(found["settings"], sort_keys=False), encoding="utf-8")
    click.echo(json.dumps(found, indent=2)) if as_json else _show(found, out)


def _need_library() -> None:
    try:
        import sklearn  # noqa: F401, PLC0415 - an extra, for this command alone
    except ImportError:
        raise click.ClickException("this needs scikit-learn: pip install 'headcount[suggest]'") from None


def _show(found: dict[str, Any], out: Path | None) -> None:
    terminal, before, after = console(), found["before"], found["after"]
    terminal.print(
        f"fitted to {found['abusers']:,} abusers and {found['good']:,} good accounts; "
        "measured by cross-validation, as shares of the requests of accounts outside the fit:"
    )
    table = Table("", "now", "suggested")
    table.add_row("abusers' requests caught", f"{before['recall']:.1%}", f"{after['recall']:.1%}")
    table.add_row("good accounts' requests caught", f"{before['false_alarms']:.2%}", f"{after['false_alarms']:.2%}")
    terminal.print(table)
    terminal.print(yaml.safe_dump(found["settings"], sort_keys=False))
    place = out or "DRAFT.yaml"
    words = f"Nothing is applied. Next: {'' if out else f'--out {place}, then '}headcount weights replay {place}"
    terminal.print(plain(words))
