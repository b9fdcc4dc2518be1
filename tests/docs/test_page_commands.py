"""Every `headcount` command that a page shows is understood: command, subcommand, options, arguments."""

import re
import shlex

import click
import pytest
from test_documentation import PAGES, text

from reputation.commands.cli import headcount

FENCE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`((?:\S*/)?headcount [^`]+)`")
FORM = re.compile(r"[…\[\]|<>{}]|\.\.\.|^headcount [A-Z]+ ")
"""A form, such as `headcount deny add …`, is not a command to type."""
NOW = [page for page in PAGES if page != "CHANGELOG.md"]
"""A list of changes may name what is no more."""


def shown(page: str) -> list[str]:
    """Whole commands of a page's shell blocks, and commands named in its text."""
    whole = "\n".join(FENCE.findall(text(page))).replace("\\\n", " ")
    lines = [line.strip() for line in whole.splitlines()]
    return [line for line in [*lines, *SPAN.findall(text(page))] if re.match(r"(?:\S*/)?headcount ", line)]


def fault(line: str) -> str | None:
    """What is wrong with one command; arguments may be left out where a sentence only names it."""
    words = shlex.split(re.split(r" [|>] | && ", line)[0], comments=True)[1:]
    command: click.Command = headcount
    context = click.Context(headcount, info_name="headcount")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            return f"there is no command {words[0]}"
        command, words = found, words[1:]
        context = click.Context(command, parent=context, info_name=command.name, resilient_parsing=True)
    known = {name for option in command.get_params(context) for name in [*option.opts, *option.secondary_opts]}
    unknown = {word.partition("=")[0] for word in words if word.startswith("--")} - known
    if unknown:
        return f"{command.name} has no option {min(unknown)}"
    try:
        command.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        return error.format_message()
    return None


@pytest.mark.parametrize("page", [page for page in NOW if shown(page)])
def test_every_command_of_a_page_is_one_that_exists(page: str) -> None:
    faults = {line: fault(line) for line in shown(page) if not FORM.search(line)}
    assert {line: why for line, why in faults.items() if why} == {}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("headcount chekc", "no command chekc"),
        ("headcount clusters ban h-1", "no command ban"),
        ("headcount appeal 01J --forever", "no option --forever"),
    ],
)
def test_a_stale_command_is_noticed(line: str, why: str) -> None:
    assert why in (fault(line) or "")
