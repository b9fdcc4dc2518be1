"""`headcount account`: an account's standing, facts, history and neighbours."""

from typing import Any

import click

from reputation.commands.history import history_lines, known_history_of
from reputation.commands.options import json_option, moment, on_sidecar, say

NOT_FACTS = frozenset({"id", "tenant", "payer", "proven", "tier", "buckets", "cluster"})


@click.group()
def account() -> None:
    """Show an account of a running sidecar."""


@account.command()
@click.argument("account")
@on_sidecar
@json_option
def show(account: str, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """Show ACCOUNT: tier and buckets, facts, label, outcomes, exceptions, appeals, addresses, and who shares its card.

    headcount find leads from a key, an address or a card to the account.
    """
    found = known_history_of(admin, token, tenant, account)
    standing = found["standing"] or {}
    buckets = [
        f"{name}: {bucket['remaining']:.1f} of {bucket['burst']:g} left, {bucket['rate']:g}/s"
        for name, bucket in standing.get("buckets", {}).items()
    ]
    facts = [f"{name}: {value}" for name, value in _facts(standing)]
    seen = [f"address {one['ip']}: {moment(one['at'])} UTC, {one['accounts']} accounts" for one in found["addresses"]]
    others = [
        f"{words}: {', '.join(found[name]['accounts'])}"
        for name, words in (("same_card", "with its card"), ("same_device", "on its device"))
        if found[name]["accounts"]
    ]
    say(found, f"account {account}", *history_lines(found), *buckets, *facts, *seen, *others, as_json=as_json)


def _facts(standing: dict[str, Any]) -> list[tuple[str, Any]]:
    """Known facts, the members of nested ones by their path."""
    found: list[tuple[str, Any]] = []
    for name, value in standing.items():
        if name in NOT_FACTS or value is None:
            continue
        if isinstance(value, dict):
            found += [(f"{name}.{member}", one) for member, one in value.items() if one is not None]
        elif isinstance(value, list):
            found += [(name, ", ".join(map(str, value)))] if value else []
        else:
            found.append((name, f"{moment(value)} UTC" if name == "created_at" else value))
    return found
