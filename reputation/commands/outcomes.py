"""`headcount outcomes`: what came back for an account."""

import click

from reputation.commands.history import known_history_of
from reputation.commands.options import json_option, on_sidecar, say, second


@click.command()
@click.argument("account")
@on_sidecar
@json_option
def outcomes(account: str, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """List the outcomes of ACCOUNT, the newest first, at most 32 of each kind. headcount label reports one."""
    found = known_history_of(admin, token, tenant, account)["outcomes"]
    lines = [f"{second(one['at'])} UTC  {one['outcome']}" for one in found]
    say(found, *(lines or ["no outcomes"]), as_json=as_json)
