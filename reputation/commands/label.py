"""`headcount label`: tell a running sidecar what became of an account."""

from typing import get_args

import click

from reputation.commands.admin_api import call
from reputation.commands.options import admin_option, token_option
from reputation.events import OutcomeKind


@click.command()
@click.argument("account")
@click.argument("outcome", type=click.Choice(get_args(OutcomeKind)))
@click.option("--tenant", default="default", show_default=True)
@admin_option
@token_option
def label(account: str, outcome: str, tenant: str, admin: str, token: str | None) -> None:
    """Report OUTCOME for ACCOUNT."""
    call(admin, token, "POST", "/v1/outcomes", {"tenant": tenant, "account": account, "outcome": outcome})
    click.echo(f"{account}: {outcome}")
