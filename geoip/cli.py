"""`headcount geoip`: look up addresses, build and inspect databases."""

import sys
import time
from pathlib import Path
from typing import Any, Final, get_args

import click
import msgspec
from rich.table import Table

from geoip.book import EMBEDDED, AddressBook
from geoip.facts import AddressFacts, Kind, host_text
from geoip.lists import CONFIDENCE, ListError, compile_lists
from geoip.losses import LossError
from geoip.plain import plain
from geoip.readers import Database, DatabaseError
from geoip.terminal import add_row, console

_KINDS: Final[dict[str, Kind]] = {kind: kind for kind in get_args(Kind)}
_NAMED: Final = 5

_databases = click.option(
    "--database",
    "paths",
    multiple=True,
    envvar="HEADCOUNT_DATABASE",
    type=click.Path(path_type=Path),
    help="An MMDB file to read before the embedded database; may be repeated, and the first file has priority.",
)
_embedded = click.option("--embedded/--no-embedded", default=True, help="Whether to read the embedded database.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@click.group()
def geoip() -> None:
    """Look up addresses, build and inspect databases."""


@geoip.command()
@click.argument("addresses", metavar="IP...", nargs=-1, required=True)
@_databases
@_embedded
@_as_json
def lookup(addresses: tuple[str, ...], paths: tuple[Path, ...], *, embedded: bool, as_json: bool) -> None:
    """Print the known facts about addresses; exit code 1 if one of them is not an address."""
    book = _open(paths, embedded=embedded)
    known = [_printable(book.lookup(address)) for address in addresses]
    if as_json:
        _print_json(known[0] if len(known) == 1 else known)
    else:
        for facts in known:
            _print_facts(facts)
    malformed = [facts["ip"] for facts in known if facts["scope"] == "malformed"]
    if malformed:
        raise click.ClickException(f"not an IPv4 or IPv6 address: {', '.join(map(plain, malformed))}")


@geoip.command()
@click.argument("lists", metavar="KIND=FILE...", nargs=-1, required=True)
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The MMDB file to write.")
@click.option(
    "--confidence",
    default=CONFIDENCE,
    show_default=True,
    type=click.IntRange(1, 100),
    help="Confidence of the entries, in percent.",
)
@click.option(
    "--force", is_flag=True, help="Write the file even if a list is empty or most networks of a kind are lost."
)
@_as_json
def build(lists: tuple[str, ...], out: Path, confidence: int, *, force: bool, as_json: bool) -> None:
    """Compile lists of networks into one database.

    A list has one network, address or AS number a line; # and ; start a comment. KIND is one of tor, vpn,
    proxy, relay, hosting, education, mobile, residential and business. An empty list is an error. It is also an
    error if the new database has less than a fifth of the networks of a kind in the database that it replaces.
    """
    pairs = [_pair(text) for text in lists]
    try:
        compiled = compile_lists(pairs, out, time.time(), confidence, force=force)
    except (ListError, LossError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    if as_json:
        _print_json({"path": str(out), **compiled._asdict()})
    else:
        click.echo(f"{out}: {compiled.ranges:,} ranges from {compiled.entries:,} entries")
        if compiled.left_out:
            some = ", ".join(map(plain, compiled.left_out[:_NAMED]))
            click.echo(f"{len(compiled.left_out):,} entries match no address and are left out: {some}", err=True)


@geoip.command()
@_databases
@_embedded
@_as_json
def status(paths: tuple[Path, ...], *, embedded: bool, as_json: bool) -> None:
    """Print the databases in use, their age and the facts they supply."""
    book = _open(paths, embedded=embedded)
    for warning in book.warnings:
        click.echo(f"warning: {plain(warning)}", err=True)
    rows = [_row(database, book) for database in book.databases]
    if as_json:
        _print_json(rows)
    else:
        _print_rows(rows)


def _open(paths: tuple[Path, ...], *, embedded: bool) -> AddressBook:
    try:
        return AddressBook.open(paths, time.time(), EMBEDDED if embedded else None)
    except DatabaseError as error:
        raise click.ClickException(str(error)) from error


def _pair(text: str) -> tuple[Kind, Path]:
    word, _, path = text.partition("=")
    kind = _KINDS.get(word)
    if kind is None or not path:
        raise click.UsageError(f"{text!r} is not KIND=FILE with one of {', '.join(_KINDS)}")
    return kind, Path(path)


def _printable(facts: AddressFacts) -> dict[str, Any]:
    """Return the facts with keys as text, because JSON readers may round such large numbers."""
    known: dict[str, Any] = msgspec.to_builtins(facts)
    del known["network_name"]
    if facts.host is not None:
        known |= {"host": host_text(facts.host), "network": facts.network_name}
    return known


def _row(database: Database, book: AddressBook) -> dict[str, Any]:
    return {
        "path": str(database.path),
        "type": database.type,
        "layout": database.layout.name,
        "ip_version": database.ip_version,
        "built": database.built,
        "stale": database in book.stale,
        "supplies": list(database.layout.supplies),
        "fast": database.is_fast,
    }


def _print_facts(facts: dict[str, Any]) -> None:
    table = Table(show_header=False, box=None)
    for name, value in facts.items():
        if value is not None:
            add_row(table, name.replace("_", " "), value)
    console().print(table)


def _print_rows(rows: list[dict[str, Any]]) -> None:
    table = Table("database", "layout", "built", "supplies")
    for row in rows:
        built = time.strftime("%Y-%m-%d", time.gmtime(min(row["built"], 253402300799)))
        state = f"{built} (stale)" if row["stale"] else built
        add_row(table, row["path"], row["layout"], state, ", ".join(row["supplies"]))
    console().print(table)


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
