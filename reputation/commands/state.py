"""`headcount state`: copy a state file, check it for damage, and free unused space."""

import datetime
from pathlib import Path

import click
import msgspec

from geoip.plain import plain
from reputation.commands.options import FAILED, ends_well, json_option
from reputation.stores.places import MEMORY, default_place
from reputation.stores.sqlite.care import Findings, copy, look, shrink
from reputation.wire.errors import ConfigError

state_option = click.option(
    "--state", help="The state file; by default headcount/state.sqlite3 in the user's state directory."
)


def state_file(place: str | None) -> Path:
    """Return the file that --state names, or the default file. Raises ConfigError if it names no file."""
    place = place or default_place()
    if place == MEMORY or "://" in place:
        raise ConfigError(
            f"--state {place}: not a file; for Redis use its own tools, and state in memory ends with the process"
        )
    return Path(place)


@click.group()
def state() -> None:
    """Back up, check or shrink a state file."""


@state.command()
@click.argument("to", type=click.Path(path_type=Path))
@state_option
@json_option
@ends_well
def backup(to: Path, state: str | None, *, as_json: bool) -> None:
    """Copy the state file TO another file, as it is at one moment. The sidecar may run."""
    path = state_file(state)
    size = copy(path, to)
    _say({"from": str(path), "to": str(to), "bytes": size}, f"{plain(to)}: {size:,} bytes", as_json=as_json)


@state.command()
@state_option
@json_option
@click.pass_context
@ends_well
def check(context: click.Context, state: str | None, *, as_json: bool) -> None:
    """Read the whole state file and print its contents; exit code 1 if it is damaged. The sidecar may run."""
    found = look(state_file(state))
    _say(found, _summary(found), as_json=as_json)
    context.exit(FAILED if found.faults else 0)


@state.command()
@state_option
@json_option
@ends_well
def vacuum(state: str | None, *, as_json: bool) -> None:
    """Give the file's unused space back to the disk. The sidecar must be stopped."""
    before, after = shrink(state_file(state))
    _say({"before": before, "after": after}, f"{before:,} bytes before, {after:,} now", as_json=as_json)


def _say(found: object, words: str, *, as_json: bool) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(found)).decode() if as_json else words)


def _summary(found: Findings) -> str:
    last = "never"
    if found.written_at is not None:
        last = datetime.datetime.fromtimestamp(found.written_at, datetime.UTC).isoformat(" ", "seconds")
    ended = "clean stop" if found.clean_stop else "in use, or the last stop was not clean"
    tenants = [
        f"  tenant {plain(name)}: " + ", ".join(f"{count:,} {table}" for table, count in tables.items())
        for name, tables in found.tenants.items()
    ]
    lines = [
        f"{plain(found.path)}: schema {found.schema}, {found.bytes:,} bytes, last write {last}, {ended}",
        *tenants,
        f"  {found.records:,} documents",
        *(f"  damaged: {plain(fault)}" for fault in found.faults),
    ]
    return "\n".join(lines)
