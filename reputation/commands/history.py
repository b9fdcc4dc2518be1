"""The standing and the history of an account, in lines for people."""

from typing import Any

import click

from reputation.commands.admin_api import call, part
from reputation.commands.options import moment

SAID = ("standing", "label", "outcomes", "exceptions", "denials", "appeals")
"""Members of a history; an account of which none is there is unknown."""


def history_of(admin: str, token: str | None, tenant: str, account: str) -> dict[str, Any]:
    """Ask for the history of an account."""
    found: dict[str, Any] = call(admin, token, "GET", f"/v1/history?account={part(account)}&tenant={part(tenant)}")
    return found


def known_history_of(admin: str, token: str | None, tenant: str, account: str) -> dict[str, Any]:
    """Fetch the history of an account. Raises click.ClickException if nothing at all is known of it."""
    found = history_of(admin, token, tenant, account)
    if not any(found[member] for member in SAID):
        words = f"nothing is known of account {account!r} of tenant {tenant!r}; headcount find leads to an account"
        raise click.ClickException(words)
    return found


def _shared(history: dict[str, Any]) -> str:
    card, device = history["same_card"]["total"], history["same_device"]["total"]
    return f"other accounts with its card: {card}, on its device: {device}"


def _label(label: dict[str, Any] | None) -> str:
    if label is None:
        return "no label"
    return f"label {label['label']} by {label['by']} ({label['source']}): {label['reason']}"


def history_lines(history: dict[str, Any] | None) -> list[str]:
    """Return the standing and the history of an account, a line each; None: a verdict without an account."""
    if history is None:
        return ["the verdict names no account"]
    return [
        _standing(history["standing"]),
        _label(history["label"]),
        "outcomes: " + (", ".join(f"{o['outcome']} {moment(o['at'])}" for o in history["outcomes"]) or "none"),
        _shared(history),
        *[f"let through until {moment(e['expires'])} UTC by {e['by']}: {e['reason']} ({e['id']})"
          for e in history["exceptions"]],
        *[f"denied until {moment(d['expires'])} UTC by {d['by']}: {d['reason']} ({d['id']})"
          for d in history["denials"]],
        *([history["listed"]["words"]] if history["listed"]["words"] else []),
        *[f"appeal of {moment(a['at'])} UTC by {a['by']}: {a['reason']}" for a in history["appeals"]],
    ]  # fmt: skip


def _standing(standing: dict[str, Any] | None) -> str:
    if standing is None:
        return "no state is kept of the account"
    names = [name for name in ("payer", "proven") if standing[name]] or ["unproven"]
    cluster = standing["cluster"]
    linked = (
        "in no cluster" if cluster is None else f"in cluster {cluster['id']}, confidence {cluster['confidence']:.2f}"
    )
    return f"tier {standing['tier'] or 'not known yet'}, {', '.join(names)}, {linked}"
