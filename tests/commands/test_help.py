"""Every command explains itself, and every option can come from the environment."""

import click
import pytest
from click.testing import CliRunner
from sidecar_process import headcount

from reputation.commands.cli import COMMANDS
from reputation.commands.cli import headcount as program

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
