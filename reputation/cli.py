"""`headcount`: the commands, each imported only when it is called, so that a health check starts at once."""

import importlib
from typing import Any

import click

# command: (module, attribute, one line for --help)
COMMANDS = {
    "serve": ("reputation.commands.serve", "serve", "Run the sidecar."),
    "replay": ("reputation.commands.replay", "replay", "Run recorded requests through the engine."),
    "check": ("reputation.commands.check", "check", "Give one verdict, with its reasons."),
    "explain": ("reputation.commands.explain", "explain", "Say why a past verdict was what it was."),
    "clusters": (
        "reputation.commands.clusters",
        "clusters",
        "List clusters, show their evidence, split or bless them.",
    ),
    "config": ("reputation.commands.config", "config", "Validate or show the configuration, or its schema."),
    "geoip": ("geoip.cli", "geoip", "Look addresses up, build and inspect databases."),
    "allow": ("reputation.commands.allow", "allow", "Exceptions: let somebody through for a stated time."),
    "audit": ("reputation.commands.audit", "audit", "Who changed what, and why; export as JSON lines."),
    "weights": ("reputation.commands.weights", "weights", "Tune a tenant: draft, replay, shadow, canary, live, back."),
    "hash": ("reputation.commands.hash", "hash_", "Print the stored form of an API key."),
    "label": ("reputation.commands.label", "label", "Report what became of an account."),
    "state": ("reputation.commands.state", "state", "Back up, check or shrink a state file."),
    "healthcheck": (
        "reputation.commands.healthcheck",
        "healthcheck",
        "Ask a running sidecar whether it is well.",
    ),
}


class Commands(click.Group):
    """A group whose commands are in the table above."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        _name_in_environment(command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what an error quotes of others' words does not steer the terminal."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            if type(error) is not click.ClickException:
                raise
            from geoip.plain import plain  # noqa: PLC0415 - it comes with all of geoip

            raise click.ClickException("\n".join(map(plain, error.message.split("\n")))) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, _, words) in COMMANDS.items()])


def _name_in_environment(command: click.Command) -> None:
    """Give an option one name wherever it is, made of its own: HEADCOUNT_CONFIG, not HEADCOUNT_SERVE_CONFIG."""
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.envvar is None:
            parameter.envvar = "HEADCOUNT_" + parameter.opts[0].removeprefix("--").replace("-", "_").upper()
    for inner in getattr(command, "commands", {}).values():
        _name_in_environment(inner)


@click.command(cls=Commands, context_settings={"max_content_width": 100})
@click.version_option(package_name="headcount")
def headcount() -> None:
    """Rate-limit the actor, not the account.

    Every option can come from the environment: HEADCOUNT_LISTEN is the option --listen of every command that
    has it. Exit codes: 0 well, 1 something failed, 2 wrong usage.
    """


def main() -> Any:
    """Run the command line."""
    return headcount(standalone_mode=True)
