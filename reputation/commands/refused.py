"""A refusal of the admin API as an error of the command line."""

from typing import Any

import click


class Refused(click.ClickException):
    """The admin API refused a call. problem: its problem document (RFC 9457)."""

    def __init__(self, message: str, problem: dict[str, Any]) -> None:
        super().__init__(message)
        self.problem = problem
