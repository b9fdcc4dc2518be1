"""Commands called inside the tests' own process, which spares half a second of imports each."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from click.testing import CliRunner
from sidecar_process import HASH_KEY

from reputation.commands.cli import headcount


class Run(NamedTuple):
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """Its answer if it went well, else what it said of the failure."""
        return self.err if self.code else self.out


def command(*arguments: str, extra: Mapping[str, str] | None = None, given: str = "") -> Run:
    """Run `headcount ARGUMENTS`; an exception that people would see as a trace fails the test."""
    cleared = dict.fromkeys(name for name in os.environ if name.startswith("HEADCOUNT_") or name == "COLUMNS")
    environment = {**cleared, "HEADCOUNT_HASH_KEY": HASH_KEY, **(extra or {})}
    result = CliRunner().invoke(headcount, arguments, input=given, env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return Run(result.exit_code, result.stdout, result.stderr)
