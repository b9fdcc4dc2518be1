"""Options that several commands share, and how errors end a command."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from reputation.errors import ConfigError, Problem

P = ParamSpec("P")
R = TypeVar("R")

FAILED = 1

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file (YAML). None: one tenant, `default`, preset `balanced`.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
admin_option = click.option(
    "--admin",
    default="127.0.0.1:8471",
    show_default=True,
    help="Admin listener of the running sidecar, HOST:PORT.",
)
token_option = click.option("--token", default=None, help="Bearer token, where the admin listener needs one.")


def ends_well(command: Callable[P, R]) -> Callable[P, R]:
    """Turn the errors that people can mend into one line on standard error and exit code 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (ConfigError, Problem) as error:
            raise click.ClickException(str(error)) from None
        except BrokenPipeError:
            sys.exit(FAILED)

    return run
