"""A terminal with safe output: text from other sources is printed unchanged, never as a style, link or emoji."""

import os
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from geoip.plain import plain

UNLIMITED = 100_000
"""Columns of an output that is no terminal: a program that reads it gets whole lines."""


def console(*, err: bool = False) -> Console:
    """Return a console without styles, links or emoji in text. Nothing is cut where the output is no terminal."""
    cut = (sys.stderr if err else sys.stdout).isatty() or "COLUMNS" in os.environ
    return Console(stderr=err, markup=False, emoji=False, highlight=False, width=None if cut else UNLIMITED)


def add_row(table: Table, *cells: Any) -> None:
    """Add a row of texts as they are."""
    table.add_row(*[plain(cell) for cell in cells])
