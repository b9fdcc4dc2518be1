"""`headcount check`: one verdict without a sidecar, to see how a configuration judges a request."""

import sys
import time
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from geoip.plain import plain
from geoip.terminal import add_row, console
from reputation.admin.sentences import binding_of, number, rate, sentence_of
from reputation.commands.options import config_option, ends_well, json_option
from reputation.sidecar.build import build, open_addresses, read_settings
from reputation.wire.codec import read
from reputation.wire.ids import Ulids
from reputation.wire.messages import Request, wire_type


@click.command()
@click.argument("body")
@config_option
@json_option
@ends_well
def check(body: str, config: Path | None, *, as_json: bool) -> None:
    """Print one verdict for BODY, the JSON of POST /v1/check (@FILE reads a file, - reads standard input).

    The engine starts empty: it knows nothing that a running sidecar has learnt.
    """
    text = _text(body)
    settings, now = read_settings(config), time.time()
    request = read(msgspec.json.Decoder(Request, dec_hook=wire_type), text)
    verdict = build(settings, open_addresses(settings, now)).check(request, now, Ulids())
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(verdict)).decode())
    else:
        show(msgspec.to_builtins(verdict), sentence_of(verdict), binding_of(verdict))


def _text(body: str) -> bytes:
    if body == "-":
        return sys.stdin.buffer.read()
    return _read(Path(body[1:])) if body.startswith("@") else body.encode("utf-8", "surrogateescape")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None


def show(verdict: dict[str, Any], sentence: str, binding: int | None, request: str | None = None) -> None:
    """Print a verdict for people: what happened, to which request, its limits, then its risk."""
    out = console()
    out.print(plain(sentence), style="bold")
    if request is not None:
        out.print(request)
    if verdict.get("allow"):
        allow = verdict["allow"]
        out.print(plain(f"allowed by an exception for {allow['kind']} {allow['value']}: {allow['reason']}"))
    if verdict["limits"]:
        out.print(_limits(verdict, binding))
    out.print(f"{verdict['decision']}: risk {verdict['risk']:.1f}, tier {verdict['tier']}")
    if verdict["cluster"]:
        cluster = verdict["cluster"]
        out.print(f"cluster {cluster['id']}: {cluster['size']} accounts, confidence {cluster['confidence']:.2f}")
    table = Table("signal", "points", "why", title="log-odds, prior first")
    for reason in verdict["reasons"]:
        add_row(table, reason["signal"], f"{reason['points']:+.3f}", reason.get("detail") or "")
    out.print(table)


def _limits(verdict: dict[str, Any], binding: int | None) -> Table:
    unit = verdict["limit"]["unit"]
    table = Table("limit", "whose", "refills", "holds", "left", "", title=f"limits, in {unit}")
    for i, one in enumerate(verdict["limits"]):
        mark = "binding" if i == binding else ""
        left = number(max(one["remaining"], 0.0))
        add_row(table, one["name"], one["scope"], rate(one["rate"]), number(one["burst"]), left, mark)
    return table
