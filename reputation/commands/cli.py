"""`headcount`: the table of commands. A command is imported only when it is called, so a health check starts fast."""

import importlib
import json
import os
from typing import IO, Any

import click

from reputation.commands.refused import Refused
from reputation.wire.errors import ConfigError

# command: (module, attribute, one line for --help)
COMMANDS = {
    "serve": ("reputation.commands.serve", "serve", "Run the sidecar."),
    "replay": ("reputation.commands.replay", "replay", "Run recorded requests through the engine."),
    "check": ("reputation.commands.check", "check", "Print one verdict, with its reasons."),
    "find": ("reputation.commands.find", "find", "Find a verdict, account, key, address, card, customer or cluster."),
    "explain": ("reputation.commands.explain", "explain", "Say why a past verdict was what it was."),
    "appeal": ("reputation.commands.appeal", "appeal", "Show a verdict and its account, and lift a stop for a day."),
    "account": ("reputation.commands.account", "account", "Show an account: standing, facts, history, neighbours."),
    "decisions": ("reputation.commands.decisions", "decisions", "List recent verdicts, by account, decision or tier."),
    "outcomes": ("reputation.commands.outcomes", "outcomes", "List the outcomes that came back for an account."),
    "clusters": (
        "reputation.commands.clusters",
        "clusters",
        "List clusters, show their evidence, rule on them, take a ruling back.",
    ),
    "config": ("reputation.commands.config", "config", "Validate or show the configuration, or print its schema."),
    "geoip": ("geoip.cli", "geoip", "Look up addresses, build and inspect databases."),
    "allow": ("reputation.commands.allow", "allow", "Exceptions: let requests pass for a stated time."),
    "deny": ("reputation.commands.deny", "deny", "The deny list: stop requests for a stated time."),
    "indicators": (
        "reputation.commands.indicators",
        "indicators",
        "Share what a cluster has in common, and use what others shared (STIX 2.1).",
    ),
    "audit": ("reputation.commands.audit", "audit", "Show or export the audit log: who changed what, and why."),
    "tenants": ("reputation.commands.tenants", "tenants", "List and show tenants; create and delete those of the API."),
    "weights": (
        "reputation.commands.weights",
        "weights",
        "Tune a tenant: draft, replay, shadow, canary, live, rollback.",
    ),
    "forget": ("reputation.commands.forget", "forget", "Erase an account and its identifiers, everywhere."),
    "prices": ("reputation.commands.prices", "prices", "What a million requests cost an attacker."),
    "hash": ("reputation.commands.hash", "hash_", "Print the stored form of an API key."),
    "label": ("reputation.commands.label", "label", "Report an outcome or a label for an account."),
    "state": ("reputation.commands.state", "state", "Back up, check or shrink a state file."),
    "healthcheck": (
        "reputation.commands.healthcheck",
        "healthcheck",
        "Check whether a running sidecar is ready.",
    ),
}


AS_JSON = "headcount.json"


class JsonError(click.ClickException):
    """An error as one line of JSON on standard error; status and pointer are those of the admin API."""

    def __init__(self, error: click.ClickException) -> None:
        super().__init__(error.format_message())
        problem: dict[str, Any] = error.problem if isinstance(error, Refused) else {}
        members: dict[str, Any] = {name: problem[name] for name in ("status", "pointer") if name in problem}
        self.document = {"error": self.message, **members, "exit_code": self.exit_code}

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(json.dumps(self.document), file=file, err=True)


class JsonUsageError(JsonError):
    """Wrong usage, as JSON."""

    exit_code = click.UsageError.exit_code


class Commands(click.Group):
    """A group with the commands of the table above."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ConfigError as error:  # a gateway's folder is incomplete
            raise click.ClickException(str(error)) from None
        _name_in_environment(command)
        _summaries_whole(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; for an unknown one, name the nearest."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=ctx)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        before = args[: args.index("--")] if "--" in args else args
        ctx.meta[AS_JSON] = "--json" in before or os.environ.get("HEADCOUNT_JSON", "0") not in ("", "0", "false")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; quoted text in an error cannot control the terminal. With --json an error is JSON."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            if ctx.meta[AS_JSON]:
                raise (JsonUsageError if isinstance(error, click.UsageError) else JsonError)(error) from None
            if not isinstance(error, Refused) and type(error) is not click.ClickException:
                raise
            from geoip.plain import plain  # noqa: PLC0415 - it comes with all of geoip

            raise click.ClickException("\n".join(map(plain, error.message.split("\n")))) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, _, words) in COMMANDS.items()])


def _name_in_environment(command: click.Command) -> None:
    """Name an option's variable after the option alone: HEADCOUNT_CONFIG, not HEADCOUNT_SERVE_CONFIG."""
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.envvar is None:
            parameter.envvar = "HEADCOUNT_" + parameter.opts[0].removeprefix("--").replace("-", "_").upper()
    for inner in getattr(command, "commands", {}).values():
        _name_in_environment(inner)


def _summaries_whole(command: click.Command) -> None:
    """Give each command of a group its whole first sentence as the summary; click's own is cut at 45 characters."""
    for inner in getattr(command, "commands", {}).values():
        sentence = " ".join((inner.help or "").split("\n\n")[0].split()).partition(". ")[0]
        inner.short_help = sentence.rstrip(".") + "."


@click.command(cls=Commands, context_settings={"max_content_width": 100})
@click.version_option(package_name="headcount")
def headcount() -> None:
    """Rate-limit the actor, not the account.

    Every option can also be an environment variable: HEADCOUNT_LISTEN sets --listen in every command with that
    option. Exit codes: 0 success, 1 error, 2 usage error.
    """


def main() -> Any:
    """Run the command line."""
    return headcount(standalone_mode=True)
