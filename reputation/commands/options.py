"""Options shared by several commands, and the handling of errors in commands."""

import datetime
import functools
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from geoip.plain import plain
from reputation.wire.errors import ConfigError, Problem

P = ParamSpec("P")
R = TypeVar("R")

FAILED = 1

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file (YAML). Without it: one tenant, `default`, preset `balanced`.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
admin_option = click.option(
    "--admin",
    default="127.0.0.1:8471",
    show_default=True,
    help="Admin listener of the running sidecar, HOST:PORT.",
)
tenant_option = click.option("--tenant", default="default", show_default=True, help="Name of the tenant.")
token_option = click.option("--token", default=None, help="Bearer token, if the admin listener needs one.")


def on_sidecar(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options for the sidecar and the tenant to a command."""
    return tenant_option(admin_option(token_option(command)))


_SPAN = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Span(click.ParamType[float, Any]):
    """A length of time such as 90s, 12h, 7d or 4w; seconds as a float."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        match = _SPAN.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is not a length of time; write it as 90s, 12h, 7d or 4w", param, ctx)
        return float(int(match[1]) * _UNITS[match[2]])


class Moment(click.ParamType[float, Any]):
    """A time: a length of time before now, such as 7d, or RFC 3339, in UTC without a zone; seconds since 1970."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        match = _SPAN.fullmatch(value.removesuffix(" ago"))
        if match is not None:
            return max(time.time() - int(match[1]) * _UNITS[match[2]], 0.0)
        try:
            at = datetime.datetime.fromisoformat(value)
            return max((at if at.tzinfo else at.replace(tzinfo=datetime.UTC)).timestamp(), 0.0)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time; write it as 12h or 7d (ago), or as 2026-11-30T12:00Z", param, ctx)


def chained(*options: Callable[[Callable[P, R]], Callable[P, R]]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make one decorator of several options."""

    def add(command: Callable[P, R]) -> Callable[P, R]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def say(found: Any, *lines: str, as_json: bool) -> None:
    """Print the result of a command: JSON for programs, else lines for people, without control characters."""
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(map(plain, lines)))


def ask(words: str) -> None:
    """Ask before a change. Raises click.ClickException if there is no terminal to ask on."""
    if not sys.stdin.isatty():
        raise click.ClickException(f"{plain(words)}; add --yes to do it all the same")
    click.confirm(f"{plain(words)}. Continue?", abort=True, err=True)


def moment(at: float) -> str:
    """Format a time for people, in UTC."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M")


def second(at: float) -> str:
    """Format a time for people, in UTC, to the second."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")


def ends_well(command: Callable[P, R]) -> Callable[P, R]:
    """Turn errors in the user's input into one line on standard error and exit code 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (ConfigError, Problem) as error:
            where = f" ({error.pointer})" if isinstance(error, Problem) and error.pointer else ""
            raise click.ClickException(f"{error}{where}") from None

    return run
