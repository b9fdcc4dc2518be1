"""Every command explains itself, and every option can come from the environment."""

from typing import get_args

import click
import pytest
from click.testing import CliRunner
from sidecar_process import headcount

from reputation.commands.cli import COMMANDS
from reputation.commands.cli import headcount as program
from reputation.wire.messages import OutcomeKind

RUNNER = CliRunner()


def walk(command, path=()):
    """Every command with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), (*path, name))


ALL = dict(walk(program))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_says_what_a_command_does_and_what_every_option_is(path):
    shown = RUNNER.invoke(program, [*path, "--help"])
    assert shown.exit_code == 0
    assert shown.output.startswith("Usage: ")
    assert len(ALL[path].help.split()) >= 3
    for parameter in ALL[path].params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.opts[0] in shown.output


GROUPS = [path for path in ALL if isinstance(ALL[path], click.Group)]


@pytest.mark.parametrize("path", GROUPS, ids=" ".join)
def test_the_list_of_a_group_s_commands_cuts_no_sentence(path):
    shown = " ".join(RUNNER.invoke(program, [*path, "--help"]).output.partition("Commands:")[2].split())
    assert "..." not in shown
    for name in ALL[path].list_commands(click.Context(ALL[path])):
        summary = COMMANDS[name][2] if not path else ALL[(*path, name)].help.partition(". ")[0].partition("\n\n")[0]
        assert " ".join(summary.split()).rstrip(".") in shown


def test_help_lists_every_outcome_in_one_piece():
    shown = RUNNER.invoke(program, ["label", "--help"]).output
    assert all(outcome in shown for outcome in get_args(OutcomeKind))


@pytest.mark.parametrize("path", [path for path in ALL if path], ids=" ".join)
def test_every_option_has_one_name_in_the_environment(path):
    """HEADCOUNT_ADMIN is --admin of every command that has it, also of `clusters list`."""
    for option in ALL[path].params:
        if isinstance(option, click.Option):
            assert option.envvar == "HEADCOUNT_" + option.opts[0].lstrip("-").replace("-", "_").upper()


@pytest.mark.parametrize("path", [path for path in ALL if not isinstance(ALL[path], click.Group)], ids=" ".join)
def test_every_command_that_prints_something_has_json(path):
    """Only the sidecar itself prints nothing but its log."""
    options = [option.opts[0] for option in ALL[path].params]
    assert ("--json" in options) == (path != ("serve",))


def test_the_commands_of_the_contract_are_there():
    known = {"serve", "replay", "check", "explain", "config", "clusters", "geoip", "label", "hash", "healthcheck"}
    assert known <= set(COMMANDS)
    shown = RUNNER.invoke(program, ["--help"]).output
    assert all(name in shown for name in COMMANDS)


def test_the_version_is_told():
    assert RUNNER.invoke(program, ["--version"]).output.startswith("headcount, version ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serv"], "serv"),
        (["check"], "BODY"),
        (["serve", "--listn", "x"], "--listen"),
        (["label", "a", "godo"], "good"),
        (["serve", "--listener", "fast"], "lean"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_says_what_is_right(arguments, words):
    shown = RUNNER.invoke(program, arguments)
    assert shown.exit_code == 2
    assert words in shown.output


def test_the_installed_command_is_this_program():
    shown = headcount("--version")
    assert (shown.returncode, shown.stderr) == (0, b"")
