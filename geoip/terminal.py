"""A terminal with safe output: text from other sources is printed unchanged, never as a style, link or emoji."""

from typing import Any

from rich.console import Console
from rich.table import Table

from geoip.plain import plain


def console(*, err: bool = False) -> Console:
    """Return a console without styles, links or emoji in text."""
    return Console(stderr=err, markup=False, emoji=False, highlight=False)


def add_row(table: Table, *cells: Any) -> None:
    """Add a row of texts as they are."""
    table.add_row(*[plain(cell) for cell in cells])
